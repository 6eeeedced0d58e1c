//! The program, given what it cannot work with: one line each, and nothing made.

use std::process::{Command, Output};

use immutable_core::Result;

use crate::account::{Account, endpoint};
use crate::built::{example, text};

/// Who asks, for a tool that takes it from the environment, and nothing else of this machine's.
pub(crate) fn of(mut tool: Command, account: &Account) -> Command {
    let keys = &account.keys;
    tool.env("AWS_ACCESS_KEY_ID", keys.access_key_id())
        .env("AWS_SECRET_ACCESS_KEY", keys.secret_access_key())
        .env("AWS_SESSION_TOKEN", keys.session_token().unwrap_or_default())
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent");
    tool
}

#[tokio::test]
async fn what_it_cannot_work_with_it_says_in_a_line() -> Result<()> {
    let account = Account::new().await?;
    let folder = std::env::temp_dir();
    let path = |name: &str| folder.join(format!("immutable-program-{}-{name}", std::process::id())).display().to_string();
    let (manifest, other) = (path("manifest.json"), path("other.json"));
    let build = r#""builder_type": "amazon-ebs", "build_time": 1, "files": null, "packer_run_uuid": "u", "custom_data": {"name": "acmeinc/web", "version": "1.0.0"}"#;
    let run = format!(
        r#"{{"builds": [{{"name": "amazon-ebs", "artifact_id": "eu-west-1:ami-12345678", {build}}}], "last_run_uuid": "u"}}"#
    );
    std::fs::write(&manifest, run).expect("it can be written");
    std::fs::write(&other, "{}").expect("it can be written");
    let at = endpoint();
    let cases: [(&[&str], i32, &str); 7] = [
        (&["--endpoint", &at], 2, "--manifest <PATH>"),
        (&["--endpoint", &at, "--manifest", "/nonexistent.json"], 1, "there is no file /nonexistent.json"),
        (&["--endpoint", &at, "--manifest", &other], 1, "is not a Packer manifest"),
        (&["--endpoint", &at, "--manifest", &manifest], 1, "acmeinc/web 1.0.0 has no image in aws/"),
        (&["--endpoint", &at, "--manifest", &manifest, "--size", "0"], 2, "invalid value '0' for '--size <N>'"),
        (&["--endpoint", "moto:5000", "--manifest", &manifest], 2, "begins with http:// or https://"),
        (&["--endpoint", "http://127.0.0.1:1", "--manifest", &manifest], 1, "sts:GetCallerIdentity was not answered"),
    ];
    for (args, code, said) in cases {
        let mut program = of(example("aws_rollout"), &account);
        let Output { status, stderr, .. } = program.args(args).output().expect("it runs");
        let stderr = text(&stderr);
        assert!(status.code() == Some(code) && stderr.contains(said), "{args:?}: {status}, {stderr}");
        // What the arguments are is told in more lines, by clap.
        assert!(code == 2 || stderr.lines().count() == 1, "{args:?}: {stderr}");
    }
    let elb = aws_sdk_elasticloadbalancingv2::Client::new(&account.config);
    let balancers = elb.describe_load_balancers().send().await.map_err(crate::account::failed)?;
    assert!(balancers.load_balancers().is_empty(), "{balancers:?}");
    for path in [manifest, other] {
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}
