//! `fake-arm [--port PORT] [--subscription ID] [--group NAME] [--location NAME] [--boot SECONDS] [--ca FILE] [--calls FILE]`: Azure Resource Manager on loopback,
//! over TLS, in real time. Prints its endpoint, what a client needs to get a token of it (the tenant, the client id and the client secret), and a line
//! for each thing that it made as a user makes it beforehand. Writes the certificate that a client is to trust to the file of `--ca`, and every call that
//! had a body to that of `--calls`, as `tests/oracle` reads it. Serves until it is killed.

use std::io::{Error, ErrorKind, Write};
use std::sync::Arc;
use std::time::Duration;

use immutable_core::time::{Clock, SystemClock};
use immutable_fakes::arm::{FakeArm, https};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let (mut port, mut subscription) = (0u16, "00000000-0000-0000-0000-000000000001".to_owned());
    let (mut group, mut location) = ("acme".to_owned(), "westeurope".to_owned());
    let (mut boot, mut ca, mut calls) = (5u64, None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| usage(&format!("{name} needs a value")))?;
        match name.as_str() {
            "--port" => port = value.parse().map_err(|_| usage(&format!("{value} is no port")))?,
            "--subscription" => subscription = value,
            "--group" => group = value,
            "--location" => location = value,
            "--boot" => boot = value.parse().map_err(|_| usage(&format!("{value} is no number of seconds")))?,
            "--ca" => ca = Some(value),
            "--calls" => calls = Some(std::fs::File::create(value)?),
            _ => return Err(usage(&format!("{name} is not known"))),
        }
    }
    let clock = SystemClock::new();
    let fake = FakeArm::new(&subscription, &group, &location);
    fake.advance(u64::try_from(clock.now().as_millis()).unwrap_or(0));
    fake.boot(Duration::from_secs(boot));
    fake.shutdown(Duration::from_secs(boot.min(5)));
    fake.installing(Duration::from_secs(boot.min(2)));
    fake.check(Duration::from_secs(boot.min(2)));
    fake.reaction(Duration::from_secs(boot.min(1)));
    fake.operations_take(Duration::from_secs(boot.min(1)));
    fake.poll_after(Some(Duration::from_secs(1)));
    let shown = demo(&fake, u64::try_from(clock.now().as_millis()).unwrap_or(0), boot);
    let authority = https::authority()?;
    if let Some(file) = ca {
        std::fs::write(file, &authority.ca_pem)?;
    }
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let mut out = std::io::stdout();
    writeln!(out, "https://{}", listener.local_addr()?)?;
    let client = fake.client();
    writeln!(out, "tenant {} client {} secret {}", client.tenant, client.id, client.secret)?;
    for line in shown {
        writeln!(out, "{line}")?;
    }
    out.flush()?;
    tokio::join!(https::serve(fake.clone(), listener, &authority, Arc::new(clock)), tell(&fake, calls));
    Ok(())
}

/// What the judge has to say, on stderr, as soon as it says it; and what was asked.
async fn tell(fake: &FakeArm, mut calls: Option<std::fs::File>) {
    let (mut told, mut written) = (0, 0);
    loop {
        for wrong in fake.violations().iter().skip(told) {
            eprintln!("{wrong}");
            told += 1;
        }
        if let Some(file) = &mut calls {
            for call in fake.calls().iter().skip(written) {
                written += 1;
                if call.body.is_object() {
                    let line = serde_json::json!({ "call": call.method, "body": call.body });
                    if let Err(error) = writeln!(file, "{line}") {
                        eprintln!("{error}");
                    }
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What a user makes beforehand: a line for each, with what it is and its id.
fn demo(fake: &FakeArm, now: u64, boot: u64) -> Vec<String> {
    fake.copies_take(Duration::from_secs(2));
    let mut shown: Vec<String> = ["1.0.0", "1.1.0"]
        .into_iter()
        .flat_map(|version| {
            let [image, application] = [fake.gallery_image("web", version), fake.application("web-app", version)];
            [format!("image {image}"), format!("application {application}")]
        })
        .collect();
    let golden = fake.managed_image("golden");
    shown.push(format!("image {golden}"));
    // Somebody's, from before.
    let legacy = fake.id("Microsoft.Compute/virtualMachineScaleSets", "legacy");
    if fake.meddle_uniform(&legacy, &golden, 2) {
        shown.push(format!("uniform {legacy}"));
    }
    let balancer = fake.load_balancer("front", &["blue", "green"]);
    let addresses = ["blue", "green"].map(|rule| fake.address("front", rule));
    let targets: Vec<_> = ["blue", "green"].into_iter().zip(addresses.iter().map(String::as_str)).collect();
    let profile = fake.traffic_manager("web", &targets);
    // In seconds what takes minutes elsewhere.
    fake.imaging(Duration::from_secs(boot));
    fake.rules_settle(Duration::from_secs(boot.min(2)));
    fake.connections_last(Duration::from_secs(boot));
    fake.by_hand(&profile, |body| {
        if let Some(ttl) = body.pointer_mut("/properties/dnsConfig/ttl") {
            *ttl = boot.into();
        }
    });
    fake.usual_metric("Microsoft.Compute/virtualMachineScaleSets", "Percentage CPU", "Percent", 12.0);
    fake.metric(&balancer, "ByteCount", "Bytes", &[]);
    for minute in 0..30 {
        fake.sample(&balancer, "ByteCount", &[], now.saturating_sub(minute * 60_000), 1000.0);
    }
    shown.extend([format!("balancer {balancer}"), format!("profile {profile}")]);
    shown
}

fn usage(what: &str) -> Error {
    let known =
        "fake-arm [--port PORT] [--subscription ID] [--group NAME] [--location NAME] [--boot SECONDS] [--ca FILE] [--calls FILE]";
    Error::new(ErrorKind::InvalidInput, format!("{what}; {known}"))
}
