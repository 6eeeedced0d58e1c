//! What a project has in all of its regions and zones: lists of lists, any of which may be missing.

use std::collections::BTreeSet;

use google_cloud_compute_v1::model::{Disk, Image, InstanceGroupManager, InstanceTemplate};
use immutable_core::Result;

use crate::client::Gcp;

/// How many of a list are asked for at once: the most that Google gives.
const PAGE: u32 = 500;

/// A list of lists, and the places of which it says nothing.
#[derive(Debug)]
pub(super) struct Listed<T> {
    pub(super) found: Vec<T>,
    pub(super) unseen: BTreeSet<String>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { found: Vec::new(), unseen: BTreeSet::new() }
    }
}

impl<T> Listed<T> {
    /// A place may answer with a warning instead. One is of every place that has none of these: NO_RESULTS_ON_PAGE.
    fn add(&mut self, place: &str, found: Vec<T>, warning: Option<&str>) {
        self.found.extend(found);
        if let Some(warning) = warning.filter(|code| *code != "NO_RESULTS_ON_PAGE") {
            self.unseen.insert(format!("{place} does not show all of its own ({warning})"));
        }
    }
}

/// All pages of a method that lists what is in all regions and zones.
macro_rules! aggregated {
    ($gcp:expr, $method:literal, $client:ident, $filter:expr, $of:ident $(, $unreachables:ident)?) => {{
        let mut listed = Listed::default();
        let mut token = String::new();
        loop {
            let call = $gcp.clients().$client.aggregated_list().set_project($gcp.project()).set_max_results(PAGE);
            let call = call.set_or_clear_filter($filter).set_page_token(&token);
            let answer = $gcp.ask($method, || call.clone().send()).await?;
            for (place, list) in answer.items {
                let code = list.warning.and_then(|warning| warning.code);
                listed.add(&place, list.$of, code.as_ref().map(|code| code.name().unwrap_or("a warning without a name")));
            }
            $(for place in answer.$unreachables {
                listed.add(&place, Vec::new(), Some("UNREACHABLE"));
            })?
            token = answer.next_page_token.unwrap_or_default();
            if token.is_empty() {
                return Ok(listed);
            }
        }
    }};
}

pub(super) async fn templates(gcp: &Gcp) -> Result<Listed<InstanceTemplate>> {
    aggregated!(gcp, "instanceTemplates.aggregatedList", all_templates, None::<String>, instance_templates)
}

pub(super) async fn groups(gcp: &Gcp) -> Result<Listed<InstanceGroupManager>> {
    aggregated!(gcp, "instanceGroupManagers.aggregatedList", groups, None::<String>, instance_group_managers, unreachables)
}

/// The disks that were made of an image.
pub(super) async fn disks(gcp: &Gcp, image: &str) -> Result<Listed<Disk>> {
    aggregated!(gcp, "disks.aggregatedList", disks, Some(made_of(image)), disks, unreachables)
}

/// The images of this project that were made of an image.
pub(super) async fn images(gcp: &Gcp, image: &str) -> Result<Vec<Image>> {
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let call = gcp.clients().images.list().set_project(gcp.project()).set_max_results(PAGE);
        let call = call.set_filter(made_of(image)).set_page_token(&token);
        let answer = gcp.ask("images.list", || call.clone().send()).await?;
        found.extend(answer.items);
        token = answer.next_page_token.unwrap_or_default();
        if token.is_empty() {
            return Ok(found);
        }
    }
}

/// "disks.aggregatedList", `filter`: "the literal value must match the entire field", which is a URL of any of Google's hosts.
fn made_of(image: &str) -> String {
    format!("sourceImage eq \".*{image}\"")
}
