//! `fake-arm [--port PORT] [--subscription ID] [--group NAME] [--location NAME] [--boot SECONDS] [--ca FILE]`: Azure Resource Manager on loopback,
//! over TLS, in real time. Prints its endpoint, and what a client needs to get a token of it: the tenant, the client id and the client secret. Writes
//! the certificate that a client is to trust to FILE, and serves until it is killed.

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
    let authority = https::authority()?;
    if let Some(file) = ca {
        std::fs::write(file, &authority.ca_pem)?;
    }
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let mut out = std::io::stdout();
    writeln!(out, "https://{}", listener.local_addr()?)?;
    let client = fake.client();
    writeln!(out, "tenant {} client {} secret {}", client.tenant, client.id, client.secret)?;
    out.flush()?;
    https::serve(fake, listener, &authority, Arc::new(clock)).await;
    Ok(())
}

fn usage(what: &str) -> Error {
    let known = "fake-arm [--port PORT] [--subscription ID] [--group NAME] [--location NAME] [--boot SECONDS] [--ca FILE]";
    Error::new(ErrorKind::InvalidInput, format!("{what}; {known}"))
}
