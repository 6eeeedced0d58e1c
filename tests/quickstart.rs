//! The quickstart as a newcomer meets it: its transcript, and what it says of wrong input.

mod built;

use std::path::Path;
use std::process::Command;

use built::{repository, text};

fn quickstart() -> Command {
    built::example("quickstart")
}

#[test]
fn its_transcript_is_the_golden_one() {
    built::is_golden("quickstart", "rolled back to acmeinc/web 1.1.0: 12 of 12 proven");
}

#[test]
fn what_a_fleet_says_of_itself_is_the_golden_transcript() {
    built::is_golden("explain", "    69  2026-11-21T04:08:36.000Z  deployer: the rollout ended: succeeded");
}

/// What it says of a manifest made of the one it ships for 1.1.0.
fn said_of(name: &str, change: impl FnOnce(String) -> String) -> (bool, String) {
    let shipped = std::fs::read_to_string(repository().join("examples/manifests/acmeinc-web-1.1.0.json")).expect("a manifest");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("quickstart");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join(name), change(shipped)).expect("a manifest can be written");
    let output = quickstart().current_dir(&folder).args(["--manifest", name]).output().expect("it runs");
    (output.status.success(), if output.status.success() { text(&output.stdout) } else { text(&output.stderr) })
}

#[test]
fn another_manifests_name_and_version_appear_throughout() {
    let (succeeded, said) =
        said_of("another.json", |shipped| shipped.replace("acmeinc/web", "acme/api").replace("1.1.0", "9.0.0"));
    assert!(succeeded, "{said}");
    assert!(said.contains("+ acme/api 9.0.0 (sha256:"), "{said}");
    assert!(said.contains("replaced by acme/api 9.0.0: 12 of 12 proven"), "{said}");
    assert!(!said.contains("1.1.0"), "{said}");
    assert_eq!(said.lines().last(), Some("rolled back to acme/api 9.0.0: 12 of 12 proven"));
}

#[test]
fn a_broken_manifest_gives_one_clear_line() {
    let refused = |name: &str, change: fn(String) -> String, why: &str| {
        let (succeeded, said) = said_of(name, change);
        assert!(!succeeded, "{name} was accepted");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with("error: ") && said.contains(why), "of {name} it said: {said}");
    };
    refused("cut.json", |shipped| shipped[..shipped.len() / 2].to_owned(), "cut.json is not a Packer manifest");
    refused("nothing.json", |_| "{}".to_owned(), "missing field `builds`");
    refused("qemu.json", |shipped| shipped.replace("amazon-ebs", "qemu"), "builder type `qemu`, which is not understood");
    refused(
        "unnamed.json",
        |shipped| shipped.replace("\"name\": \"acmeinc/web\",", ""),
        "unnamed.json gives the artifact no name",
    );
    refused("versionless.json", |shipped| shipped.replace("1.1.0", "v1"), "`v1` is not a semantic version");
    refused("taken.json", |shipped| shipped.replace("1.1.0", "1.0.0"), "acmeinc/web 1.0.0 is published as sha256:");
    let missing = quickstart().args(["--manifest", "no/such/file"]).output().expect("it runs");
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).starts_with("error: there is no file no/such/file"), "{}", text(&missing.stderr));
}
