//! `fake-aws [--port PORT] [--account ID] [--region NAME] [--image NAME]...`: AWS on loopback, in real time. Prints its endpoint, then one line for
//! each image with its id, and serves until it is killed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use immutable_fakes::aws::{FakeAws, Outcome, Request};

fn main() -> std::io::Result<()> {
    let (mut port, mut account, mut region, mut images) = (0u16, "123456789012".to_owned(), "us-east-1".to_owned(), Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| usage(&format!("{name} needs a value")))?;
        match name.as_str() {
            "--port" => port = value.parse().map_err(|_| usage(&format!("{value} is no port")))?,
            "--account" => account = value,
            "--region" => region = value,
            "--image" => images.push(value),
            _ => return Err(usage(&format!("{name} is not known"))),
        }
    }
    let fake = FakeAws::new(&account, &region);
    fake.advance(now());
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let mut out = std::io::stdout();
    writeln!(out, "http://{}", listener.local_addr()?)?;
    for image in images {
        writeln!(out, "{image} {}", fake.image(&image))?;
    }
    out.flush()?;
    for stream in listener.incoming().flatten() {
        let fake = fake.clone();
        // A broken connection is its client's affair.
        std::thread::spawn(move || drop(serve(&fake, &stream)));
    }
    Ok(())
}

fn usage(what: &str) -> std::io::Error {
    std::io::Error::new(
        std::io::ErrorKind::InvalidInput,
        format!("{what}; fake-aws [--port PORT] [--account ID] [--region NAME] [--image NAME]..."),
    )
}

fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(0)
}

/// HTTP/1.1 as these clients speak it: bodies by their length, connections kept.
fn serve(fake: &FakeAws, stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some(request) = read(&mut reader)? {
        match fake.answer(&request, now()) {
            Outcome::Reply(reply) => {
                std::thread::sleep(reply.takes);
                let mut head = format!("HTTP/1.1 {} -\r\ncontent-length: {}\r\n", reply.status, reply.body.len());
                for (name, value) in &reply.headers {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
                head.push_str("\r\n");
                writer.write_all(&[head.as_bytes(), &reply.body].concat())?;
                writer.flush()?;
            }
            Outcome::Silent => std::thread::sleep(Duration::from_secs(60)),
            Outcome::Refused | Outcome::Reset => return Ok(()),
        }
    }
    Ok(())
}

fn read(reader: &mut impl BufRead) -> std::io::Result<Option<Request>> {
    let bad = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (Some(method), Some(uri)) = (words.next(), words.next()) else { return Err(bad("no request line")) };
    let mut request = Request { method: method.into(), uri: uri.into(), ..Request::default() };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => request.headers.push((name.trim().to_owned(), value.trim().to_owned())),
            None => break,
        }
    }
    let length =
        request.header("content-length").map_or(Ok(0), str::parse::<u64>).map_err(|_| bad("content-length is no number"))?;
    reader.take(length).read_to_end(&mut request.body)?;
    Ok(Some(request))
}
