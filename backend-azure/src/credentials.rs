//! Who calls: Microsoft's own ways to sign in, and those of the embedding program.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use azure_core::http::ClientOptions;
use azure_identity::{
    ClientSecretCredential, ClientSecretCredentialOptions, DeveloperToolsCredential, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
};
use immutable_core::{Error, ErrorKind, Result};

type Tokens = dyn Fn() -> Pin<Box<dyn Future<Output = Result<String>> + Send>> + Send + Sync;

/// How requests are signed.
pub(crate) enum Sign {
    /// As Azure's command line is signed in.
    Tools,
    /// By an application's secret.
    Secret { tenant: String, client: String, secret: String },
    /// As the machine that the program runs on, or as one of its identities by client id.
    Machine(Option<String>),
    /// As the workload that the program is, in Kubernetes.
    Workload,
    /// By what is asked.
    Token(Arc<Tokens>),
}

impl fmt::Debug for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tools => "Tools",
            Self::Secret { .. } => "Secret",
            Self::Machine(_) => "Machine",
            Self::Workload => "Workload",
            Self::Token(_) => "Token",
        })
    }
}

impl Sign {
    pub(crate) fn credential(&self, authority: Option<&str>, mut options: ClientOptions) -> Result<Arc<dyn TokenCredential>> {
        let denied = |why: azure_core::Error| Error::new(ErrorKind::Denied, format!("there are no credentials: {why}"));
        if let Some(host) = authority {
            let mut custom = CustomConfiguration::default();
            custom.authority_host = host.to_owned();
            options.cloud = Some(Arc::new(CloudConfiguration::Custom(custom)));
        }
        Ok(match self {
            Self::Tools => DeveloperToolsCredential::new(None).map_err(denied)?,
            Self::Secret { tenant, client, secret } => {
                let options = ClientSecretCredentialOptions { client_options: options };
                let secret = Secret::new(secret.clone());
                ClientSecretCredential::new(tenant, client.clone(), secret, Some(options)).map_err(denied)?
            }
            Self::Machine(id) => {
                let user_assigned_id = id.clone().map(UserAssignedId::ClientId);
                let options = ManagedIdentityCredentialOptions { user_assigned_id, client_options: options };
                ManagedIdentityCredential::new(Some(options)).map_err(denied)?
            }
            Self::Workload => WorkloadIdentityCredential::new(None).map_err(denied)?,
            Self::Token(tokens) => Arc::new(Asked(tokens.clone())),
        })
    }
}

/// Tokens that come from elsewhere. How long they are valid is for who gives them to know: each is asked for again after a minute.
struct Asked(Arc<Tokens>);

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asked")
    }
}

#[async_trait]
impl TokenCredential for Asked {
    async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let token = (self.0)().await;
        let token =
            token.map_err(|why| azure_core::Error::with_message(azure_core::error::ErrorKind::Credential, why.to_string()))?;
        Ok(AccessToken::new(token, (SystemTime::now() + Duration::from_secs(60)).into()))
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
