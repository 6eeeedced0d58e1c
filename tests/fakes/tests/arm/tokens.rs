//! Tokens: where they come from, and how long they are good.

use std::time::Duration;

use immutable_fakes::arm::{Outcome, Request};
use serde_json::Value;

use crate::wire::{GROUP, Said, Wire};

fn token(wire: &Wire, tenant: &str, form: &[(&str, &str)]) -> Said {
    let body = form.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let request = Request {
        method: "POST".into(),
        uri: format!("/{tenant}/oauth2/v2.0/token"),
        headers: vec![("content-type".into(), "application/x-www-form-urlencoded".into())],
        body: body.into_bytes(),
    };
    match wire.send(&request) {
        Outcome::Reply(reply) => Said::of(reply),
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_knows_the_secret_gets_a_token_that_is_good_for_a_while() {
    let wire = Wire::new();
    wire.fake.tokens_last(Duration::from_secs(600));
    let client = wire.fake.client();
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", &client.id),
        ("client_secret", &client.secret),
        ("scope", "https%3A%2F%2Fmanagement.azure.com%2F.default"),
    ];
    let said = token(&wire, &client.tenant, &form).ok();
    assert_eq!((said["token_type"].as_str(), said["expires_in"].as_u64()), (Some("Bearer"), Some(600)));
    wire.sign(said["access_token"].as_str().unwrap());
    let list = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets");
    assert_eq!(wire.get(&list).status, 200);
    wire.wait(600);
    assert_eq!(wire.get(&list).error(), (401, "ExpiredAuthenticationToken"));
    // Each of these is looked at.
    assert_eq!(token(&wire, "another", &form).body["error"], "invalid_request");
    form[2].1 = "wrong";
    assert_eq!(
        (token(&wire, &client.tenant, &form).status, token(&wire, &client.tenant, &form).body["error"].clone()),
        (401, "invalid_client".into())
    );
    form[1].1 = "another";
    assert_eq!(token(&wire, &client.tenant, &form).body["error"], "unauthorized_client");
    wire.unlawful.set(true);
    form[3].1 = "https%3A%2F%2Fmanagement.azure.com";
    assert_eq!(token(&wire, &client.tenant, &form).body["error"], "invalid_scope");
    form[0].1 = "password";
    assert_eq!(token(&wire, &client.tenant, &form).body["error"], "unsupported_grant_type");
}

#[test]
fn who_has_none_is_told_where_they_come_from() {
    let wire = Wire::new();
    let path = format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets");
    let mut request = wire.request("GET", &path, &[], &Value::Null);
    request.headers.retain(|(name, _)| name != "authorization");
    let Outcome::Reply(reply) = wire.send(&request) else { panic!("it answers") };
    let said = Said::of(reply);
    assert_eq!(said.error(), (401, "AuthenticationFailed"));
    let tenant = wire.fake.client().tenant;
    let challenge = said.header("www-authenticate").unwrap();
    assert!(challenge.starts_with(&format!("Bearer authorization_uri=\"https://management.azure.com/{tenant}\"")), "{challenge}");
    wire.sign("made-up");
    assert_eq!(wire.get(&path).error(), (401, "InvalidAuthenticationToken"));
    wire.sign(&wire.fake.token());
    wire.fake.revoke_tokens();
    assert_eq!(wire.get(&path).error(), (401, "ExpiredAuthenticationToken"));
}

#[test]
fn the_directory_says_where_tokens_are_given() {
    let wire = Wire::new();
    let path = format!("/{}/v2.0/.well-known/openid-configuration", wire.fake.client().tenant);
    let said = wire.get(&path).ok();
    assert!(said["token_endpoint"].as_str().unwrap().ends_with("/oauth2/v2.0/token"));
}
