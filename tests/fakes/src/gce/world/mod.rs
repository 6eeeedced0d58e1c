//! What there is: the projects' resources, by their paths. Time is told, and only then does anything happen by itself.

pub(crate) mod instance;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value};

use super::asked::{Asked, Place};
use super::autoscaler::Autoscaler;
use super::calls::Call;
use super::error::{GceError, Result, invalid, missing, required};
use super::group::Group;
use super::image::Image;
use super::operation::{Busy, Operation};
use super::service::Service;
use super::template::Template;
use super::url_map::UrlMap;
use crate::fault::{Faults, scramble};
use crate::wire::Request;
use instance::Instance;

/// A second, in milliseconds.
pub(crate) const SECOND: u64 = 1000;
/// A minute.
pub(crate) const MINUTE: u64 = 60 * SECOND;

/// How the world behaves. Milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) boot: u64,
    pub(crate) boot_spread: u64,
    pub(crate) shutdown: u64,
    /// From insert to READY.
    pub(crate) imaging: u64,
    /// How long a changed url map takes to come into force.
    pub(crate) settle: u64,
    /// How long after a change a group looks at itself.
    pub(crate) reaction: u64,
    /// How long a group waits after an instance could not be created.
    pub(crate) retry: u64,
    /// How long until a health check has seen what is.
    pub(crate) check: u64,
    pub(crate) operation: u64,
    /// How long an operation that is done is known.
    pub(crate) operation_life: u64,
    pub(crate) busy: Busy,
    /// Whether `wait` does not.
    pub(crate) hasty: bool,
    /// Whether it is only seen when a deletion is carried out that somebody uses what is to be deleted.
    pub(crate) late_use: bool,
    pub(crate) retry_after: Option<Duration>,
    /// How long what is new is not shown.
    pub(crate) lag_groups: u64,
    pub(crate) lag_templates: u64,
    pub(crate) lag_sizes: u64,
    pub(crate) lag_members: u64,
    /// How many instances a zone has room for.
    pub(crate) capacity: BTreeMap<String, usize>,
    /// How many instances there may be in the region.
    pub(crate) quota: Option<usize>,
    pub(crate) unreachable: BTreeSet<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            boot: 20 * SECOND,
            boot_spread: 0,
            shutdown: 30 * SECOND,
            imaging: 2 * MINUTE,
            settle: 10 * SECOND,
            reaction: 2 * SECOND,
            retry: MINUTE,
            check: 10 * SECOND,
            operation: 2 * SECOND,
            operation_life: 14 * 24 * 60 * MINUTE,
            busy: Busy::Queued,
            hasty: false,
            late_use: false,
            retry_after: None,
            lag_groups: 0,
            lag_templates: 0,
            lag_sizes: 0,
            lag_members: 0,
            capacity: BTreeMap::new(),
            quota: None,
            unreachable: BTreeSet::new(),
        }
    }
}

/// The one caller, by methods: `instanceGroupManagers.insert`.
#[derive(Debug, Default)]
pub(crate) struct Access {
    pub(crate) denied: BTreeSet<String>,
    pub(crate) only: Option<BTreeSet<String>>,
}

impl Access {
    pub(crate) fn allows(&self, method: &str) -> bool {
        !self.denied.contains(method) && self.only.as_ref().is_none_or(|only| only.contains(method))
    }
}

/// Everything. The keys are paths: `projects/P/zones/Z/instanceGroupManagers/N`.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) projects: BTreeSet<String>,
    pub(crate) region: String,
    pub(crate) zones: Vec<String>,
    pub(crate) now: u64,
    pub(crate) settings: Settings,
    pub(crate) access: Access,
    pub(crate) faults: Faults,
    pub(crate) calls: Vec<Call>,
    pub(crate) requests: u64,
    /// What Google's schema does not know of, in requests and in answers.
    pub(crate) violations: Vec<String>,
    /// Requests whose senders were told of a broken connection, and when they arrive all the same, by (when, number).
    pub(crate) late: BTreeMap<(u64, u64), Request>,
    pub(crate) operations: BTreeMap<String, Operation>,
    /// Those that are not DONE.
    pub(crate) open: BTreeSet<String>,
    /// Those that are to be carried out, by (when, number).
    pub(crate) due: BTreeMap<(u64, u64), String>,
    /// By (project, request id).
    pub(crate) request_ids: BTreeMap<(String, String), String>,
    /// What the next operation of a method fails with.
    pub(crate) failing: Vec<(String, GceError)>,
    pub(crate) templates: BTreeMap<String, Template>,
    pub(crate) groups: BTreeMap<String, Group>,
    /// By id; all that there ever were.
    pub(crate) instances: BTreeMap<u64, Instance>,
    pub(crate) images: BTreeMap<String, Image>,
    pub(crate) services: BTreeMap<String, Service>,
    pub(crate) url_maps: BTreeMap<String, UrlMap>,
    pub(crate) autoscalers: BTreeMap<String, Autoscaler>,
    made: u64,
}

impl World {
    pub(crate) fn new(project: &str, region: &str) -> Self {
        Self {
            projects: [project.to_owned()].into(),
            region: region.into(),
            zones: ["a", "b", "c"].iter().map(|letter| format!("{region}-{letter}")).collect(),
            now: 0,
            settings: Settings::default(),
            access: Access::default(),
            faults: Faults::default(),
            calls: Vec::new(),
            requests: 0,
            violations: Vec::new(),
            late: BTreeMap::new(),
            operations: BTreeMap::new(),
            open: BTreeSet::new(),
            due: BTreeMap::new(),
            request_ids: BTreeMap::new(),
            failing: Vec::new(),
            templates: BTreeMap::new(),
            groups: BTreeMap::new(),
            instances: BTreeMap::new(),
            images: BTreeMap::new(),
            services: BTreeMap::new(),
            url_maps: BTreeMap::new(),
            autoscalers: BTreeMap::new(),
            made: 0,
        }
    }

    /// A new id: nineteen digits, in no order.
    pub(crate) fn id(&mut self) -> u64 {
        self.made += 1;
        1_000_000_000_000_000_000 + scramble(self.made) % 8_000_000_000_000_000_000
    }

    /// Lets time pass up to `now`. Everything that is due happens at its own time, in that order: what arrives late, what operations do, what
    /// images become, what groups do.
    pub(crate) fn advance(&mut self, now: u64) {
        loop {
            let late = self.late.first_key_value().map(|((at, _), _)| *at);
            let due = self.due.first_key_value().map(|((at, _), _)| *at);
            let image = self.images.values().filter_map(Image::due).min();
            let group = self.groups.values().filter_map(|group| group.next).min();
            let Some(next) = [late, due, image, group].into_iter().flatten().min().filter(|next| *next <= now) else { break };
            self.now = self.now.max(next);
            if due == Some(next) {
                if let Some((_, path)) = self.due.pop_first() {
                    self.carry_out(&path);
                }
            } else if image == Some(next) {
                self.finish_images();
            } else if group == Some(next) {
                self.tick_groups();
            } else if let Some((_, request)) = self.late.pop_first() {
                super::dispatch::arrive_late(self, &request);
            }
        }
        self.now = self.now.max(now);
        let (now, operations) = (self.now, &self.operations);
        self.open.retain(|path| operations.get(path).is_some_and(|operation| operation.ended.is_none_or(|at| at > now)));
    }

    /// The operations of a resource that are not DONE.
    pub(crate) fn open_of<'a>(&'a self, target: &'a str) -> impl Iterator<Item = &'a Operation> {
        let open = self.open.iter().filter_map(|path| self.operations.get(path));
        open.filter(move |known| known.target == target && known.ended.is_none_or(|at| at > self.now))
    }

    /// The zone or the region of a request is one that there is.
    pub(crate) fn has_place(&self, asked: &Asked) -> Result<()> {
        let known = match &asked.place {
            Place::Zone(zone) => self.zones.contains(zone),
            Place::Region(region) => *region == self.region,
            Place::Global | Place::Aggregated => true,
        };
        if known { Ok(()) } else { Err(missing(&format!("projects/{}/{}", asked.project, asked.place.path()))) }
    }

    /// The id of what a path names.
    pub(crate) fn id_of(&self, path: &str) -> Option<u64> {
        let template = self.templates.get(path).map(|found| found.id);
        let group = self.groups.get(path).map(|found| found.id);
        let image = self.images.get(path).map(|found| found.id);
        let service = self.services.get(path).map(|found| found.id);
        let url_map = self.url_maps.get(path).map(|found| found.id);
        let autoscaler = self.autoscalers.get(path).map(|found| found.id);
        template.or(group).or(image).or(service).or(url_map).or(autoscaler)
    }
}

/// Names "must be 1-63 characters long, and comply with RFC1035": every resource's `name`.
pub(crate) fn check_name(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(required("resource.name"));
    }
    let letters = name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-');
    let ends = name.starts_with(|first: char| first.is_ascii_lowercase()) && !name.ends_with('-');
    if letters && ends && name.len() <= 63 {
        return Ok(());
    }
    Err(invalid("resource.name", name, "Must be a match of regex '(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)'"))
}

/// What a body says, without what only the service says.
pub(crate) fn said(body: &Value, output_only: &[&str]) -> Map<String, Value> {
    let mut said = body.as_object().cloned().unwrap_or_default();
    for field in
        ["id", "kind", "selfLink", "creationTimestamp", "fingerprint", "region", "zone", "status"].iter().chain(output_only)
    {
        said.remove(*field);
    }
    said
}

/// JSON merge patch (RFC 7396): lists are replaced whole, null removes. What PATCH of these methods is: "uses the JSON merge patch format".
pub(crate) fn merge(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (field, value) in patch {
        match (target.get_mut(field), value) {
            (_, Value::Null) => {
                target.remove(field);
            }
            (Some(Value::Object(known)), Value::Object(new)) => merge(known, new),
            _ => {
                target.insert(field.clone(), value.clone());
            }
        }
    }
}

/// "A hash of the contents stored in this object": UrlMap, `fingerprint`. What it was before comes back when the content does. Written in base64,
/// of letters and digits alone, so that no two alphabets differ on it.
pub(crate) fn fingerprint(content: &Value) -> String {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let hash = content
        .to_string()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // Eight bytes are eleven letters, of which the last has four bits, and one `=`.
    let mut text = String::new();
    for at in 0..10u64 {
        let letter = usize::try_from(scramble(hash ^ at) % 62).ok().and_then(|at| LETTERS.get(at));
        text.push(char::from(*letter.unwrap_or(&b'A')));
    }
    text.push_str("c=");
    text
}

/// A whole URL.
pub(crate) fn link(path: &str) -> String {
    format!("https://www.googleapis.com/compute/v1/{path}")
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A time, in RFC 3339.
pub(crate) fn time(at: u64) -> String {
    immutable_core::time::Timestamp::from_millis(i64::try_from(at).unwrap_or(i64::MAX)).to_string()
}
