//! A project in a region, and how it is called.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use google_cloud_auth::credentials::Credentials;
use google_cloud_compute_v1::client;
use immutable_core::error::Retry;
use immutable_core::provider::{CallBudget, Rate};
use immutable_core::time::{Clock, SystemClock};
use immutable_core::{Applied, Error, ErrorKind, Place, Result, Timestamp};

use crate::credentials::Sign;
use crate::{errors, rates};

/// How long a request that was not answered is taken to be able to take effect: Google names no limit.
const REQUEST_LIFETIME: Duration = Duration::from_secs(2 * 60);
/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// Until when a call is tried again; less than a controller waits for one.
const PATIENCE: Duration = Duration::from_secs(15);

/// A project in a region, and how it is called. Clones share their connections and their [budget](Builder::rate) of calls.
///
/// ```no_run
/// # async fn example() -> immutable_core::Result<()> {
/// use backend_gcp::Gcp;
///
/// let gcp = Gcp::connect("acme-prod", "europe-west1").await?;
/// println!("{}", gcp.place()); // gcp/acme-prod/europe-west1
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Gcp {
    inner: Arc<Inner>,
}

struct Inner {
    place: Place,
    clients: Clients,
    clock: Arc<dyn Clock>,
    budget: Arc<CallBudget>,
    request_lifetime: Duration,
}

macro_rules! clients {
    ($($name:ident: $client:ident),* $(,)?) => {
        /// A client of each service.
        #[derive(Clone)]
        pub(crate) struct Clients {
            $(pub(crate) $name: client::$client,)*
        }

        impl Clients {
            async fn new(endpoint: Option<&str>, credentials: &Credentials) -> Result<Self> {
                $(
                    // The retries are ours: theirs know nothing of Google's 403 and 409, and end by a clock of their own.
                    let mut builder = client::$client::builder()
                        .with_credentials(credentials.clone())
                        .with_attempt_timeout(ATTEMPT)
                        .with_retry_policy(google_cloud_gax::retry_policy::NeverRetry);
                    if let Some(endpoint) = endpoint {
                        builder = builder.with_endpoint(endpoint);
                    }
                    let $name = builder.build().await.map_err(errors::of_builder)?;
                )*
                Ok(Self { $($name),* })
            }
        }
    };
}

clients! {
    autoscalers: Autoscalers,
    region_autoscalers: RegionAutoscalers,
    backend_services: BackendServices,
    region_backend_services: RegionBackendServices,
    disks: Disks,
    images: Images,
    templates: RegionInstanceTemplates,
    all_templates: InstanceTemplates,
    groups: InstanceGroupManagers,
    region_groups: RegionInstanceGroupManagers,
    machine_types: MachineTypes,
    regions: Regions,
    url_maps: UrlMaps,
    region_url_maps: RegionUrlMaps,
    global_operations: GlobalOperations,
    region_operations: RegionOperations,
    zone_operations: ZoneOperations,
}

impl Gcp {
    /// A project's region, with the credentials that Google's command line would use: a key file, a developer's sign-in, or the machine's own service account.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if project or region can be none; [`Denied`](ErrorKind::Denied) without credentials.
    pub async fn connect(project: &str, region: &str) -> Result<Self> {
        Self::builder(project, region).connect().await
    }

    /// The same, with some of it said.
    pub fn builder(project: impl Into<String>, region: impl Into<String>) -> Builder {
        Builder {
            project: project.into(),
            region: region.into(),
            endpoint: None,
            sign: Sign::Default,
            clock: None,
            rates: BTreeMap::new(),
            request_lifetime: REQUEST_LIFETIME,
        }
    }

    /// The same region of another project, by the same credentials, which share their connections and their budget of calls.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if it can be no project's id.
    pub fn in_project(&self, project: &str) -> Result<Self> {
        if project == self.project() {
            return Ok(self.clone());
        }
        check_project(project)?;
        let Inner { place, clients, clock, budget, request_lifetime } = &*self.inner;
        let place = Place::new("gcp", project, place.region())?;
        let (clients, clock, budget) = (clients.clone(), clock.clone(), budget.clone());
        Ok(Self { inner: Arc::new(Inner { place, clients, clock, budget, request_lifetime: *request_lifetime }) })
    }

    /// Which project and region.
    pub fn place(&self) -> Place {
        self.inner.place.clone()
    }

    pub(crate) fn project(&self) -> &str {
        self.inner.place.scope()
    }

    pub(crate) fn region(&self) -> &str {
        self.inner.place.region()
    }

    pub(crate) fn clients(&self) -> &Clients {
        &self.inner.clients
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    pub(crate) async fn pause(&self, pause: Duration) {
        self.inner.clock.sleep_until(self.now() + pause).await;
    }

    /// Reads, by a method as Google's discovery document names it: `instanceGroupManagers.get`. What passes is waited for.
    pub(crate) async fn ask<T, F>(&self, method: &'static str, call: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = google_cloud_gax::Result<T>>,
    {
        self.attempts(method, call).await.map_err(|error| error.with_applied(Applied::No))
    }

    /// Makes a call that changes something, under a `requestId`, so that of all its copies one takes effect. Without an answer to any of them, it may still do so.
    pub(crate) async fn order<T, F>(&self, method: &'static str, call: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = google_cloud_gax::Result<T>>,
    {
        self.attempts(method, call).await.map_err(|error| match error.applied() {
            Applied::Unknown => error.with_echo_until(self.now() + self.inner.request_lifetime),
            _ => error,
        })
    }

    async fn attempts<T, F>(&self, method: &'static str, call: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = google_cloud_gax::Result<T>>,
    {
        let deadline = self.now() + PATIENCE;
        let (mut pause, mut doubt) = (Duration::from_millis(500), false);
        loop {
            self.inner.budget.turn(method).await.map_err(|error| error.with_place(&self.inner.place))?;
            let error = match call().await {
                Ok(value) => return Ok(value),
                Err(error) => errors::of_call(method, error).with_place(&self.inner.place),
            };
            doubt |= error.applied() == Applied::Unknown;
            let wait = match error.retry() {
                Retry::After(wait) => wait,
                _ => pause,
            };
            if !errors::passes(&error) || self.now() + wait >= deadline {
                return Err(if doubt { error.with_applied(Applied::Unknown) } else { error });
            }
            tracing::debug!(method, %error, "trying again");
            self.pause(wait).await;
            pause = (pause * 2).min(Duration::from_secs(4));
        }
    }

    /// What went wrong with one of several calls: once another has changed something, all of them together may have been done, and are to be sent again.
    pub(crate) fn half_done(&self, begun: bool, error: Error) -> Error {
        match begun && error.applied() == Applied::No {
            true => error.with_applied(Applied::Unknown).with_echo_until(self.now()),
            false => error,
        }
    }
}

impl fmt::Debug for Gcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gcp").field("place", &self.inner.place).finish_non_exhaustive()
    }
}

/// What is said of a [`Gcp`] besides its environment.
#[derive(Debug)]
#[must_use]
pub struct Builder {
    project: String,
    region: String,
    endpoint: Option<String>,
    sign: Sign,
    clock: Option<Arc<dyn Clock>>,
    rates: BTreeMap<String, Rate>,
    request_lifetime: Duration,
}

impl Builder {
    /// Calls all services here: an emulator, a private endpoint.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// Without credentials: emulators.
    pub fn anonymous(mut self) -> Self {
        self.sign = Sign::Nobody;
        self
    }

    /// As the service account of this key, the JSON of Google's key files. Whatever the environment has is better.
    pub fn service_account_key(mut self, json: impl Into<String>) -> Self {
        self.sign = Sign::Key(json.into());
        self
    }

    /// With access tokens that come from elsewhere: it is asked before each request, and answers the one that is valid now.
    pub fn access_token<F>(mut self, token: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<String>> + Send + 'static,
    {
        self.sign = Sign::Token(Arc::new(move || Box::pin(token())));
        self
    }

    /// By this clock: pauses, budgets, and how long an operation is waited for.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Calls a method, as in `instanceGroupManagers.resize`, at most so often. Without it, less than Google allows a project by default.
    pub fn rate(mut self, method: impl Into<String>, rate: Rate) -> Self {
        self.rates.insert(method.into(), rate);
        self
    }

    /// How long a request that was not answered is taken to be able to take effect; 2 min if nothing is said. Google names no limit, and does a request once
    /// by its `requestId` for an hour, however often it comes.
    pub fn request_lifetime(mut self, at_most: Duration) -> Self {
        self.request_lifetime = at_most;
        self
    }

    /// Resolves the credentials.
    ///
    /// # Errors
    /// As [`Gcp::connect`].
    pub async fn connect(self) -> Result<Gcp> {
        crate::credentials::crypto();
        let (project, region) = (&self.project, &self.region);
        check_project(project)?;
        if !is_plain(region)
            || region.rsplit('-').next().is_some_and(|last| last.len() == 1 && last.chars().all(char::is_alphabetic))
        {
            return Err(Error::invalid(format!("`{region}` is no region; it is as in `europe-west1`, without a zone's letter")));
        }
        if let Some(endpoint) = self.endpoint.as_ref().filter(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
            return Err(Error::invalid(format!("`{endpoint}` is no endpoint; write it as http://127.0.0.1:8080")));
        }
        let place = Place::new("gcp", project, region)?;
        let credentials = self.sign.credentials()?;
        let clients = Clients::new(self.endpoint.as_deref(), &credentials).await?;
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        let budget = Arc::new(CallBudget::new(clock.clone(), self.rates, rates::of));
        let inner = Inner { place, clients, clock, budget, request_lifetime: self.request_lifetime };
        Ok(Gcp { inner: Arc::new(inner) })
    }
}

/// Lower case, as ids of projects and names of regions are; a project may be of a domain, as in `example.com:acme`.
pub(crate) fn is_plain(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-:.".contains(c);
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(fits)
}

fn check_project(project: &str) -> Result<()> {
    match is_plain(project) {
        true => Ok(()),
        false => Err(Error::invalid(format!(
            "`{project}` is no project's id; it is as in `acme-prod`, and no number and no display name"
        ))),
    }
}

/// What has no answer that this library knows: of Google's, and there should be none.
pub(crate) fn lacks(method: &str, what: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("{method} was answered, and says no {what}"))
}
