//! What the drivers of this process tell those who watch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::fleet::FleetId;
use crate::id::StreamVersion;
use crate::rollout::Report;

/// One board for all fleets of a controller.
#[derive(Clone, Default)]
pub(super) struct Board(Arc<Mutex<BTreeMap<FleetId, watch::Sender<News>>>>);

/// The latest of one fleet.
#[derive(Clone, Debug, Default)]
pub(super) struct News {
    /// The version of its stream.
    pub(super) head: StreamVersion,
    /// How many commands have been put into its inbox from here.
    pub(super) commands: u64,
    /// What the engine last said of itself.
    pub(super) report: Option<Arc<Report>>,
    /// How often it said something.
    pub(super) reports: u64,
}

impl Board {
    pub(super) fn watch(&self, fleet: &FleetId) -> watch::Receiver<News> {
        self.with(fleet, |sender| sender.subscribe())
    }

    pub(super) fn post(&self, fleet: &FleetId, head: StreamVersion) {
        self.with(fleet, |sender| sender.send_modify(|news| news.head = news.head.max(head)));
    }

    pub(super) fn report(&self, fleet: &FleetId, report: Report) {
        self.with(fleet, |sender| {
            // Reports are told from when somebody listens on.
            if sender.receiver_count() > 0 {
                sender.send_modify(|news| (news.report, news.reports) = (Some(Arc::new(report)), news.reports + 1));
            }
        });
    }

    pub(super) fn command(&self, fleet: &FleetId) {
        self.with(fleet, |sender| sender.send_modify(|news| news.commands += 1));
    }

    fn with<T>(&self, fleet: &FleetId, act: impl FnOnce(&watch::Sender<News>) -> T) -> T {
        let mut board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = board.get(fleet) {
            return act(sender);
        }
        act(board.entry(fleet.clone()).or_insert_with(|| watch::Sender::new(News::default())))
    }
}
