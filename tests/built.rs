//! Examples as they were built, run as a newcomer runs them.
#![allow(dead_code, reason = "not every suite uses all of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// An example. Built by the same `cargo test` that built this test, since examples are.
pub(crate) fn example(name: &str) -> Command {
    let here = std::env::current_exe().expect("this test's own path");
    let target = here.ancestors().nth(2).expect("it lies in target/PROFILE/deps");
    let built = target.join("examples").join(name);
    assert!(built.exists(), "{} is not there; run cargo test --workspace --all-features, which builds it", built.display());
    Command::new(built)
}

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Runs an example, whose transcript must be the golden one and end so.
#[track_caller]
pub(crate) fn is_golden(name: &str, last: &str) {
    let Output { status, stdout, stderr } = example(name).output().expect("it runs");
    let golden = repository().join(format!("tests/golden/{name}.txt"));
    let transcript = text(&stdout);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &transcript).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(&golden).expect("there is a golden file");
    assert!(status.success(), "{status}: {}", text(&stderr));
    assert_eq!(transcript, expected, "if this is as it should be now: UPDATE_GOLDEN=1 cargo test --workspace, and read the diff");
    assert_eq!(transcript.lines().last(), Some(last));
}
