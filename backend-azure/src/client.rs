//! A subscription's resource group in a region, and how it is called.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use azure_core::http::headers::Headers;
use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::{ClientOptions, Context, Method, Pipeline, PipelineSendOptions, Request, RetryOptions, Transport, Url};
use immutable_core::error::Retry;
use immutable_core::provider::{CallBudget, Rate};
use immutable_core::time::{Clock, SystemClock};
use immutable_core::{Applied, Error, ErrorKind, Place, Result, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::credentials::Sign;
use crate::traffic::Turns;
use crate::{errors, rates};

/// Where Azure is called. "Azure Resource Manager", "Get access to Azure REST APIs".
const ENDPOINT: &str = "https://management.azure.com";
/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(10);
/// Until when a call is tried again; less than a controller waits for one.
const PATIENCE: Duration = Duration::from_secs(15);

/// A subscription's resource group in a region, and how it is called. Clones share their connections and their [budget](Builder::rate) of calls.
///
/// ```no_run
/// # async fn example() -> immutable_core::Result<()> {
/// use backend_azure::Azure;
///
/// let azure = Azure::connect("8f6c1b7e-0000-4000-8000-6d1c2d3e4f50", "web-prod", "westeurope").await?;
/// println!("{}", azure.place()); // azure/8f6c1b7e-0000-4000-8000-6d1c2d3e4f50/westeurope
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Azure {
    inner: Arc<Inner>,
}

struct Inner {
    place: Place,
    group: String,
    endpoint: Url,
    pipeline: Pipeline,
    clock: Arc<dyn Clock>,
    budget: CallBudget,
    balancers: Turns,
}

/// One call: of which operation, and what is sent.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// As the provider's specification names it: `virtualMachineScaleSets.get`.
    pub(crate) id: &'static str,
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Value>,
}

impl Call {
    fn new(id: &'static str, method: Method, path: &str, version: &str) -> Self {
        Self { id, method, path: format!("{path}?api-version={version}"), headers: Vec::new(), body: None }
    }

    pub(crate) fn get(id: &'static str, path: &str, version: &str) -> Self {
        Self::new(id, Method::Get, path, version)
    }

    pub(crate) fn put(id: &'static str, path: &str, version: &str, body: &impl Serialize) -> Self {
        Self::new(id, Method::Put, path, version).body(body)
    }

    pub(crate) fn patch(id: &'static str, path: &str, version: &str, body: &impl Serialize) -> Self {
        Self::new(id, Method::Patch, path, version).body(body)
    }

    pub(crate) fn post(id: &'static str, path: &str, version: &str, body: Option<&Value>) -> Self {
        let call = Self::new(id, Method::Post, path, version);
        match body {
            Some(body) => call.body(body),
            None => call,
        }
    }

    pub(crate) fn delete(id: &'static str, path: &str, version: &str) -> Self {
        Self::new(id, Method::Delete, path, version)
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.path.push_str(&format!("&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
        self
    }

    /// Only if it is what was read.
    pub(crate) fn if_match(mut self, etag: &str) -> Self {
        self.headers.push(("if-match", etag.to_owned()));
        self
    }

    /// Only if there is none yet.
    pub(crate) fn if_none(mut self) -> Self {
        self.headers.push(("if-none-match", "*".to_owned()));
        self
    }

    fn body(mut self, body: &impl Serialize) -> Self {
        self.body = serde_json::to_value(body).ok();
        self
    }

    /// Reads what is at a path with its version.
    pub(crate) fn again(id: &'static str, path: &str) -> Self {
        Self { id, method: Method::Get, path: path.to_owned(), headers: Vec::new(), body: None }
    }

    /// The resource whose state tells of the call's operation: what is written or deleted, or what an action is asked of.
    pub(crate) fn operated(&self) -> String {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let of = if self.method == Method::Post { path.rsplit_once('/').map_or(path, |(resource, _)| resource) } else { path };
        let version = query.split('&').next().unwrap_or_default();
        format!("{of}?{version}")
    }
}

/// An answer that is no refusal.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    headers: Headers,
}

impl Answer {
    pub(crate) fn header(&self, name: &'static str) -> Option<&str> {
        self.headers.get_optional_str(&name.into())
    }

    /// The resource's etag: of the header, else of the body.
    pub(crate) fn etag(&self) -> Option<String> {
        let said = self.body.get("etag").and_then(Value::as_str);
        self.header("etag").or(said).map(str::to_owned)
    }

    /// How long the service asks to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs)
    }
}

/// Part of an answer, as what it must be.
pub(crate) fn read<T: DeserializeOwned>(id: &str, body: &Value) -> Result<T> {
    T::deserialize(body)
        .map_err(|why| Error::new(ErrorKind::Internal, format!("{id} was answered, and the answer could not be read: {why}")))
}

impl Azure {
    /// A resource group in a region, with what Azure's command line is signed in as.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) if one of them can be none; [`Denied`](ErrorKind::Denied) without credentials. Nothing is called yet.
    pub async fn connect(subscription: &str, group: &str, region: &str) -> Result<Self> {
        Self::builder(subscription, group, region).connect().await
    }

    /// The same, with some of it said.
    pub fn builder(subscription: impl Into<String>, group: impl Into<String>, region: impl Into<String>) -> Builder {
        Builder {
            subscription: subscription.into(),
            group: group.into(),
            region: region.into(),
            endpoint: ENDPOINT.to_owned(),
            audience: None,
            authority: None,
            ca: None,
            sign: Sign::Tools,
            clock: None,
            rates: BTreeMap::new(),
        }
    }

    /// Which subscription and region.
    pub fn place(&self) -> Place {
        self.inner.place.clone()
    }

    /// The resource group that all but images is in.
    pub fn resource_group(&self) -> &str {
        &self.inner.group
    }

    pub(crate) fn subscription(&self) -> &str {
        self.inner.place.scope()
    }

    pub(crate) fn region(&self) -> &str {
        self.inner.place.region()
    }

    /// The path of a resource in the group: `of("Microsoft.Compute/virtualMachineScaleSets", "web-0001-0")`.
    pub(crate) fn of(&self, kind: &str, name: &str) -> String {
        format!("{}/{}", self.all(kind), name)
    }

    /// The path of all resources of a kind in the group.
    pub(crate) fn all(&self, kind: &str) -> String {
        format!("/subscriptions/{}/resourceGroups/{}/providers/{kind}", self.subscription(), self.inner.group)
    }

    /// Who may write to which load balancer.
    pub(crate) fn balancers(&self) -> &Turns {
        &self.inner.balancers
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    pub(crate) async fn pause(&self, pause: Duration) {
        self.inner.clock.sleep_until(self.now() + pause).await;
    }

    /// Reads. What passes is waited for.
    pub(crate) async fn ask(&self, call: &Call) -> Result<Answer> {
        self.attempts(call, errors::passes).await.map_err(|error| error.with_applied(Applied::No))
    }

    /// Reads all pages of a list.
    pub(crate) async fn list(&self, call: &Call) -> Result<Vec<Value>> {
        let (mut found, mut page) = (Vec::new(), self.ask(call).await?);
        loop {
            match page.body.get_mut("value").map(Value::take) {
                Some(Value::Array(values)) => found.extend(values),
                _ => return Err(lacks(call.id, "value")),
            }
            match page.body.get("nextLink").and_then(Value::as_str).filter(|link| !link.is_empty()) {
                Some(link) => page = self.ask(&self.at(call.id, link)?).await?,
                None => return Ok(found),
            }
        }
    }

    /// Makes a call that changes something. Sent again is only what was certainly not done: who compares etags would else be refused by what it has done itself.
    pub(crate) async fn order(&self, call: &Call) -> Result<Answer> {
        let answer = self.attempts(call, |error| error.applied() == Applied::No && errors::passes(error)).await;
        // Without an answer it may still be done. Its copies compare etags, or name what they take.
        answer.map_err(|error| if error.applied() == Applied::Unknown { error.with_echo_until(self.now()) } else { error })
    }

    /// Reads what an answer has named by its URL: pages, operations. Nothing but where all calls go is followed: they bear a token.
    pub(crate) fn at(&self, id: &'static str, url: &str) -> Result<Call> {
        let ours = Url::parse(url).ok().filter(|url| url.origin() == self.inner.endpoint.origin());
        let Some(url) = ours else {
            let what = format!("{id} was answered with a URL of somebody else: `{url}` is not at {}", self.inner.endpoint);
            return Err(Error::new(ErrorKind::Internal, what));
        };
        let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        Ok(Call { id, method: Method::Get, path, headers: Vec::new(), body: None })
    }

    async fn attempts(&self, call: &Call, again: impl Fn(&Error) -> bool) -> Result<Answer> {
        let deadline = self.now() + PATIENCE;
        let mut pause = Duration::from_millis(500);
        loop {
            self.inner.budget.turn(call.id).await.map_err(|error| error.with_place(&self.inner.place))?;
            let error = match self.attempt(call).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error.with_place(&self.inner.place),
            };
            let wait = match error.retry() {
                Retry::After(wait) => wait,
                _ => pause,
            };
            if !again(&error) || self.now() + wait >= deadline {
                return Err(error);
            }
            tracing::debug!(call = call.id, %error, "trying again");
            self.pause(wait).await;
            pause = (pause * 2).min(Duration::from_secs(4));
        }
    }

    async fn attempt(&self, call: &Call) -> Result<Answer> {
        let mut request = Request::new(self.url(call)?, call.method);
        request.insert_header("accept", "application/json");
        for (name, value) in &call.headers {
            request.insert_header(*name, value.clone());
        }
        if let Some(body) = &call.body {
            request.insert_header("content-type", "application/json");
            request.set_body(body.to_string());
        }
        let options = PipelineSendOptions { skip_checks: true, ..PipelineSendOptions::default() };
        let sent = self.inner.pipeline.send(&Context::new(), &mut request, Some(options)).await;
        let answer = sent.map_err(|error| errors::of_call(call.id, error))?;
        let (status, headers, body) = answer.deconstruct();
        let body = body.as_ref();
        let answer = Answer {
            status: status.into(),
            headers,
            body: if body.is_empty() { Value::Null } else { serde_json::from_slice(body).unwrap_or(Value::Null) },
        };
        if answer.status >= 400 {
            return Err(errors::answered(call.id, &answer));
        }
        if answer.body.is_null() && !body.is_empty() {
            // It was heard, and may have been done.
            let what = format!("{} was answered, and not in JSON", call.id);
            return Err(Error::new(ErrorKind::Internal, what).with_applied(Applied::Unknown));
        }
        Ok(answer)
    }

    /// Where a call goes. A path that begins with `//` would name another host, and has a token sent there.
    pub(crate) fn url(&self, call: &Call) -> Result<Url> {
        let ours = self.inner.endpoint.join(&call.path).ok().filter(|url| url.origin() == self.inner.endpoint.origin());
        ours.ok_or_else(|| Error::invalid(format!("{} cannot be called at `{}`", call.id, call.path)))
    }

    /// What went wrong with one of several calls: once another has changed something, all of them together may have been done, and are to be sent again.
    pub(crate) fn half_done(&self, begun: bool, error: Error) -> Error {
        match begun && error.applied() == Applied::No {
            true => error.with_applied(Applied::Unknown).with_echo_until(self.now()),
            false => error,
        }
    }
}

impl fmt::Debug for Azure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Azure").field("place", &self.inner.place).field("group", &self.inner.group).finish_non_exhaustive()
    }
}

/// What is said of an [`Azure`] besides its environment.
#[derive(Debug)]
#[must_use]
pub struct Builder {
    subscription: String,
    group: String,
    region: String,
    endpoint: String,
    audience: Option<String>,
    authority: Option<String>,
    ca: Option<String>,
    sign: Sign,
    clock: Option<Arc<dyn Clock>>,
    rates: BTreeMap<String, Rate>,
}

impl Builder {
    /// Calls Azure Resource Manager here: another cloud of Microsoft's, a private endpoint, an emulator. By https only: each call bears a token.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = url.into();
        self
    }

    /// Whom tokens are for; `https://management.azure.com` if nothing is said.
    pub fn audience(mut self, url: impl Into<String>) -> Self {
        self.audience = Some(url.into());
        self
    }

    /// Who gives tokens, to applications with a secret and to machines; `https://login.microsoftonline.com` if nothing is said. Command lines and workloads go by what they are told
    /// themselves.
    pub fn authority(mut self, url: impl Into<String>) -> Self {
        self.authority = Some(url.into());
        self
    }

    /// Trusts the servers that this authority has signed, in PEM, and no others: emulators, private endpoints.
    pub fn certificate_authority(mut self, pem: impl Into<String>) -> Self {
        self.ca = Some(pem.into());
        self
    }

    /// As an application, by its secret. Whatever the environment has is better.
    pub fn client_secret(mut self, tenant: impl Into<String>, client: impl Into<String>, secret: impl Into<String>) -> Self {
        self.sign = Sign::Secret { tenant: tenant.into(), client: client.into(), secret: secret.into() };
        self
    }

    /// As the machine that the program runs on.
    pub fn managed_identity(mut self) -> Self {
        self.sign = Sign::Machine(None);
        self
    }

    /// As an identity that was given to the machine that the program runs on, by its client id.
    pub fn user_assigned_identity(mut self, client: impl Into<String>) -> Self {
        self.sign = Sign::Machine(Some(client.into()));
        self
    }

    /// As the workload that the program is, by the variables that Kubernetes gives it: `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_FEDERATED_TOKEN_FILE`.
    pub fn workload_identity(mut self) -> Self {
        self.sign = Sign::Workload;
        self
    }

    /// With access tokens that come from elsewhere: it is asked about once a minute, and answers one that is valid for some minutes.
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

    /// Makes a call, as in `virtualMachineScaleSets.get`, at most so often. Without it, less than Azure allows a subscription by default.
    pub fn rate(mut self, call: impl Into<String>, rate: Rate) -> Self {
        self.rates.insert(call.into(), rate);
        self
    }

    /// Resolves the credentials. Nothing is called yet.
    ///
    /// # Errors
    /// As [`Azure::connect`].
    pub async fn connect(self) -> Result<Azure> {
        crate::credentials::crypto();
        // As Microsoft names them: "Naming rules and restrictions for Azure resources".
        let plain =
            |text: &str, also: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c));
        if !plain(&self.subscription, "-") {
            return Err(Error::invalid(format!(
                "`{}` is no subscription's id; it is a UUID, and no display name",
                self.subscription
            )));
        }
        if !plain(&self.group, "-_().") || self.group.len() > 90 || self.group.ends_with('.') {
            return Err(Error::invalid(format!("`{}` is no resource group's name", self.group)));
        }
        let lower = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        if self.region.is_empty() || !lower(&self.region) {
            return Err(Error::invalid(format!("`{}` is no region; it is as in `westeurope`, and no display name", self.region)));
        }
        let endpoint = Url::parse(&self.endpoint).ok().filter(|url| url.scheme() == "https" && url.path() == "/");
        let Some(endpoint) = endpoint else {
            return Err(Error::invalid(format!(
                "`{}` is no endpoint; write it as {ENDPOINT}, by https and without a path",
                self.endpoint
            )));
        };
        let place = Place::new("azure", &self.subscription, &self.region)?;
        let transport = Transport::new(Arc::new(http(self.ca.as_deref())?));
        let options =
            || ClientOptions { transport: Some(transport.clone()), retry: RetryOptions::none(), ..ClientOptions::default() };
        let credential = self.sign.credential(self.authority.as_deref(), options())?;
        let audience = self.audience.as_deref().unwrap_or(ENDPOINT).trim_end_matches('/');
        let bearer = Arc::new(BearerTokenAuthorizationPolicy::new(credential, [format!("{audience}/.default")]));
        let (name, version) = (option_env!("CARGO_PKG_NAME"), option_env!("CARGO_PKG_VERSION"));
        // The retries are ours: theirs send a POST twice, and sleep as long as they are told.
        let pipeline = Pipeline::new(name, version, options(), Vec::new(), vec![bearer], None);
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        let budget = CallBudget::new(clock.clone(), self.rates, rates::of);
        Ok(Azure {
            inner: Arc::new(Inner { place, group: self.group, endpoint, pipeline, clock, budget, balancers: Turns::default() }),
        })
    }
}

fn http(ca: Option<&str>) -> Result<reqwest::Client> {
    let builder = reqwest::Client::builder().timeout(ATTEMPT).redirect(reqwest::redirect::Policy::none());
    let builder = match ca {
        Some(pem) => {
            let certificates = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).ok().filter(|found| !found.is_empty());
            let wrong = || {
                Error::invalid("the certificate authority is no certificate in PEM; it begins with -----BEGIN CERTIFICATE-----")
            };
            builder.tls_certs_only(certificates.ok_or_else(wrong)?)
        }
        None => builder,
    };
    builder.build().map_err(|why| Error::invalid(format!("no client of HTTP could be made: {why}")))
}

/// What has no answer that this library knows: of Azure's, and there should be none.
pub(crate) fn lacks(id: &str, what: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("{id} was answered, and says no {what}"))
}
