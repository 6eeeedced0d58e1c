//! What is sent, for another's models to read: `tests/oracle/bodies.jsonl` has a body of each shape that is sent today. `BODIES=write` writes it anew.

use std::collections::{BTreeMap, BTreeSet};

use backend_azure::{ApplicationHealth, Disk, Machine};
use immutable_core::fleet::Placement;
use immutable_core::id::Zone;
use immutable_core::{ImageRef, Result};
use serde_json::Value;

use crate::account::Account;
use crate::hand::{Hand, play};
use crate::walk;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/oracle/bodies.jsonl");

/// A call, and all places of its body with what kind of value is there.
type Shape = (String, BTreeSet<String>);

fn shape(call: &str, body: &Value) -> Shape {
    fn walk(value: &Value, place: &str, into: &mut BTreeSet<String>) {
        let kind = match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(name, value)| walk(value, &format!("{place}.{}", plain(place, name)), into));
                "object"
            }
            Value::Array(values) => {
                values.iter().for_each(|value| walk(value, &format!("{place}[]"), into));
                "list"
            }
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Number(_) => "number",
            Value::String(_) => "text",
        };
        into.insert(format!("{place}: {kind}"));
    }
    /// Tags and identities are named by whoever has them.
    fn plain<'a>(place: &str, name: &'a str) -> &'a str {
        if place.ends_with("tags") || place.ends_with("userAssignedIdentities") { "*" } else { name }
    }
    let mut places = BTreeSet::new();
    walk(body, "body", &mut places);
    (call.to_owned(), places)
}

/// Of each shape the first.
fn first(calls: impl IntoIterator<Item = (String, Value)>) -> BTreeMap<Shape, Value> {
    let mut found = BTreeMap::new();
    for (call, body) in calls {
        found.entry(shape(&call, &body)).or_insert(body);
    }
    found
}

/// Machines with everything that there is to say of them.
async fn furnished(account: &Account) -> Result<()> {
    let id = |kind: &str, name: &str| account.fake.id(kind, name);
    let application = account.fake.application("web-app", "1.0.0");
    let hand = Hand::new(account).named("full").with(|mut template| {
        template.machine = template
            .machine
            .security_group("web")
            .identity(id("Microsoft.ManagedIdentity/userAssignedIdentities", "web"))
            .os_disk(Disk::new(64, "Premium_LRS"))
            .public_address()
            .trusted_launch();
        template.health(ApplicationHealth::http(8080, "/health").grace(600)).load_balancer("front").zones(["1", "2"])
    });
    hand.ensure(&hand.good()).await?;
    let base = account.image("1.0.0").id().as_str().to_owned();
    let hand = Hand::new(account).named("app").with(|template| template.base_image(base));
    hand.ensure(&hand.spec(ImageRef::new(account.place(), application))).await?;
    let hand = Hand::new(account).named("plain").with_machine(|_| Machine::specialized("Standard_D2s_v5", "net/web").windows());
    hand.ensure(&hand.good()).await?;
    let market = ImageRef::new(account.place(), "Canonical:ubuntu-24_04-lts:server:24.04.202511130");
    let hand = Hand::new(account).named("market").with(|template| template.health(ApplicationHealth::tcp(22)));
    hand.ensure(&hand.spec(market)).await.map(drop)
}

/// What is sent by walks that send everything.
fn sent() -> BTreeMap<Shape, Value> {
    let mut calls = Vec::new();
    let mut walked = |account: &Account| {
        assert_eq!(account.fake.violations(), Vec::<String>::new());
        let sent = account.fake.calls().into_iter().filter(|call| call.body.is_object());
        calls.extend(sent.map(|call| (call.method, call.body)));
    };
    for at in 0..6 {
        play(async |account: Account| {
            walk::furnish(&account).await;
            let hand = Hand::new(&account);
            match at {
                0 => furnished(&account).await,
                1 => walk::fleet(&hand.with(|template| template.zones(["1", "2"])), Placement::Region).await,
                2 => walk::fleet(&hand, Placement::Zone(Zone::new("2"))).await,
                3 => walk::rule(&account).await,
                4 => walk::profile(&account).await,
                _ => walk::images(&account).await,
            }
            .unwrap();
            walked(&account);
        });
    }
    first(calls)
}

#[test]
fn what_another_reads_is_what_is_sent() {
    let sent = sent();
    if std::env::var("BODIES").as_deref() == Ok("write") {
        let line = |((call, _), body): (&Shape, &Value)| format!("{{\"call\":\"{call}\",\"body\":{body}}}\n");
        std::fs::write(FILE, sent.iter().map(line).collect::<String>()).unwrap();
    }
    let file = std::fs::read_to_string(FILE).unwrap();
    let lines = file.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        (line["call"].as_str().unwrap().to_owned(), line["body"].clone())
    });
    let known = first(lines);
    let differ = |one: &BTreeMap<Shape, Value>, other: &BTreeMap<Shape, Value>| {
        one.iter()
            .filter(|(shape, _)| !other.contains_key(shape))
            .map(|((call, _), body)| format!("{call}: {body}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        differ(&sent, &known),
        Vec::<String>::new(),
        "these are sent, and nobody reads them; write the file anew with BODIES=write"
    );
    assert_eq!(differ(&known, &sent), Vec::<String>::new(), "these nobody sends any more; write the file anew with BODIES=write");
}
