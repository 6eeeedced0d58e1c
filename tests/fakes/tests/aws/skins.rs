//! The two ways in: below an SDK in virtual time, and over loopback in real time.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use immutable_core::time::{Clock, Timestamp, VirtualClock};
use immutable_fakes::aws::http::Http;
use immutable_fakes::aws::{FakeAws, Fault};

fn request(form: &str) -> HttpRequest {
    let mut request = HttpRequest::new(SdkBody::from(form));
    request.set_method("POST").unwrap();
    request.set_uri("https://ec2.us-east-1.amazonaws.com/").unwrap();
    request
}

#[test]
fn below_an_sdk_it_answers_after_its_latency_in_virtual_time() {
    let clock = VirtualClock::new(Timestamp::from_millis(1_700_000_000_000));
    let fake = FakeAws::new("111122223333", "us-east-1");
    fake.advance(1_700_000_000_000);
    let image = fake.image("web");
    let http = Http::new(fake.clone(), Arc::new(clock.clone())).latency(Duration::from_millis(40));
    clock.run(async {
        let form = format!("Action=RunInstances&Version=2016-11-15&ImageId={image}&MinCount=1&MaxCount=1");
        let reply = http.call(request(&form)).await.unwrap();
        assert_eq!(reply.status().as_u16(), 200);
        assert!(String::from_utf8_lossy(reply.body().bytes().unwrap()).contains("<RunInstancesResponse"));
    });
    let launched = fake.truth().instances.values().next().unwrap().launched_at;
    assert_eq!((launched, clock.now().as_millis()), (1_700_000_000_020, 1_700_000_000_040));
}

#[test]
fn below_an_sdk_what_is_lost_is_a_connectors_error() {
    let clock = VirtualClock::new(Timestamp::from_millis(1_700_000_000_000));
    let fake = FakeAws::new("111122223333", "us-east-1");
    let http = Http::new(fake.clone(), Arc::new(clock.clone()));
    let call = || clock.run(http.call(request("Action=DescribeInstances&Version=2016-11-15")));
    fake.faults().next("*", Fault::Refused).next("*", Fault::LostReply).next("*", Fault::SilentReply);
    assert!(call().unwrap_err().is_io());
    assert!(call().unwrap_err().is_io());
    let before = clock.now();
    assert!(call().unwrap_err().is_timeout());
    assert!(clock.now().since(before) >= Duration::from_secs(30));
    // What takes too long is as good as lost, what takes long is not.
    fake.faults().next("*", Fault::SlowReply { takes: Duration::from_secs(31) });
    assert!(call().unwrap_err().is_timeout());
    fake.faults().next("*", Fault::SlowReply { takes: Duration::from_secs(9) });
    let before = clock.now();
    assert_eq!(call().unwrap().status().as_u16(), 200);
    assert!(clock.now().since(before) >= Duration::from_secs(9));
    assert_eq!(call().unwrap().status().as_u16(), 200);
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn over_loopback_it_serves_one_request_after_the_other() {
    let child = Command::new(env!("CARGO_BIN_EXE_fake-aws")).args(["--image", "web"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut server = Server(child);
    let mut lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
    let endpoint = lines.next().unwrap().unwrap();
    let image = lines.next().unwrap().unwrap().split_once(' ').unwrap().1.to_owned();
    let stream = std::net::TcpStream::connect(endpoint.strip_prefix("http://").unwrap()).unwrap();
    let mut reader = BufReader::new(&stream);
    for _ in 0..2 {
        let body = "Action=DescribeImages&Version=2016-11-15&Owner.1=self";
        let head = format!("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
        (&stream).write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).unwrap(), 0);
        }
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        assert!(String::from_utf8(body).unwrap().contains(&image));
    }
}
