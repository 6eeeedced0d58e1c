//! The ports: what a cloud must be able to do for its fleets to be replaced.
//!
//! Object-safe, few methods, no default bodies. Every call that changes something of a fleet carries an [`Op`](crate::fleet::Op), journaled before the
//! call is sent; an [`ImageCatalog`]'s calls belong to no fleet, and carry none. The suite that the feature `conformance` has says whether an implementation keeps the contracts.
//!
//! A [`Judge`] belongs to no place: it says whether a release is good enough. [`ThresholdJudge`] asks a source of [`Metrics`],
//! [`judge_fn`] a function. Nor does a [`SizeSource`], which says how many instances a fleet should have.

mod budget;
mod catalog;
mod fleets;
mod judge;
mod metrics;
mod sizes;
mod traffic;

use std::fmt;
use std::sync::Arc;

use crate::artifact::Place;

pub use budget::{CallBudget, Rate};
pub use catalog::{
    Availability, CatalogCapabilities, Deleted, ImageCatalog, ImageSeen, ImageStage, ImageUse, ImageUses, Replica,
};
pub use fleets::FleetProvider;
pub use judge::{Judge, Side, Trial, judge_fn};
pub use metrics::{Metrics, Query, ThresholdJudge};
pub use sizes::{SizeSource, size_fn};
pub use traffic::TrafficSwitch;

/// The ports of one place.
#[derive(Clone)]
#[non_exhaustive]
pub struct Provider {
    /// Which place.
    pub place: Place,
    /// Its fleets.
    pub fleets: Arc<dyn FleetProvider>,
    /// Its images; without it, plans don't look at them.
    pub images: Option<Arc<dyn ImageCatalog>>,
    /// Its load balancers.
    pub traffic: Option<Arc<dyn TrafficSwitch>>,
}

impl Provider {
    /// A place that has fleets.
    pub fn new(place: Place, fleets: Arc<dyn FleetProvider>) -> Self {
        Self { place, fleets, images: None, traffic: None }
    }

    /// With its images.
    #[must_use]
    pub fn images(mut self, images: Arc<dyn ImageCatalog>) -> Self {
        self.images = Some(images);
        self
    }

    /// With its load balancers.
    #[must_use]
    pub fn traffic(mut self, traffic: Arc<dyn TrafficSwitch>) -> Self {
        self.traffic = Some(traffic);
        self
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("place", &self.place).finish_non_exhaustive()
    }
}
