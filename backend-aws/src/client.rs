//! An account in a region, and how it is called.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::http::{HttpClient, SharedHttpClient};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use immutable_core::provider::{CallBudget, Rate};
use immutable_core::time::{Clock, SystemClock};
use immutable_core::{Applied, Error, ErrorKind, Place, Result, Timestamp};

use crate::errors;
use crate::rates;

/// How long after it was signed a request may still be accepted: SigV4 gives it five minutes ("Elements of an AWS API request signature"), and clocks differ.
const REQUEST_LIFETIME: Duration = Duration::from_secs(6 * 60);

/// An account in a region, and how it is called. Clones share their connections and their [budget](Builder::rate) of calls, and so does all that is
/// made of them for [other regions](Self::in_region), which have a budget each.
///
/// ```no_run
/// # async fn example() -> immutable_core::Result<()> {
/// use backend_aws::{Aws, AsgFleet};
///
/// let aws = Aws::from_env().await?;
/// println!("{}", aws.place()); // aws/123456789012/us-east-1
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Aws {
    inner: Arc<Inner>,
}

struct Inner {
    place: Place,
    again: Clients,
    once: Clients,
    clock: Arc<dyn Clock>,
    budget: Arc<CallBudget>,
    account: Arc<Account>,
}

/// What an account's regions have in common.
struct Account {
    name: String,
    config: SdkConfig,
    clock: Arc<dyn Clock>,
    rates: BTreeMap<String, Rate>,
    request_lifetime: Duration,
    /// By region.
    budgets: Mutex<BTreeMap<String, Arc<CallBudget>>>,
}

impl Account {
    fn in_region(self: Arc<Self>, region: &str) -> Result<Aws> {
        let place = Place::new("aws", &self.name, region)?;
        let config = self.config.to_builder().region(Region::new(region.to_owned())).build();
        // Six attempts outlast a throttle of some ten seconds; whatever lasts longer is the caller's to wait for.
        let again = config
            .to_builder()
            .retry_config(RetryConfig::standard().with_max_attempts(6).with_max_backoff(Duration::from_secs(5)));
        let once = config.to_builder().retry_config(RetryConfig::disabled());
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(CallBudget::new(self.clock.clone(), self.rates.clone(), rates::of));
        let budget = budgets.entry(region.to_owned()).or_insert_with(new).clone();
        drop(budgets);
        let (again, once, clock) = (Clients::new(&again.build()), Clients::new(&once.build()), self.clock.clone());
        Ok(Aws { inner: Arc::new(Inner { place, again, once, clock, budget, account: self }) })
    }
}

/// A client of each service.
pub(crate) struct Clients {
    pub(crate) ec2: aws_sdk_ec2::Client,
    pub(crate) asg: aws_sdk_autoscaling::Client,
    pub(crate) elb: aws_sdk_elasticloadbalancingv2::Client,
    pub(crate) cloudwatch: aws_sdk_cloudwatch::Client,
    pub(crate) ssm: aws_sdk_ssm::Client,
}

impl Clients {
    fn new(config: &SdkConfig) -> Self {
        Self {
            ec2: aws_sdk_ec2::Client::new(config),
            asg: aws_sdk_autoscaling::Client::new(config),
            elb: aws_sdk_elasticloadbalancingv2::Client::new(config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(config),
            ssm: aws_sdk_ssm::Client::new(config),
        }
    }
}

impl Aws {
    /// The account, region and credentials that the AWS command line would use: environment, profile, container or instance role.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) without a region; [`Denied`](ErrorKind::Denied) without credentials; whatever `sts:GetCallerIdentity` fails with.
    pub async fn from_env() -> Result<Self> {
        Self::builder().connect().await
    }

    /// The same, with some of it said.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Which account and region.
    pub fn place(&self) -> Place {
        self.inner.place.clone()
    }

    /// The same account in another region, with the same credentials, HTTP client, endpoint and clock.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if it is no name of a region.
    pub fn in_region(&self, region: &str) -> Result<Self> {
        match region == self.inner.place.region() {
            true => Ok(self.clone()),
            false => self.inner.account.clone().in_region(region),
        }
    }

    /// For calls that may be repeated: reads, and those with a token.
    pub(crate) fn again(&self) -> &Clients {
        &self.inner.again
    }

    /// For calls that must not: the SDK sends them once.
    pub(crate) fn once(&self) -> &Clients {
        &self.inner.once
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    pub(crate) fn request_lifetime(&self) -> Duration {
        self.inner.account.request_lifetime
    }

    pub(crate) async fn pause(&self, pause: Duration) {
        self.inner.clock.sleep_until(self.now() + pause).await;
    }

    /// Makes a call that changes nothing, or nothing when it comes twice, as one of an action such as `ec2:DescribeInstances`.
    pub(crate) async fn ask<T, E>(
        &self,
        action: &'static str,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        self.inner.budget.turn(action).await.map_err(|error| error.with_place(&self.inner.place))?;
        call.await.map_err(|error| errors::error(action, error).with_place(&self.inner.place))
    }

    /// What went wrong with one of several calls: once another has changed something, all of them together may have been done, and are to be sent again.
    pub(crate) fn half_done(&self, begun: bool, error: Error) -> Error {
        match begun && error.applied() == Applied::No {
            true => error.with_applied(Applied::Unknown).with_echo_until(self.now()),
            false => error,
        }
    }

    /// Makes a call that changes something: without an answer, it may still take effect for as long as it would be accepted.
    pub(crate) async fn order<T, E>(
        &self,
        action: &'static str,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        self.ask(action, call).await.map_err(|error| match error.applied() {
            Applied::Unknown => error.with_echo_until(self.now() + self.inner.account.request_lifetime),
            _ => error,
        })
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("place", &self.inner.place).finish_non_exhaustive()
    }
}

/// What is said of an [`Aws`] besides its environment.
#[derive(Debug, Default)]
#[must_use]
pub struct Builder {
    sdk: Option<SdkConfig>,
    region: Option<String>,
    account: Option<String>,
    endpoint: Option<String>,
    keys: Option<Keys>,
    http: Option<SharedHttpClient>,
    clock: Option<Arc<dyn Clock>>,
    rates: BTreeMap<String, Rate>,
    request_lifetime: Option<Duration>,
}

struct Keys {
    id: String,
    secret: String,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Builder {
    /// Begins with this, and reads no environment: for credentials that come from elsewhere. Its retries, timeouts and clock are replaced.
    pub fn sdk_config(mut self, config: SdkConfig) -> Self {
        self.sdk = Some(config);
        self
    }

    /// In this region.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// In this account, which is otherwise asked of `sts:GetCallerIdentity`.
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = Some(account.into());
        self
    }

    /// Calls all services here: an emulator, a proxy.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// With these long-lived keys; whatever the environment has is better.
    pub fn keys(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.keys = Some(Keys { id: id.into(), secret: secret.into() });
        self
    }

    /// Over this HTTP client.
    pub fn http_client(mut self, http: impl HttpClient + 'static) -> Self {
        self.http = Some(SharedHttpClient::new(http));
        self
    }

    /// By this clock: timeouts, pauses, budgets, and the time that requests are signed with.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Calls an action, as in `ec2:RunInstances`, at most so often. Without it, half of what EC2 allows an account by default.
    pub fn rate(mut self, action: impl Into<String>, rate: Rate) -> Self {
        self.rates.insert(action.into(), rate);
        self
    }

    /// How long after it was signed a request may still be accepted; 6 min if nothing is said, which is what Amazon's signatures allow, and a minute for clocks that differ.
    /// After a call without an answer so long nothing else is asked of what it was about. Less is for emulators: Amazon may then still do what was given up.
    pub fn request_lifetime(mut self, at_most: Duration) -> Self {
        self.request_lifetime = Some(at_most);
        self
    }

    /// Resolves account, region and credentials.
    ///
    /// # Errors
    /// As [`Aws::from_env`].
    pub async fn connect(self) -> Result<Aws> {
        let clock = self.clock.clone().unwrap_or_else(|| Arc::new(SystemClock::new()));
        let config = self.config(clock.clone()).await?;
        let region = config.region().map(ToString::to_string).ok_or_else(|| {
            Error::invalid("no AWS region is set; say `region(\"us-east-1\")`, or set AWS_REGION, or a profile that has one")
        })?;
        let account = match &self.account {
            Some(account) => account.clone(),
            None => account(&config).await?,
        };
        let request_lifetime = self.request_lifetime.unwrap_or(REQUEST_LIFETIME);
        let account = Account { name: account, config, clock, rates: self.rates, request_lifetime, budgets: Mutex::default() };
        Arc::new(account).in_region(&region)
    }

    async fn config(&self, clock: Arc<dyn Clock>) -> Result<SdkConfig> {
        let ticks = Ticks(clock);
        let http = self.http.clone().unwrap_or_else(http_client);
        let mut config = match &self.sdk {
            Some(config) => config.to_builder(),
            None => {
                // A pinned version: what the SDK does by default must not change with an update.
                let mut loader =
                    aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http.clone()).time_source(ticks.clone());
                if let Some(region) = &self.region {
                    loader = loader.region(Region::new(region.clone()));
                }
                if let Some(Keys { id, secret }) = &self.keys {
                    loader = loader.credentials_provider(aws_sdk_ec2::config::Credentials::new(id, secret, None, None, "keys"));
                }
                loader.load().await.to_builder()
            }
        };
        if self.sdk.is_none() || self.http.is_some() {
            config = config.http_client(http);
        }
        if let Some(region) = &self.region {
            config = config.region(Region::new(region.clone()));
        }
        if let Some(endpoint) = &self.endpoint {
            config = config.endpoint_url(endpoint);
        }
        // Without one a client cannot be made.
        if self.sdk.as_ref().is_some_and(|config| config.behavior_version().is_none()) {
            config = config.behavior_version(BehaviorVersion::v2026_01_12());
        }
        // Within what a controller waits for a call.
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(4))
            .operation_attempt_timeout(Duration::from_secs(10))
            .operation_timeout(Duration::from_secs(25));
        Ok(config.timeout_config(timeouts.build()).sleep_impl(ticks.clone()).time_source(ticks).build())
    }
}

/// The HTTP client that an [`Aws`] uses if nothing is said: HTTP/1.1 and 2, TLS by rustls with ring (feature `https`).
#[cfg(feature = "https")]
pub fn http_client() -> SharedHttpClient {
    use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
    aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// The HTTP client that an [`Aws`] uses if nothing is said. Without the feature `https` it has no TLS.
#[cfg(not(feature = "https"))]
pub fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_http()
}

async fn account(config: &SdkConfig) -> Result<String> {
    const ACTION: &str = "sts:GetCallerIdentity";
    let answer = aws_sdk_sts::Client::new(config).get_caller_identity().send().await;
    let account = answer.map_err(|error| errors::error(ACTION, error))?.account;
    account.ok_or_else(|| Error::new(ErrorKind::Internal, format!("{ACTION} named no account; say which with `account(..)`")))
}

/// Our clock, as the SDK knows clocks.
#[derive(Clone, Debug)]
struct Ticks(Arc<dyn Clock>);

impl TimeSource for Ticks {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(self.0.now().as_millis()).unwrap_or_default())
    }
}

impl AsyncSleep for Ticks {
    fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(Nap(Mutex::new(self.0.sleep_until(self.0.now() + duration))))
    }
}

/// A sleep that may be shared, as nobody ever shares one: it is only polled by who owns it.
struct Nap(Mutex<immutable_core::time::Sleep>);

impl Future for Nap {
    type Output = ();

    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(cx)
    }
}
