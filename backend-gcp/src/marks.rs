//! How what is ours is named and marked. Names are unique in a project's region, and so are fleets: identity is in the mark, and a name alone proves nothing.

use std::collections::BTreeMap;

use immutable_core::fleet::{FleetId, GenerationId, GenerationSpec, GroupId};
use immutable_core::{Digest, Error, Result};

/// `web-0007-0`: the name of a group, and how the names of all else that is made for it begin.
pub(crate) fn name(fleet: &FleetId, group: GroupId) -> String {
    format!("{}-{}", group.generation.name(fleet), group.cell)
}

/// The group that has this name, if a group of the fleet could.
pub(crate) fn group(fleet: &FleetId, name: &str) -> Option<GroupId> {
    let rest = name.strip_prefix(fleet.name())?.strip_prefix('-')?;
    let (generation, cell) = rest.split_once('-')?;
    let id = GroupId { generation: GenerationId(generation.parse().ok()?), cell: cell.parse().ok()? };
    (self::name(fleet, id) == name).then_some(id)
}

/// The name of a group's instance template: another spec, another name, so that one is never taken for another.
pub(crate) fn template_name(spec: &GenerationSpec, group: GroupId) -> String {
    let digest = spec.digest().to_string();
    let hex = digest.rsplit(':').next().unwrap_or(&digest);
    format!("{}-{}", name(&spec.fleet, group), hex.get(..12).unwrap_or(hex))
}

/// Whether Google takes these names. InstanceGroupManager, `baseInstanceName`: "The base instance name is 1-58 characters long and complies with RFC1035"; a template's is up
/// to 63, of which a dash and the digest take 13.
pub(crate) fn check(spec: &GenerationSpec) -> Result<()> {
    let longest = spec.group_ids().map(|group| name(&spec.fleet, group)).max_by_key(String::len).unwrap_or_default();
    if longest.len() > 50 {
        let over = longest.len() - 50;
        return Err(Error::invalid(format!(
            "the name {longest} is too long for an instance template's, with the digest in it, by {over}; name the fleet shorter"
        )));
    }
    if !longest.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(Error::invalid(format!(
            "the name {longest} must begin with a letter in Google Cloud; name the fleet otherwise"
        )));
    }
    Ok(())
}

/// What stands in the description of a group and of its template.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Mark {
    pub(crate) fleet: String,
    pub(crate) generation: GenerationId,
    pub(crate) cell: u16,
    pub(crate) spec: Digest,
    /// For people: `acmeinc/web@1.2.0`.
    pub(crate) artifact: String,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Described {
    immutable: Mark,
}

impl Mark {
    pub(crate) fn of(spec: &GenerationSpec, group: GroupId) -> Self {
        Self {
            fleet: spec.fleet.name().to_owned(),
            generation: group.generation,
            cell: group.cell,
            spec: spec.digest(),
            artifact: format!("{}@{}", spec.name, spec.version),
        }
    }

    pub(crate) fn write(&self) -> String {
        serde_json::to_string(&Described { immutable: self.clone() }).unwrap_or_default()
    }

    pub(crate) fn read(description: Option<&String>) -> Option<Self> {
        serde_json::from_str::<Described>(description?).ok().map(|described| described.immutable)
    }

    /// Which of a fleet's groups it is of, if it is of one.
    pub(crate) fn group(&self, fleet: &FleetId) -> Option<GroupId> {
        (self.fleet == fleet.name()).then_some(GroupId { generation: self.generation, cell: self.cell })
    }
}

/// The labels of a group's instances: what the spec says, as far as it can be a label, and whose they are. Compute Engine, "Requirements for labels": lower case, at most 63 of
/// letters, digits, `-` and `_`.
pub(crate) fn labels(spec: &GenerationSpec, group: GroupId) -> BTreeMap<String, String> {
    let plain = |text: &str| -> String {
        let fits = |c: char| if c.is_alphanumeric() || c == '-' || c == '_' { c.to_lowercase().next().unwrap_or(c) } else { '-' };
        text.chars().map(fits).take(63).collect()
    };
    let mut labels: BTreeMap<String, String> = spec.labels.iter().map(|(key, value)| (plain(key), plain(value))).collect();
    labels.retain(|key, _| key.starts_with(|c: char| c.is_ascii_lowercase()));
    labels.extend([
        ("immutable-fleet".to_owned(), plain(spec.fleet.name())),
        ("immutable-generation".to_owned(), group.generation.to_string()),
        ("immutable-artifact".to_owned(), plain(&format!("{}_{}", spec.name, spec.version))),
    ]);
    labels
}

/// The label of an image that is a copy: of which image, by its digest, since no label holds a URL.
pub(crate) const COPY_OF: &str = "immutable-copy-of";

/// What follows the last `/` of a URL.
pub(crate) fn last(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

/// A URL without what says which service it is of: `projects/acme/global/images/web-1`.
pub(crate) fn relative(url: &str) -> &str {
    url.find("projects/").and_then(|at| url.get(at..)).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use immutable_core::Place;

    fn fleet(name: &str) -> FleetId {
        FleetId::new(Place::new("gcp", "acme", "europe-west1").unwrap(), name)
    }

    #[test]
    fn a_name_is_read_back() {
        let id = GroupId { generation: GenerationId(7), cell: 2 };
        assert_eq!(name(&fleet("web"), id), "web-0007-2");
        assert_eq!(group(&fleet("web"), "web-0007-2"), Some(id));
        for other in ["web-7-2", "web-0007", "webs-0007-2", "web-0007-2-x", "api-0007-2"] {
            assert_eq!(group(&fleet("web"), other), None, "{other}");
        }
        assert_eq!(group(&fleet("web-a"), "web-a-0001-0").map(|id| id.generation), Some(GenerationId(1)));
        assert_eq!(group(&fleet("web"), "web-a-0001-0"), None);
    }

    #[test]
    fn urls_are_shortened() {
        assert_eq!(
            relative("https://www.googleapis.com/compute/v1/projects/acme/global/images/web-1"),
            "projects/acme/global/images/web-1"
        );
        assert_eq!(last("zones/europe-west1-b/instances/web-0001-0-x7z2"), "web-0001-0-x7z2");
    }
}
