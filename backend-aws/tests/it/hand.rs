//! Fleets whose calls are made by hand over a fake.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use backend_aws::{AsgFleet, AsgTemplate, Ec2Fleet, Machine};
use immutable_core::artifact::{Built, Provenance};
use immutable_core::fleet::{FleetId, GenerationSpec};
use immutable_core::provider::FleetProvider;
use immutable_core::time::VirtualClock;
use immutable_core::{Artifact, ImageRef, LaunchTemplate};
use immutable_fakes::aws::FakeAws;
use immutable_fakes::play;
pub(crate) use immutable_fakes::play::{GENERATION, GROUP};

use crate::account::{Account, START};

/// Plays with a fresh account, in virtual time.
pub(crate) fn play<T>(with: impl AsyncFnOnce(Account) -> T) -> T {
    let clock = VirtualClock::new(START);
    let fake = FakeAws::new("123456789012", "us-east-1");
    clock.run(async { with(Account::of(fake, clock.clone()).await.unwrap()).await })
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
    fn of(account: &Account, fleets: Arc<dyn FleetProvider>, template: LaunchTemplate) -> Self {
        let runs = ("acmeinc/web".parse().unwrap(), "1.0.0".parse().unwrap());
        let clock = Arc::new(account.clock.clone());
        let hand = play::Hand::new(fleets, clock, FleetId::new(account.place(), "web"), template, runs);
        Self { account: account.clone(), hand }
    }

    pub(crate) fn groups(account: &Account) -> Self {
        Self::of(account, Arc::new(AsgFleet::new(&account.aws)), account.template())
    }

    pub(crate) fn plain(account: &Account) -> Self {
        Self::of(account, Arc::new(Ec2Fleet::new(&account.aws)), LaunchTemplate::of(&account.machine()).unwrap())
    }

    /// Both, each over an account of its own.
    pub(crate) fn both(with: impl AsyncFn(Self)) {
        play(async |account: Account| with(Self::groups(&account)).await);
        play(async |account: Account| with(Self::plain(&account)).await);
    }

    /// Of a fleet of another name.
    pub(crate) fn named(mut self, name: &str) -> Self {
        self.fleet = FleetId::new(self.account.place(), name);
        self
    }

    /// With machines that differ so.
    pub(crate) fn with(mut self, change: impl FnOnce(Machine) -> Machine) -> Self {
        let machine = change(self.account.machine());
        self.template = match self.is_of_groups() {
            true => LaunchTemplate::of(&AsgTemplate::new(machine)).unwrap(),
            false => LaunchTemplate::of(&machine).unwrap(),
        };
        self
    }

    pub(crate) fn is_of_groups(&self) -> bool {
        self.template.read::<AsgTemplate>().is_ok()
    }

    pub(crate) fn good(&self) -> GenerationSpec {
        self.spec(self.account.image("web-1.0.0"))
    }
}

/// What a build would have left.
pub(crate) fn artifact(version: &str, image: ImageRef) -> Artifact {
    let built = Built::new(Provenance::new("amazon-ebs", version)).image(image);
    Artifact::new("acmeinc/web".parse().unwrap(), version.parse().unwrap(), built).unwrap()
}
