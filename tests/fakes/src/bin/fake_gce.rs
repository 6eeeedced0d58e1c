//! `fake-gce [--port PORT] [--project ID] [--region NAME] [--image NAME[:FAMILY]]... [--pool NAME]... [--boot SECONDS]`: Compute Engine on loopback,
//! in real time. Prints its endpoint, then one line for each image with its path and one for each pool with those of its url map and its two backend
//! services, and serves until it is killed. Without any image or pool there are the images `web-1-0-0` and `web-1-1-0` and the pool `web`.

use std::io::{Error, ErrorKind, Write};
use std::sync::Arc;
use std::time::Duration;

use immutable_core::time::{Clock, SystemClock};
use immutable_fakes::gce::{FakeGce, http};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let (mut port, mut project, mut region) = (0u16, "acme".to_owned(), "europe-west1".to_owned());
    let (mut images, mut pools, mut boot) = (Vec::new(), Vec::new(), 5u64);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| usage(&format!("{name} needs a value")))?;
        match name.as_str() {
            "--port" => port = value.parse().map_err(|_| usage(&format!("{value} is no port")))?,
            "--project" => project = value,
            "--region" => region = value,
            "--image" => images.push(value),
            "--pool" => pools.push(value),
            "--boot" => boot = value.parse().map_err(|_| usage(&format!("{value} is no number of seconds")))?,
            _ => return Err(usage(&format!("{name} is not known"))),
        }
    }
    if images.is_empty() && pools.is_empty() {
        (images, pools) = (vec!["web-1-0-0".to_owned(), "web-1-1-0".to_owned()], vec!["web".to_owned()]);
    }
    let clock = SystemClock::new();
    let fake = FakeGce::new(&project, &region);
    fake.advance(u64::try_from(clock.now().as_millis()).unwrap_or(0));
    fake.boot(Duration::from_secs(boot));
    fake.shutdown(Duration::from_secs(boot.min(5)));
    fake.imaging(Duration::from_secs(boot));
    fake.settle(Duration::from_secs(boot.min(2)));
    fake.check(Duration::from_secs(boot.min(2)));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let mut out = std::io::stdout();
    writeln!(out, "http://{}", listener.local_addr()?)?;
    for image in images {
        let (name, family) = image.split_once(':').unwrap_or((&image, ""));
        writeln!(out, "{name} {}", fake.image_in_family(name, family))?;
    }
    for pool in pools {
        let (map, one, other) = fake.pool(&pool);
        writeln!(out, "{pool} {map} {one} {other}")?;
    }
    out.flush()?;
    http::serve(fake, listener, Arc::new(clock)).await;
    Ok(())
}

fn usage(what: &str) -> Error {
    let known =
        "fake-gce [--port PORT] [--project ID] [--region NAME] [--image NAME[:FAMILY]]... [--pool NAME]... [--boot SECONDS]";
    Error::new(ErrorKind::InvalidInput, format!("{what}; {known}"))
}
