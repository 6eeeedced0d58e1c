//! What the drivers of this process tell those who watch, and those who watch the drivers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::fleet::FleetId;
use crate::id::StreamVersion;
use crate::rollout::Report;

/// One board for all fleets of a controller.
#[derive(Clone, Default)]
pub(super) struct Board(Arc<Mutex<BTreeMap<FleetId, Fleet>>>);

#[derive(Default)]
struct Fleet {
    news: watch::Sender<News>,
    /// How many commands have been put into its inbox from here.
    commands: watch::Sender<u64>,
}

/// The latest of one fleet.
#[derive(Clone, Debug, Default)]
pub(super) struct News {
    /// The version of its stream.
    pub(super) head: StreamVersion,
    /// What the engine last said of itself.
    pub(super) report: Option<Arc<Report>>,
    /// How often it said something.
    pub(super) reports: u64,
}

impl Board {
    pub(super) fn watch(&self, fleet: &FleetId) -> watch::Receiver<News> {
        self.with(fleet, |fleet| fleet.news.subscribe())
    }

    pub(super) fn post(&self, fleet: &FleetId, head: StreamVersion) {
        self.with(fleet, |fleet| fleet.news.send_modify(|news| news.head = news.head.max(head)));
    }

    /// The newest version of its stream that was written from here.
    pub(super) fn head(&self, fleet: &FleetId) -> StreamVersion {
        self.with(fleet, |fleet| fleet.news.borrow().head)
    }

    pub(super) fn report(&self, fleet: &FleetId, report: Report) {
        self.with(fleet, |fleet| {
            // Reports are told from when somebody listens on.
            if fleet.news.receiver_count() > 0 {
                fleet.news.send_modify(|news| (news.report, news.reports) = (Some(Arc::new(report)), news.reports + 1));
            }
        });
    }

    /// Tells whoever drives a fleet from here that there is something in its inbox.
    pub(super) fn command(&self, fleet: &FleetId) {
        self.with(fleet, |fleet| fleet.commands.send_modify(|commands| *commands += 1));
    }

    pub(super) fn commands(&self, fleet: &FleetId) -> watch::Receiver<u64> {
        self.with(fleet, |fleet| fleet.commands.subscribe())
    }

    /// Whether somebody drives a fleet from here.
    pub(super) fn is_driven(&self, fleet: &FleetId) -> bool {
        self.with(fleet, |fleet| fleet.commands.receiver_count() > 0)
    }

    fn with<T>(&self, fleet: &FleetId, act: impl FnOnce(&Fleet) -> T) -> T {
        let mut board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = board.get(fleet) {
            return act(known);
        }
        act(board.entry(fleet.clone()).or_default())
    }
}
