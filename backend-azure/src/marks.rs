//! How what is ours is named and marked. Names are unique in a resource group, and so are fleets: identity is in the tags, and a name alone proves nothing.

use std::collections::BTreeMap;

use immutable_core::fleet::{FleetId, GenerationId, GenerationSpec, GroupId};
use immutable_core::{Digest, Error, Result};

use crate::ids::Source;

/// Tags of a scale set. "Use tags to organize your Azure resources": names without `<>%&\?/`, of at most 512 characters, and values of at most 256; at most 50 of them.
pub(crate) const FLEET: &str = "immutable-fleet";
pub(crate) const GENERATION: &str = "immutable-generation";
pub(crate) const CELL: &str = "immutable-cell";
pub(crate) const SPEC: &str = "immutable-spec";
pub(crate) const ARTIFACT: &str = "immutable-artifact";
/// The tag that names what a scale set was made to run, where that is not the image that its machines boot.
pub(crate) const RUNS: &str = "immutable-runs";

/// The tag of a scale set that others made and that was adopted: its own name, so that it says nothing on another.
pub(crate) const ADOPTED: &str = "immutable-adopted";

/// The tag of what was adopted that says what it was then: the digest of its template.
pub(crate) const MODEL: &str = "immutable-model";

/// `web-0007-0`: the name of a group.
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

/// Whether Azure takes these names and tags. "Naming rules and restrictions for Azure resources": a scale set's has at most 64 characters; a machine's in it has 9 more.
pub(crate) fn check(spec: &GenerationSpec) -> Result<()> {
    let longest = spec.group_ids().map(|group| name(&spec.fleet, group)).max_by_key(String::len).unwrap_or_default();
    if longest.len() > 55 {
        let over = longest.len() - 55;
        return Err(Error::invalid(format!(
            "the name {longest} is too long for a scale set's and its machines', by {over}; name the fleet shorter"
        )));
    }
    fit(&tags(spec, GroupId { generation: spec.id, cell: 0 }), 0)
}

/// Whether Azure takes these tags beside so many of others.
pub(crate) fn fit(own: &BTreeMap<String, String>, others: usize) -> Result<()> {
    if own.len().saturating_add(others) > 50 {
        let ours = own.keys().filter(|name| name.starts_with("immutable-")).count();
        let labels = own.len().saturating_sub(ours);
        return Err(Error::invalid(format!(
            "the generation has {labels} labels, and a resource has at most 50 tags, {ours} of them ours and {others} of others"
        )));
    }
    let odd = |name: &str| name.len() > 512 || name.contains(['<', '>', '%', '&', '\\', '?', '/']);
    if let Some(id) = own.get(RUNS).filter(|id| id.len() > 256) {
        return Err(Error::invalid(format!(
            "{id} is too long for the tag that says what a scale set runs, by {}; name the gallery, its resource group or the application shorter",
            id.len() - 256
        )));
    }
    match own.iter().find(|(name, value)| odd(name) || value.chars().count() > 256) {
        Some((name, _)) => Err(Error::invalid(format!(
            "the label {name} can be no tag: a tag's name has at most 512 characters and none of <>%&\\?/, and its value at most 256"
        ))),
        None => Ok(()),
    }
}

/// How the names of machines begin that a scale set's operating systems have. "VirtualMachineScaleSetOSProfile": from 1 to 15 characters.
pub(crate) fn computer_name_prefix(name: &str) -> String {
    if name.len() <= 15 {
        return name.to_owned();
    }
    let digest = Digest::of(name.as_bytes()).to_string();
    let hex = digest.rsplit(':').next().unwrap_or_default();
    let (begin, end) = (name.get(..8).unwrap_or(name), hex.get(..6).unwrap_or(hex));
    format!("{}-{end}", begin.trim_end_matches('-'))
}

/// The tags of a group: what the spec says, and whose it is.
pub(crate) fn tags(spec: &GenerationSpec, group: GroupId) -> BTreeMap<String, String> {
    let mut tags: BTreeMap<String, String> =
        spec.labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    tags.extend([
        (FLEET.to_owned(), spec.fleet.name().to_owned()),
        (GENERATION.to_owned(), group.generation.0.to_string()),
        (CELL.to_owned(), group.cell.to_string()),
        (SPEC.to_owned(), spec.digest().to_string()),
        (ARTIFACT.to_owned(), format!("{}@{}", spec.name, spec.version)),
    ]);
    if let Ok(Source::Application(id)) = Source::parse(spec.image.id().as_str()) {
        tags.insert(RUNS.to_owned(), id);
    }
    tags
}

/// "Tag names are case-insensitive for operations."
pub(crate) fn tag<'a>(tags: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// What the tags of a scale set say of whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    fleet: String,
    group: GroupId,
    pub(crate) spec: Option<Digest>,
    /// The name of the scale set that was adopted, and the digest of its template then.
    pub(crate) adopted: Option<String>,
    pub(crate) model: Option<Digest>,
}

impl Mark {
    pub(crate) fn read(tags: &BTreeMap<String, String>) -> Option<Self> {
        let tag = |name: &str| tag(tags, name);
        let group = GroupId { generation: GenerationId(tag(GENERATION)?.parse().ok()?), cell: tag(CELL)?.parse().ok()? };
        let digest = |name: &str| tag(name).and_then(|text| text.parse().ok());
        let (fleet, adopted) = (tag(FLEET)?.to_owned(), tag(ADOPTED).map(str::to_owned));
        Some(Self { fleet, group, spec: digest(SPEC), adopted, model: digest(MODEL) })
    }

    /// Which of a fleet's groups it is of, if it is of one.
    pub(crate) fn group(&self, fleet: &FleetId) -> Option<GroupId> {
        (self.fleet == fleet.name()).then_some(self.group)
    }
}

/// What follows the last `/` of an id.
pub(crate) fn last(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// Whether two ids are one's: "resource names are case-insensitive unless noted".
pub(crate) fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/').eq_ignore_ascii_case(other.trim_end_matches('/'))
}

/// Whether a machine has the name that a scale set gives: its own, and what tells it from the others.
pub(crate) fn is_named_by(machine: &str, group: &str) -> bool {
    let begins = machine.get(..group.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(group));
    begins && machine.get(group.len()..).is_some_and(|rest| rest.starts_with('_'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use immutable_core::Place;

    fn fleet(name: &str) -> FleetId {
        FleetId::new(Place::new("azure", "s", "westeurope").unwrap(), name)
    }

    #[test]
    fn a_name_is_read_back() {
        let id = GroupId { generation: GenerationId(7), cell: 2 };
        assert_eq!(name(&fleet("web"), id), "web-0007-2");
        assert_eq!(group(&fleet("web"), "web-0007-2"), Some(id));
        for other in ["web-7-2", "web-0007", "webs-0007-2", "web-0007-2-x", "api-0007-2"] {
            assert_eq!(group(&fleet("web"), other), None, "{other}");
        }
        assert_eq!(group(&fleet("web"), "web-a-0001-0"), None);
    }

    #[test]
    fn a_mark_is_in_the_tags_whatever_their_case() {
        let tags = |fleet: &str| {
            BTreeMap::from([(FLEET.to_uppercase(), fleet.to_owned()), (GENERATION.into(), "7".into()), (CELL.into(), "0".into())])
        };
        let mark = Mark::read(&tags("web")).unwrap();
        assert_eq!(mark.group(&fleet("web")), Some(GroupId { generation: GenerationId(7), cell: 0 }));
        assert_eq!(mark.group(&fleet("api")), None);
        assert_eq!(Mark::read(&BTreeMap::new()), None);
    }

    #[test]
    fn machines_are_named_by_their_scale_set() {
        assert!(is_named_by("web-0007-0_1a2b3c4d", "web-0007-0") && is_named_by("WEB-0007-0_1a2b3c4d", "web-0007-0"));
        assert!(!is_named_by("web-0007-01_1a2b3c4d", "web-0007-0") && !is_named_by("web", "web-0007-0"));
    }

    #[test]
    fn computers_have_short_names() {
        assert_eq!(computer_name_prefix("web-0007-0"), "web-0007-0");
        let (one, other) = (computer_name_prefix("storefront-web-0007-0"), computer_name_prefix("storefront-web-0007-1"));
        assert!(one.len() <= 15 && one.starts_with("storefro-") && one != other, "{one} {other}");
    }
}
