//! A bad wire before moto, on this machine alone: too fast, no answer to what was done, an answer that takes its time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The service's own words for "too fast"; not done.
    Throttled,
    /// Done, and the connection is closed without an answer.
    LostReply,
    /// Done, and answered later.
    Delayed,
}

/// How many calls met what: of those that read, and of those that change something.
pub(crate) type Met = BTreeMap<(Fault, &'static str), u32>;

/// Listens while it lives.
pub(crate) struct Proxy {
    pub(crate) url: String,
    script: Arc<Mutex<Script>>,
    listening: AbortHandle,
}

struct Script {
    state: u64,
    met: Met,
}

impl Script {
    /// What the next call meets. Few are writes, and they are what matters: three of ten go wrong somehow, and of those that read one in ten.
    fn next(&mut self, kind: &'static str) -> Option<Fault> {
        // Knuth's MMIX numbers; the upper half is what is any good.
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let fault = match ((self.state >> 33) % 40, kind) {
            (0, "read") | (0..4, "write") => Fault::Throttled,
            (1, "read") | (4..8, "write") => Fault::LostReply,
            (2..4, "read") | (8..12, "write") => Fault::Delayed,
            _ => return None,
        };
        *self.met.entry((fault, kind)).or_default() += 1;
        Some(fault)
    }
}

impl Proxy {
    /// Before a server, as `http://127.0.0.1:5000`, on this runtime.
    pub(crate) async fn before(server: &str, seed: u64) -> Self {
        let server: Arc<str> = server.trim_start_matches("http://").trim_end_matches('/').into();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let script = Arc::new(Mutex::new(Script { state: seed, met: Met::new() }));
        let shared = script.clone();
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (server, script) = (server.clone(), shared.clone());
                tokio::spawn(async move {
                    // Whoever hangs up has stopped waiting.
                    let _ = tokio::time::timeout(Duration::from_secs(60), carry(stream, &server, &script)).await;
                });
            }
        });
        Self { url, script, listening: listening.abort_handle() }
    }

    pub(crate) fn met(&self) -> Met {
        self.script.lock().expect("nobody panics with it").met.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// One call: moto closes every connection after its answer, so there is one a connection.
async fn carry(mut caller: TcpStream, server: &str, script: &Mutex<Script>) -> std::io::Result<()> {
    let request = read_request(&mut caller).await?;
    let text = String::from_utf8_lossy(&request);
    let action = text.rsplit("Action=").next().and_then(|rest| rest.split('&').next()).unwrap_or_default();
    let kind = if action.starts_with("Describe") || action.starts_with("Get") { "read" } else { "write" };
    let fault = script.lock().expect("nobody panics with it").next(kind);
    if fault == Some(Fault::Throttled) {
        return caller.write_all(throttled(&text).as_bytes()).await;
    }
    let mut moto = TcpStream::connect(server).await?;
    moto.write_all(&request).await?;
    let mut answer = Vec::new();
    moto.read_to_end(&mut answer).await?;
    match fault {
        Some(Fault::LostReply) => return Ok(()),
        Some(Fault::Delayed) => tokio::time::sleep(Duration::from_millis(300)).await,
        _ => {}
    }
    caller.write_all(&answer).await
}

/// A head, and as much of a body as it says.
async fn read_request(caller: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    const MOST: usize = 1 << 20;
    let mut request = Vec::new();
    loop {
        if let Some(head) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
            if request.len() >= head + 4 + length.unwrap_or(0) {
                return Ok(request);
            }
        }
        if request.len() > MOST || caller.read_buf(&mut request).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// "Error codes for the Amazon EC2 API", and "Common Errors" of Auto Scaling and Elastic Load Balancing: each has its own words, in its own XML.
fn throttled(request: &str) -> String {
    let (status, body) = if request.contains("/ec2/aws4_request") {
        let error = "<Error><Code>RequestLimitExceeded</Code><Message>Request limit exceeded.</Message></Error>";
        ("503 Service Unavailable", format!("<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>"))
    } else {
        let error = "<Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error>";
        ("400 Bad Request", format!("<ErrorResponse>{error}<RequestId>r</RequestId></ErrorResponse>"))
    };
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}
