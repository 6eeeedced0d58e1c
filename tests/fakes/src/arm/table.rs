//! All calls that are known: one row each. A type of resources is a file with its rows, and a line here.

use super::answer::Answer;
use super::asked::Asked;
use super::error::Result;
use super::world::World;
use super::{compute, gallery, image, market, metrics, network, operation, token, traffic_manager};

/// A call.
#[derive(Debug)]
pub(crate) struct Row {
    /// `virtualMachineScaleSets.update`: the group of operations and the method of Microsoft's clients, without `begin_`.
    pub(crate) call: &'static str,
    pub(crate) method: &'static str,
    /// Segments, compared without case. `*` is one of any name, a `**` in front is a whole resource id. What begins with `G/` is in a resource group,
    /// with `S/` in a subscription: both end in `/providers`.
    pub(crate) path: &'static str,
    /// The `api-version`s that are known; without any, the call takes none, or whatever its URL has.
    pub(crate) versions: &'static [&'static str],
    /// What else may stand in its query.
    pub(crate) query: &'static [&'static str],
    /// Whether it is asked before anybody has a token, in a form.
    pub(crate) form: bool,
    /// Whether it is a POST that changes nothing.
    pub(crate) reads: bool,
    pub(crate) act: fn(&mut World, &Asked) -> Result<Answer>,
}

impl Row {
    /// A call without query parameters.
    pub(crate) const fn new(
        call: &'static str,
        method: &'static str,
        path: &'static str,
        versions: &'static [&'static str],
        act: fn(&mut World, &Asked) -> Result<Answer>,
    ) -> Self {
        Self { call, method, path, versions, query: &[], form: false, reads: false, act }
    }

    /// A call with these.
    pub(crate) const fn query(mut self, query: &'static [&'static str]) -> Self {
        self.query = query;
        self
    }

    /// A call in a form, without a token.
    pub(crate) const fn form(mut self) -> Self {
        self.form = true;
        self
    }

    /// A POST that changes nothing.
    pub(crate) const fn reads(mut self) -> Self {
        self.reads = true;
        self
    }

    /// What stands in the place of each `*`, if a path is of this row.
    fn names(&self, path: &[&str]) -> Option<Vec<String>> {
        let (scope, rest): (&[&str], &str) = match self.path.split_once('/') {
            Some(("G", rest)) => (&["subscriptions", "*", "resourceGroups", "*", "providers"], rest),
            Some(("S", rest)) => (&["subscriptions", "*", "providers"], rest),
            Some(("**", rest)) => return Self::behind(path, rest),
            _ => (&[], self.path),
        };
        let known = scope.iter().copied().chain(rest.split('/'));
        if known.clone().count() != path.len() {
            return None;
        }
        // The names of the scope are asked for by themselves.
        let skip = scope.iter().filter(|part| **part == "*").count();
        let mut names = Vec::new();
        for (known, part) in known.zip(path) {
            match known {
                "*" => names.push((*part).to_owned()),
                known if known.eq_ignore_ascii_case(part) => {}
                _ => return None,
            }
        }
        Some(names.split_off(skip))
    }

    /// Whether a path ends so, behind a resource id, which is then the one name.
    fn behind(path: &[&str], rest: &str) -> Option<Vec<String>> {
        let known: Vec<&str> = rest.split('/').collect();
        let (id, end) = path.split_at_checked(path.len().checked_sub(known.len())?)?;
        let same = known.iter().zip(end).all(|(known, part)| known.eq_ignore_ascii_case(part));
        (same && !id.is_empty()).then(|| vec![format!("/{}", id.join("/"))])
    }
}

const TABLES: &[&[Row]] = &[
    token::CALLS,
    operation::CALLS,
    compute::scale_set::CALLS,
    compute::virtual_machine::CALLS,
    gallery::CALLS,
    image::CALLS,
    market::CALLS,
    network::CALLS,
    traffic_manager::CALLS,
    metrics::CALLS,
];

/// The row of a request, and what stands in the place of each `*`.
pub(crate) fn find(method: &str, path: &str) -> Option<(&'static Row, Vec<String>)> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let rows = TABLES.iter().copied().flatten().filter(|row| row.method == method);
    rows.filter_map(|row| row.names(&parts).map(|names| (row, names))).next()
}
