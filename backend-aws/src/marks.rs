//! How what is ours is named and tagged. Names are unique in an account's region, and so are fleets: identity is in the tags, and a name alone proves nothing.

use std::collections::BTreeMap;

use immutable_core::Digest;
use immutable_core::fleet::{FleetId, GenerationId, GenerationSpec, GroupId};

pub(crate) const FLEET: &str = "immutable:fleet";
pub(crate) const GENERATION: &str = "immutable:generation";
pub(crate) const CELL: &str = "immutable:cell";
pub(crate) const SPEC: &str = "immutable:spec";
pub(crate) const SUBNETS: &str = "immutable:subnets";
pub(crate) const DRAIN: &str = "immutable:drain";
pub(crate) const OP: &str = "immutable:op";
pub(crate) const ARTIFACT: &str = "immutable:artifact";
/// On a copy of an image: `us-east-1/ami-0123456789abcdef0`, what it is a copy of.
pub(crate) const COPY_OF: &str = "immutable:copy-of";

/// `web-0007-0`: the name of a group, and how the names of all else that is made for it begin.
pub(crate) fn name(fleet: &FleetId, group: GroupId) -> String {
    format!("{}-{}", group.generation.name(fleet), group.cell)
}

/// The name of a group's launch template: another spec, another name, so that one is never changed into another.
pub(crate) fn template_name(spec: &GenerationSpec, group: GroupId) -> String {
    let digest = spec.digest().to_string();
    let hex = digest.rsplit(':').next().unwrap_or(&digest);
    format!("{}-{}", name(&spec.fleet, group), hex.get(..12).unwrap_or(hex))
}

/// The tags of all that is made for a group. Ours stand over a label of the same key.
pub(crate) fn tags(spec: &GenerationSpec, group: GroupId) -> BTreeMap<String, String> {
    let mut tags: BTreeMap<String, String> =
        spec.labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    tags.extend([
        ("Name".to_owned(), spec.full_name()),
        (FLEET.to_owned(), spec.fleet.name().to_owned()),
        (GENERATION.to_owned(), group.generation.to_string()),
        (CELL.to_owned(), group.cell.to_string()),
        (SPEC.to_owned(), spec.digest().to_string()),
        (ARTIFACT.to_owned(), format!("{}@{}", spec.name, spec.version)),
    ]);
    tags
}

/// What tags say of whatever bears them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) fleet: Option<String>,
    pub(crate) generation: Option<GenerationId>,
    pub(crate) cell: Option<u16>,
    pub(crate) spec: Option<Digest>,
}

impl Mark {
    pub(crate) fn read<'a>(tags: impl IntoIterator<Item = (Option<&'a str>, Option<&'a str>)>) -> Self {
        let mut mark = Self::default();
        for (key, value) in tags {
            let (Some(key), Some(value)) = (key, value) else { continue };
            match key {
                FLEET => mark.fleet = Some(value.to_owned()),
                GENERATION => mark.generation = value.parse().ok().map(GenerationId),
                CELL => mark.cell = value.parse().ok(),
                SPEC => mark.spec = value.parse().ok(),
                _ => {}
            }
        }
        mark
    }

    /// Which of a fleet's groups it is of, if it is of one.
    pub(crate) fn group(&self, fleet: &FleetId) -> Option<GroupId> {
        let ours = self.fleet.as_deref() == Some(fleet.name());
        let (Some(generation), Some(cell), true) = (self.generation, self.cell, ours) else { return None };
        Some(GroupId { generation, cell })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use immutable_core::Place;

    #[test]
    fn a_mark_is_read_back() {
        let fleet = FleetId::new(Place::new("aws", "123456789012", "us-east-1").unwrap(), "web");
        let group = GroupId { generation: GenerationId(7), cell: 2 };
        assert_eq!(name(&fleet, group), "web-0007-2");
        let tags = [(FLEET, "web"), (GENERATION, "0007"), (CELL, "2"), ("Name", "web-0007")];
        let read = |tags: &[(&'static str, &'static str)]| Mark::read(tags.iter().map(|(key, value)| (Some(*key), Some(*value))));
        assert_eq!(read(&tags).group(&fleet), Some(group));
        assert_eq!(read(&tags[1..]).group(&fleet), None, "without a fleet it is nobody's");
        let other = FleetId::new(fleet.place().clone(), "api");
        assert_eq!(read(&tags).group(&other), None);
    }
}
