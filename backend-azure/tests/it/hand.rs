//! A fleet whose calls are made by hand over a fake.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use backend_azure::{Machine, VmssFleet, VmssTemplate};
use immutable_core::artifact::{Built, Provenance};
use immutable_core::fleet::{FleetId, GenerationSpec};
use immutable_core::{Artifact, ImageRef, LaunchTemplate};
use immutable_fakes::play;
pub(crate) use immutable_fakes::play::{GENERATION, GROUP};

use crate::account::Account;

/// Plays with a fresh account, in virtual time.
pub(crate) fn play<T>(with: impl AsyncFnOnce(Account) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { with(Account::new().await.unwrap()).await })
}

/// One fleet, `web`.
pub(crate) struct Hand {
    pub(crate) account: Account,
    hand: play::Hand,
}

impl Deref for Hand {
    type Target = play::Hand;

    fn deref(&self) -> &play::Hand {
        &self.hand
    }
}

impl DerefMut for Hand {
    fn deref_mut(&mut self) -> &mut play::Hand {
        &mut self.hand
    }
}

impl Hand {
    pub(crate) fn new(account: &Account) -> Self {
        let (fleets, clock) = (Arc::new(VmssFleet::new(&account.azure)), Arc::new(account.clock.clone()));
        let runs = ("acmeinc/web".parse().unwrap(), "1.0.0".parse().unwrap());
        let hand = play::Hand::new(fleets, clock, FleetId::new(account.place(), "web"), account.template(), runs);
        Self { account: account.clone(), hand }
    }

    /// Of a fleet of another name.
    pub(crate) fn named(mut self, name: &str) -> Self {
        self.fleet = FleetId::new(self.account.place(), name);
        self
    }

    /// With a template that differs so.
    pub(crate) fn with(mut self, change: impl FnOnce(VmssTemplate) -> VmssTemplate) -> Self {
        self.template = LaunchTemplate::of(&change(VmssTemplate::new(self.account.machine()))).unwrap();
        self
    }

    /// With machines that differ so.
    pub(crate) fn with_machine(mut self, change: impl FnOnce(Machine) -> Machine) -> Self {
        self.template = LaunchTemplate::of(&VmssTemplate::new(change(self.account.machine()))).unwrap();
        self
    }

    pub(crate) fn good(&self) -> GenerationSpec {
        self.spec(self.account.image("1.0.0"))
    }
}

/// What a build would have left.
pub(crate) fn artifact(version: &str, image: ImageRef) -> Artifact {
    let built = Built::new(Provenance::new("azure-arm", version)).image(image);
    Artifact::new("acmeinc/web".parse().unwrap(), version.parse().unwrap(), built).unwrap()
}
