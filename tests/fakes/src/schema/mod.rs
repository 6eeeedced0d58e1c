//! A vendor's own schema as a judge: what is the same whoever the vendor is.
//!
//! A request's path tells its method; values are held against schemas, and everything that is wrong is told with its place.

mod judge;
mod shape;
mod uri;

use std::collections::BTreeMap;

pub use judge::Values;
pub(crate) use judge::{Judge, Passes};
pub(crate) use shape::{Location, Schema};
pub(crate) use uri::{Case, Route, Uri, find};

/// Which method a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match<'a> {
    /// The method's name without the service's, as `instanceGroupManagers.resize` or `virtualMachineScaleSets.update`.
    pub id: &'a str,
    /// Of the path and of the query, decoded; those that any method may have are not among them.
    pub parameters: BTreeMap<String, String>,
}
