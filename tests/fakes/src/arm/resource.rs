//! Resources of all kinds: what is kept of them, which etag they have, and what a reader is shown, who may be behind the times.

use std::ops::Bound;

use serde_json::{Value, json};

use super::answer::Answer;
use super::asked::{Asked, key, kind_of, name_of, put};
use super::error::{Result, missing, stale};
use super::world::World;
use crate::fault::scramble;

/// A resource.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    /// As it was first written.
    pub(crate) id: String,
    /// `Microsoft.Compute/virtualMachineScaleSets`.
    pub(crate) kind: String,
    /// What it is, without its id, name, type, etag and provisioningState.
    pub(crate) body: Value,
    /// Whether its kind has etags.
    pub(crate) etagged: bool,
    /// Another with every change.
    pub(crate) revision: u64,
    /// `provisioningState`.
    pub(crate) state: &'static str,
    /// Milliseconds.
    pub(crate) created: u64,
    /// How often it was looked at while it was new, or since it was gone.
    looks: u64,
    /// What it was before its latest change, and when that was.
    former: Option<(Box<Resource>, u64)>,
}

impl Resource {
    pub(crate) fn name(&self) -> &str {
        name_of(&self.id)
    }

    /// As the service writes it, in the header and in the body: quoted.
    pub(crate) fn etag(&self) -> String {
        format!("\"{:08x}-0000-0100-0000-{:012x}\"", scramble(self.revision) >> 32, self.revision)
    }

    /// What it will have been before a change of now.
    fn before(&self, now: u64) -> Option<(Box<Self>, u64)> {
        Some((Box::new(Self { former: None, ..self.clone() }), now))
    }

    /// As it is shown.
    pub(crate) fn json(&self) -> Value {
        let mut body = self.body.clone();
        put(&mut body, "id", self.id.clone().into());
        put(&mut body, "name", self.name().into());
        put(&mut body, "type", self.kind.clone().into());
        put(&mut body, "properties.provisioningState", self.state.into());
        if self.etagged {
            put(&mut body, "etag", self.etag().into());
        }
        body
    }

    /// An answer with it, and its etag in the header, if it has one.
    pub(crate) fn answer(&self, status: u16) -> Answer {
        let answer = Answer::new(status, self.json());
        if self.etagged { answer.header("etag", self.etag()) } else { answer }
    }
}

impl World {
    /// What is really there.
    pub(crate) fn find(&self, id: &str) -> Option<&Resource> {
        self.resources.get(&key(id))
    }

    /// The same, to be changed. [`touch`](Self::touch) gives it another etag.
    pub(crate) fn find_mut(&mut self, id: &str) -> Option<&mut Resource> {
        self.resources.get_mut(&key(id))
    }

    /// What a reader is shown. Resource Manager is in many regions, and they take their time to agree: what is new is missing at first, and is there
    /// and missing by turns (azurerm#18268, #25758); what is gone is shown for a while in the same manner (azurerm#32331), and so is what was before a
    /// change (cloud-provider-azure#9728: etags that are none any more).
    pub(crate) fn look(&mut self, asked: &Asked) -> Result<Resource> {
        let (id, now, lag, stale) = (asked.key(), self.now, self.settings.lag, self.settings.stale);
        let shown = if let Some(found) = self.resources.get_mut(&id) {
            found.looks += 1;
            let hidden = now < found.created.saturating_add(lag) && found.looks % 2 == 1;
            let former = found.former.as_ref().filter(|(_, at)| now < at.saturating_add(stale) && found.looks % 2 == 1);
            (!hidden).then(|| former.map_or_else(|| found.clone(), |(former, _)| (**former).clone()))
        } else if let Some((gone, at)) = self.gone.get_mut(&id) {
            gone.looks += 1;
            let shown = now < at.saturating_add(lag) && gone.looks % 2 == 1;
            shown.then(|| gone.clone())
        } else {
            None
        };
        shown.ok_or_else(|| missing(asked.target()))
    }

    /// What a reader is shown of the resources right below a collection, by key.
    pub(crate) fn look_below(&mut self, collection: &str) -> Vec<(String, Resource)> {
        self.lists += 1;
        let (start, now, lag) = (format!("{}/", key(collection)), self.now, self.settings.lag);
        // They are behind as reads of single ones are.
        let now_and_then = self.settings.lists_take_turns && self.lists.is_multiple_of(2);
        let late = if now_and_then { 0 } else { self.settings.late_lists };
        let as_listed = |found: &Resource| {
            let former = found.former.as_ref().filter(|(_, at)| now < at.saturating_add(late));
            former.map_or_else(|| found.clone(), |(former, _)| (**former).clone())
        };
        let direct = |id: &str| id.strip_prefix(&start).is_some_and(|rest| !rest.contains('/'));
        let after = (Bound::Included(start.clone()), Bound::Unbounded);
        let there = self.resources.range(after.clone()).take_while(|(id, _)| id.starts_with(&start));
        let there = there.filter(|(_, found)| now >= found.created.saturating_add(lag));
        let gone = self.gone.range(after).take_while(|(id, _)| id.starts_with(&start));
        let gone = gone.filter(|(id, (_, at))| now < at.saturating_add(lag) && !self.resources.contains_key(*id));
        let gone = gone.map(|(id, (found, _))| (id, found));
        let mut all: Vec<_> =
            there.chain(gone).filter(|(id, _)| direct(id)).map(|(id, found)| (id.clone(), as_listed(found))).collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// What is right below a collection, really.
    pub(crate) fn below<'a>(&'a self, collection: &str) -> impl Iterator<Item = &'a Resource> + use<'a> {
        let start = format!("{}/", key(collection));
        let end = start.clone();
        let all = self.resources.range((Bound::Included(start), Bound::Unbounded));
        let all = all.take_while(move |(id, _)| id.starts_with(&end)).map(move |(id, found)| (id.matches('/').count(), found));
        let depth = key(collection).matches('/').count() + 1;
        all.filter(move |(known, _)| *known == depth).map(|(_, found)| found)
    }

    /// Keeps a new resource, or another body of one that is there: which one it is now.
    pub(crate) fn keep(&mut self, id: &str, etagged: bool, body: Value) -> Resource {
        let (created, id, looks, former) = match self.find(id) {
            Some(found) => (found.created, found.id.clone(), found.looks, found.before(self.now)),
            None => (self.now, id.to_owned(), 0, None),
        };
        self.revisions += 1;
        let (state, kind) = ("Succeeded", kind_of(&id));
        let resource = Resource { id, kind, body, etagged, revision: self.revisions, state, created, looks, former };
        self.gone.remove(&key(&resource.id));
        self.resources.insert(key(&resource.id), resource.clone());
        resource
    }

    /// It is another than before: another etag.
    pub(crate) fn touch(&mut self, id: &str) {
        self.revisions += 1;
        let (revision, now) = (self.revisions, self.now);
        if let Some(found) = self.find_mut(id) {
            found.former = found.before(now);
            found.revision = revision;
        }
    }

    /// It is gone, and so is all that is below it.
    pub(crate) fn remove(&mut self, id: &str) {
        let (id, now) = (key(id), self.now);
        let below = format!("{id}/");
        let all: Vec<String> = self
            .resources
            .range(id.clone()..)
            .map(|(known, _)| known.clone())
            .take_while(|known| known.starts_with(&id))
            .collect();
        for known in all.into_iter().filter(|known| *known == id || known.starts_with(&below)) {
            if let Some(mut gone) = self.resources.remove(&known) {
                gone.looks = 0;
                self.gone.insert(known, (gone, now));
            }
        }
    }

    /// `If-Match` and `If-None-Match`: "The ETag of the transformation. Omit this value to always overwrite the current resource. Specify the
    /// last-seen ETag value to prevent accidentally overwriting concurrent changes"; "Set to '*' to allow a new record set to be created, but to
    /// prevent updating an existing record set" (virtualMachineScaleSets.createOrUpdate).
    pub(crate) fn check_etag(&self, asked: &Asked) -> Result<()> {
        let there = self.find(asked.target()).filter(|found| found.etagged);
        let bare = |etag: &str| etag.trim_start_matches("W/").trim_matches('"').to_owned();
        let same = |etag: &str| there.is_some_and(|found| etag.trim() == "*" || bare(etag) == bare(&found.etag()));
        let matches = asked.if_match.as_deref().is_none_or(same);
        let none = asked.if_none_match.as_deref().is_none_or(|etag| !same(etag));
        if matches && none { Ok(()) } else { Err(stale(asked.target())) }
    }

    /// A page of a list, in the order of the keys, with the address of the next: "nextLink".
    pub(crate) fn page(&self, asked: &Asked, all: Vec<(String, Value)>) -> Answer {
        let mut all: Vec<_> = match asked.query.get("$skiptoken") {
            Some(last) => all.into_iter().filter(|(id, _)| id > last).collect(),
            None => all,
        };
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        let more = all.len() > self.settings.page;
        all.truncate(self.settings.page);
        let last = all.last().map(|(id, _)| id.clone()).filter(|_| more);
        let mut body = json!({ "value": all.into_iter().map(|(_, shown)| shown).collect::<Vec<_>>() });
        if let Some(last) = last {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(asked.query.iter().filter(|(name, _)| *name != "$skiptoken"));
            query.append_pair("$skiptoken", &last);
            put(&mut body, "nextLink", format!("{}{}?{}", asked.origin, asked.path, query.finish()).into());
        }
        Answer::ok(body)
    }
}
