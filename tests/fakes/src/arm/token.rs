//! Microsoft Entra ID, as far as a client needs it that has a secret: "Microsoft identity platform and the OAuth 2.0 client credentials flow".

use std::collections::BTreeMap;

use serde_json::json;

use super::FakeArm;
use super::answer::Answer;
use super::asked::Asked;
use super::error::{ArmError, Result, error};
use super::table::Row;
use super::world::World;
use crate::fault::scramble;

pub(crate) const CALLS: &[Row] = &[
    Row::new("token", "POST", "*/oauth2/v2.0/token", &[], token).form(),
    Row::new("openidConfiguration", "GET", "*/v2.0/.well-known/openid-configuration", &[], configuration).form(),
];

/// Who may have a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// The directory, by its id.
    pub tenant: String,
    /// The application's id.
    pub id: String,
    /// The application's secret.
    pub secret: String,
}

/// The tokens that were given, and until when they are good.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) client: Client,
    /// Milliseconds.
    pub(crate) life: u64,
    given: BTreeMap<String, u64>,
}

impl Default for Tokens {
    fn default() -> Self {
        let client = Client {
            tenant: "11111111-1111-1111-1111-111111111111".into(),
            id: "22222222-2222-2222-2222-222222222222".into(),
            secret: "not-a-secret".into(),
        };
        Self { client, life: 3_600_000, given: BTreeMap::new() }
    }
}

impl Tokens {
    fn give(&mut self, now: u64) -> String {
        let number = u64::try_from(self.given.len()).unwrap_or(u64::MAX);
        let token = format!("fake.{:016x}.{number}", scramble(number));
        self.given.insert(token.clone(), now.saturating_add(self.life));
        token
    }
}

impl World {
    /// "401 … InvalidAuthenticationToken", with the header that says where tokens come from: "Azure REST API reference", `WWW-Authenticate`.
    pub(crate) fn signed(&self, asked: &Asked) -> Result<()> {
        let why = match asked.bearer.as_ref().map(|bearer| self.tokens.given.get(bearer)) {
            Some(Some(until)) if *until > self.now => return Ok(()),
            Some(Some(_)) => ("ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than the current time."),
            Some(None) => ("InvalidAuthenticationToken", "The access token is invalid."),
            None => ("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."),
        };
        let challenge =
            format!("Bearer authorization_uri=\"{}/{}\", error=\"invalid_token\"", asked.origin, self.tokens.client.tenant);
        Err(ArmError { headers: vec![("www-authenticate".into(), challenge)], ..error(401, why.0, why.1) })
    }
}

impl FakeArm {
    /// Who may have a token: a tenant, a client id and a secret.
    pub fn client(&self) -> Client {
        self.lock().tokens.client.clone()
    }

    /// A token, at the time of the latest call.
    pub fn token(&self) -> String {
        let mut world = self.lock();
        let now = world.now;
        world.tokens.give(now)
    }

    /// How long tokens are good from now on; one hour.
    pub fn tokens_last(&self, life: std::time::Duration) {
        self.lock().tokens.life = super::world::millis(life);
    }

    /// No token that was given is good any more.
    pub fn revoke_tokens(&self) {
        let mut world = self.lock();
        let now = world.now;
        world.tokens.given.values_mut().for_each(|until| *until = now);
    }
}

fn token(world: &mut World, asked: &Asked) -> Result<Answer> {
    let form: BTreeMap<String, String> =
        form_urlencoded::parse(asked.body.as_str().unwrap_or_default().as_bytes()).into_owned().collect();
    let said = |field: &str| form.get(field).map(String::as_str).unwrap_or_default();
    // "Microsoft Entra authentication and authorization error codes".
    let refuse = |status, code: &str, why: String| {
        let body = json!({ "error": code, "error_description": why, "error_codes": [] });
        Ok(Answer::new(status, body))
    };
    let client = &world.tokens.client;
    if !asked.name(0).eq_ignore_ascii_case(&client.tenant) {
        return refuse(400, "invalid_request", format!("AADSTS90002: Tenant '{}' not found.", asked.name(0)));
    }
    if said("grant_type") != "client_credentials" {
        return refuse(
            400,
            "unsupported_grant_type",
            format!("AADSTS70003: The grant type '{}' is not supported.", said("grant_type")),
        );
    }
    if !said("scope").split(' ').any(|scope| scope.ends_with("/.default")) {
        return refuse(
            400,
            "invalid_scope",
            "AADSTS1002012: The provided value for scope is not valid: it must end in /.default.".into(),
        );
    }
    if said("client_id") != client.id {
        return refuse(400, "unauthorized_client", format!("AADSTS700016: Application '{}' was not found.", said("client_id")));
    }
    if said("client_secret") != client.secret {
        return refuse(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.".into());
    }
    let (now, seconds) = (world.now, world.tokens.life / 1000);
    let token = world.tokens.give(now);
    Ok(Answer::ok(json!({ "token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token })))
}

/// Where everything is: some clients look before they ask.
fn configuration(_: &mut World, asked: &Asked) -> Result<Answer> {
    let authority = format!("{}/{}", asked.origin, asked.name(0));
    Ok(Answer::ok(json!({
        "issuer": format!("{authority}/v2.0"),
        "authorization_endpoint": format!("{authority}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{authority}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "jwks_uri": format!("{authority}/discovery/v2.0/keys"),
    })))
}
