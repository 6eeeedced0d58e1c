//! Who calls: Google's own ways to sign in, and those of the embedding program.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use google_cloud_auth::credentials::{self, CacheableResource, Credentials, CredentialsProvider, EntityTag};
use google_cloud_auth::errors::CredentialsError;
use http::header::AUTHORIZATION;
use http::{Extensions, HeaderMap, HeaderValue};
use immutable_core::{Error, ErrorKind, Result};

/// The scope of all that is called here. "OAuth 2.0 Scopes for Google APIs", Compute Engine API v1.
const SCOPE: &str = "https://www.googleapis.com/auth/compute";

type Tokens = dyn Fn() -> Pin<Box<dyn Future<Output = Result<String>> + Send>> + Send + Sync;

/// How requests are signed.
pub(crate) enum Sign {
    /// As Google's command line would.
    Default,
    /// Not at all.
    Nobody,
    /// By the JSON of a service account's key.
    Key(String),
    /// By what is asked before each.
    Token(Arc<Tokens>),
}

impl fmt::Debug for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "Default",
            Self::Nobody => "Nobody",
            Self::Key(_) => "Key",
            Self::Token(_) => "Token",
        })
    }
}

impl Sign {
    pub(crate) fn credentials(&self) -> Result<Credentials> {
        let denied = |what: &str, why: &dyn fmt::Display| Error::new(ErrorKind::Denied, format!("{what}: {why}"));
        match self {
            Self::Default => credentials::Builder::default().with_scopes([SCOPE]).build().map_err(|why| {
                let what = "there are no credentials; sign in with `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS";
                denied(what, &why)
            }),
            Self::Nobody => Ok(credentials::anonymous::Builder::new().build()),
            Self::Key(json) => {
                let key = serde_json::from_str(json)
                    .map_err(|why| Error::invalid(format!("the service account's key is not JSON: {why}")))?;
                let builder = credentials::service_account::Builder::new(key);
                let scoped = builder.with_access_specifier(credentials::service_account::AccessSpecifier::from_scopes([SCOPE]));
                scoped.build().map_err(|why| denied("the service account's key cannot be used", &why))
            }
            Self::Token(tokens) => Ok(Credentials::from(Asked(tokens.clone()))),
        }
    }
}

struct Asked(Arc<Tokens>);

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asked")
    }
}

impl CredentialsProvider for Asked {
    async fn headers(&self, _: Extensions) -> std::result::Result<CacheableResource<HeaderMap>, CredentialsError> {
        let failed = |why: String| CredentialsError::from_msg(false, why);
        let token = (self.0)().await.map_err(|error| failed(error.to_string()))?;
        let mut value =
            HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| failed("an access token has odd characters".into()))?;
        value.set_sensitive(true);
        Ok(CacheableResource::New { entity_tag: EntityTag::new(), data: HeaderMap::from_iter([(AUTHORIZATION, value)]) })
    }

    async fn universe_domain(&self) -> Option<String> {
        None
    }
}

/// TLS needs a provider, of which a process has one: ring, unless the program has installed another.
#[cfg(feature = "https")]
pub(crate) fn crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have been quicker: then there is one, too.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

/// Without TLS of our own, the program installs what it wants.
#[cfg(not(feature = "https"))]
pub(crate) fn crypto() {}
