//! A resource group of a fake, what serves it over loopback, and what speaks to it: by TLS, with tokens that are given by the fake.
//!
//! All of it is on one thread, in tokio's paused time: a call takes as long as the fake says, and time jumps to whatever comes next as soon as nothing is on the socket.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use backend_azure::{Azure, Builder, Machine, VmssTemplate};
use immutable_core::time::{Clock, ScaledClock};
use immutable_core::{ImageRef, LaunchTemplate, Place, Result, Timestamp};
use immutable_fakes::arm::FakeArm;
use immutable_fakes::arm::https::{Authority, Server, authority};
use immutable_fakes::play::Script;

pub(crate) const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";
pub(crate) const GROUP: &str = "acme";
pub(crate) const REGION: &str = "westeurope";

/// When it all begins.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_233_600_000);

/// Who vouches for all fakes of a run: keys take their time to be made.
pub(crate) static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| authority().unwrap());

/// A resource group, its clock, and a client of it.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) fake: FakeArm,
    pub(crate) clock: ScaledClock,
    pub(crate) azure: Azure,
    endpoint: String,
}

impl Account {
    /// On the runtime of who asks, whose time stands still from now on.
    pub(crate) async fn new() -> Result<Self> {
        Self::of(FakeArm::new(SUBSCRIPTION, GROUP, REGION)).await
    }

    pub(crate) async fn of(fake: FakeArm) -> Result<Self> {
        Self::scripted(fake, Script::default()).await
    }

    /// Where something happens at one call.
    pub(crate) async fn scripted(fake: FakeArm, script: Script) -> Result<Self> {
        tokio::time::pause();
        let clock = ScaledClock::new(START, 1);
        fake.advance(now_ms(&clock));
        // Who renews tokens goes by the clock of the machine, and not by this one.
        fake.tokens_last(Duration::from_secs(365 * 24 * 3600));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("https://{}", listener.local_addr().unwrap());
        let server = Server::new(fake.clone(), Arc::new(clock.clone())).script(script);
        tokio::spawn(server.serve_tls(listener, AUTHORITY.server.clone().into()));
        let azure = connect(&fake, &endpoint, &clock).await?;
        Ok(Self { fake, clock, azure, endpoint })
    }

    /// A client of its own, as another process has one.
    pub(crate) async fn another(&self) -> Result<Azure> {
        connect(&self.fake, &self.endpoint, &self.clock).await
    }

    /// A client that says some of it otherwise.
    pub(crate) async fn signed(&self, sign: impl FnOnce(Builder) -> Builder) -> Result<Azure> {
        sign(builder(&self.fake, &self.endpoint, &self.clock, GROUP)).connect().await
    }

    /// A client of another resource group.
    pub(crate) async fn of_group(&self, group: &str) -> Result<Azure> {
        builder(&self.fake, &self.endpoint, &self.clock, group).connect().await
    }

    /// The same account, called so.
    pub(crate) fn by(&self, azure: Azure) -> Self {
        Self { azure, ..self.clone() }
    }

    pub(crate) fn place(&self) -> Place {
        self.azure.place()
    }

    /// An image of the gallery, for use at once.
    pub(crate) fn image(&self, version: &str) -> ImageRef {
        ImageRef::new(self.place(), self.fake.gallery_image("web", version))
    }

    pub(crate) fn machine(&self) -> Machine {
        Machine::linux("Standard_B2s", "net/web", "azureuser", "ssh-ed25519 AAAAC3Nza ops@acme").custom_data("#cloud-config\n")
    }

    pub(crate) fn template(&self) -> LaunchTemplate {
        LaunchTemplate::of(&VmssTemplate::new(self.machine())).unwrap()
    }

    pub(crate) async fn wait(&self, duration: Duration) {
        self.clock.sleep_until(self.clock.now() + duration).await;
    }

    pub(crate) fn now_ms(&self) -> u64 {
        now_ms(&self.clock)
    }
}

async fn connect(fake: &FakeArm, endpoint: &str, clock: &ScaledClock) -> Result<Azure> {
    builder(fake, endpoint, clock, GROUP).connect().await
}

fn builder(fake: &FakeArm, endpoint: &str, clock: &ScaledClock, group: &str) -> Builder {
    let client = fake.client();
    Azure::builder(SUBSCRIPTION, group, REGION)
        .endpoint(endpoint)
        .authority(endpoint)
        .certificate_authority(&AUTHORITY.ca_pem)
        .client_secret(client.tenant, client.id, client.secret)
        .clock(clock.clone())
}

fn now_ms(clock: &impl Clock) -> u64 {
    u64::try_from(clock.now().as_millis()).unwrap_or_default()
}
