//! `fake-arm [--port PORT] [--subscription ID] [--group NAME] [--location NAME] [--boot SECONDS] [--ca FILE]`: Azure Resource Manager on loopback,
//! over TLS, in real time. Prints its endpoint, and what a client needs to get a token of it: the tenant, the client id and the client secret; then
//! one line for each thing that there is, with its id. Writes the certificate that a client is to trust to FILE, and serves until it is killed.
//!
//! There are the images `web-1.0.0` and `web-1.1.0`, the applications `web-app-1.0.0` and `web-app-1.1.0`, the load balancer `front` with a rule `web`,
//! and the load balancer `slots` with the rules `blue` and `green`, in front of which is the Traffic Manager profile `acme-web`.

use std::io::{Error, ErrorKind, Write};
use std::sync::Arc;
use std::time::Duration;

use immutable_core::time::{Clock, SystemClock};
use immutable_fakes::arm::{FakeArm, https};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let (mut port, mut subscription) = (0u16, "00000000-0000-0000-0000-000000000001".to_owned());
    let (mut group, mut location) = ("acme".to_owned(), "westeurope".to_owned());
    let (mut boot, mut ca) = (5u64, None);
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
    let mut world = demo(&fake, boot);
    let authority = https::authority()?;
    if let Some(file) = ca {
        std::fs::write(file, &authority.ca_pem)?;
    }
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let mut out = std::io::stdout();
    writeln!(out, "https://{}", listener.local_addr()?)?;
    let client = fake.client();
    writeln!(out, "tenant {} client {} secret {}", client.tenant, client.id, client.secret)?;
    world.sort();
    for (name, id) in world {
        writeln!(out, "{name} {id}")?;
    }
    out.flush()?;
    https::serve(fake, listener, &authority, Arc::new(clock)).await;
    Ok(())
}

/// What there is from the beginning: images and applications in a gallery, a load balancer with one rule, another with two and a profile over them.
fn demo(fake: &FakeArm, boot: u64) -> Vec<(String, String)> {
    let short = Duration::from_secs(boot.min(2));
    fake.copies_take(Duration::from_secs(boot));
    fake.imaging(Duration::from_secs(boot));
    fake.rules_settle(short);
    fake.connections_last(Duration::from_secs(boot));
    let mut world = vec![
        ("front".into(), fake.load_balancer("front", &["web"])),
        ("slots".into(), fake.load_balancer("slots", &["blue", "green"])),
    ];
    for version in ["1.0.0", "1.1.0"] {
        world.push((format!("web-{version}"), fake.gallery_image("web", version)));
        world.push((format!("web-app-{version}"), fake.application("web-app", version)));
    }
    let (blue, green) = (fake.address("slots", "blue"), fake.address("slots", "green"));
    let profile = fake.traffic_manager("acme-web", &[("blue", &blue), ("green", &green)]);
    // Resolvers that forget soon.
    fake.by_hand(&profile, |body| {
        if let Some(ttl) = body.pointer_mut("/properties/dnsConfig/ttl") {
            *ttl = boot.into();
        }
    });
    fake.usual_metric("Microsoft.Compute/virtualMachineScaleSets", "Percentage CPU", "Percent", 12.0);
    world.push(("acme-web".into(), profile));
    world
}

fn usage(what: &str) -> Error {
    let known = "fake-arm [--port PORT] [--subscription ID] [--group NAME] [--location NAME] [--boot SECONDS] [--ca FILE]";
    Error::new(ErrorKind::InvalidInput, format!("{what}; {known}"))
}
