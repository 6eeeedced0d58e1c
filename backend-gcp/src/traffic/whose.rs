//! Whose the services of a pool are: it stands in the description of its url map, where one fingerprint is of that and of the weights.

use std::collections::BTreeMap;

use immutable_core::fleet::{FleetId, GenerationId};
use immutable_core::id::PoolId;
use immutable_core::{Error, ErrorKind, Result, Timestamp};

/// How the line that is ours begins; all else is people's.
const BEGINS: &str = "immutable: ";
/// The longest description that is written, in characters: Google's reference names no limit, and this much is taken of other resources.
const LONGEST: usize = 2048;

/// What stands in a description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Described {
    people: String,
    /// By path matcher, or `/` for what the map does by default. The name of a pool is only its program's.
    places: BTreeMap<String, Whose>,
}

/// Whose the services of one pool are, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Whose {
    /// The fleet, with its place: one url map may be of all regions.
    fleet: String,
    /// The call that last changed it, so that what stood here never comes back.
    pub(super) op: String,
    pub(super) slots: BTreeMap<String, Slot>,
    /// Who is about to get which service, by this call; not yet attached.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) claims: BTreeMap<String, GenerationId>,
}

/// A service that is, or was, a generation's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Slot {
    pub(super) generation: GenerationId,
    /// Since when it is no longer: its requests may still be ending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) left: Option<Timestamp>,
}

impl Described {
    pub(super) fn read(description: Option<&str>) -> Result<Self> {
        let (mut people, mut places) = (Vec::new(), None);
        for line in description.unwrap_or_default().split('\n') {
            let Some(ours) = line.strip_prefix(BEGINS) else {
                people.push(line);
                continue;
            };
            let read = serde_json::from_str(ours).map_err(|error| {
                let what = "the line `immutable: …` of the url map's description cannot be read; it says whose its backend \
                            services are, so put it back as it was, or take it out with all their backends";
                Error::new(ErrorKind::Corrupt, what).with_source(error)
            })?;
            places = Some(read);
        }
        Ok(Self { people: people.join("\n"), places: places.unwrap_or_default() })
    }

    pub(super) fn write(&self) -> Result<String> {
        let ours = serde_json::to_string(&self.places).map_err(|error| {
            Error::new(ErrorKind::Internal, "whose services they are could not be written").with_source(error)
        })?;
        let text = match self.people.as_str() {
            "" => format!("{BEGINS}{ours}"),
            people => format!("{people}\n{BEGINS}{ours}"),
        };
        match text.chars().count() {
            0..=LONGEST => Ok(text),
            length => Err(Error::invalid(format!(
                "the url map's description would have {length} characters with what stands there of whose its services are, and \
                 {LONGEST} are possible; shorten what people have written, or have fewer services"
            ))),
        }
    }

    pub(super) fn at(&self, matcher: Option<&str>) -> Whose {
        self.places.get(matcher.unwrap_or("/")).cloned().unwrap_or_default()
    }

    pub(super) fn set(&mut self, matcher: Option<&str>, whose: Whose) {
        self.places.insert(matcher.unwrap_or("/").to_owned(), whose);
    }
}

impl Whose {
    /// The fleet of these services, if it is this one.
    pub(super) fn is_of(&self, fleet: &FleetId) -> bool {
        self.fleet == fleet.to_string()
    }

    /// Whether a fleet may change it.
    pub(super) fn ours(&self, pool: &PoolId, fleet: &FleetId) -> Result<()> {
        if self.attached().next().is_none() || self.is_of(fleet) {
            return Ok(());
        }
        let what = format!("pool {pool} is fleet {}'s; give each fleet a pool of its own", self.fleet);
        Err(Error::new(ErrorKind::Taken, what))
    }

    pub(super) fn give_to(&mut self, fleet: &FleetId) {
        self.fleet = fleet.to_string();
    }

    /// The fleet's name and where it is, if that is here.
    pub(super) fn name_in<'a>(&'a self, place: &immutable_core::Place) -> Option<&'a str> {
        self.fleet.strip_prefix(&place.to_string())?.strip_prefix('/')
    }

    /// Services that are somebody's now.
    pub(super) fn attached(&self) -> impl Iterator<Item = (&String, GenerationId)> {
        self.slots.iter().filter(|(_, slot)| slot.left.is_none()).map(|(name, slot)| (name, slot.generation))
    }

    /// The service that is a generation's, or was the last time.
    pub(super) fn of(&self, generation: GenerationId) -> Option<&String> {
        self.slots.iter().find(|(_, slot)| slot.generation == generation).map(|(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use immutable_core::Place;

    fn whose() -> Whose {
        let slot = |generation, left| Slot { generation: GenerationId(generation), left };
        let slots = [("web-blue".to_owned(), slot(1, Some(Timestamp::from_millis(7)))), ("web-green".to_owned(), slot(2, None))];
        Whose { fleet: "gcp/acme/europe-west1/web".into(), op: "x".into(), slots: slots.into(), claims: BTreeMap::new() }
    }

    #[test]
    fn what_people_wrote_stays() {
        for text in ["", "the shop", "the shop\n\nask ann", "a\n"] {
            let mut described = Described::read(Some(text)).unwrap();
            assert_eq!(described.at(None), Whose::default());
            described.set(None, whose());
            described.set(Some("api"), Whose::default());
            let written = described.write().unwrap();
            assert!(written.starts_with(text), "{written}");
            assert_eq!(Described::read(Some(&written)).unwrap(), described);
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_is_not_taken_for_none() {
        let error = Described::read(Some("shop\nimmutable: {oh")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn what_is_too_long_is_refused() {
        let mut described = Described::read(Some(&"x".repeat(2000))).unwrap();
        described.set(None, whose());
        assert!(described.write().unwrap_err().to_string().contains("2048"));
    }

    #[test]
    fn a_fleet_of_another_region_is_another() {
        let fleet = |region: &str| FleetId::new(Place::new("gcp", "acme", region).unwrap(), "web");
        let pool = PoolId::new("web");
        assert!(whose().ours(&pool, &fleet("europe-west1")).is_ok());
        assert_eq!(whose().ours(&pool, &fleet("us-east1")).unwrap_err().kind(), ErrorKind::Taken);
        let mut left = whose();
        left.slots.retain(|_, slot| slot.left.is_some());
        assert!(left.ours(&pool, &fleet("us-east1")).is_ok(), "nobody is attached any more");
        assert_eq!(whose().name_in(&Place::new("gcp", "acme", "europe-west1").unwrap()), Some("web"));
    }
}
