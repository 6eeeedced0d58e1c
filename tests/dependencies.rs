//! What comes with `immutable-core`: little, and no TLS, HTTP or cloud.

use std::collections::BTreeSet;
use std::process::Command;

/// The crates that `cargo tree` shows, by name.
fn tree(arguments: &[&str]) -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--prefix", "none", "--format", "{p}"])
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    // `name v1.0.0 (proc-macro)`; a crate in two versions is two.
    let line = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    String::from_utf8(tree.stdout).unwrap().lines().filter(|text| !text.is_empty()).map(line).collect()
}

/// The crates that a user of `immutable-core` compiles, with these features.
fn crates(features: &str) -> BTreeSet<String> {
    tree(&["--package", "immutable-core", "--edges", "normal", "--features", features])
}

fn has(crates: &BTreeSet<String>, name: &str) -> bool {
    crates.iter().any(|line| line.split(' ').next() == Some(name))
}

#[test]
fn they_are_at_most_50() {
    let crates = crates("");
    assert!(crates.contains("immutable-core v0.1.0"), "{crates:?}");
    assert!(crates.len() <= 50, "there are {}: {crates:?}", crates.len());
}

#[test]
fn none_speaks_tls_or_http_or_to_a_cloud() {
    const BANNED: [&str; 6] = ["openssl", "native-tls", "rustls", "hyper", "reqwest", "h2"];
    const BANNED_BEGINNINGS: [&str; 6] = ["openssl-", "rustls-", "hyper-", "aws-", "azure", "google"];
    let banned = |name: &str| BANNED.contains(&name) || BANNED_BEGINNINGS.iter().any(|begin| name.starts_with(begin));
    assert!(banned("aws-lc-sys") && banned("hyper") && !banned("hyperloglog"));
    // Which store it is, and so how it is spoken to, is the user's choice.
    for features in ["", "sqlite,object-store,simulation"] {
        let found: Vec<String> =
            crates(features).into_iter().filter(|line| banned(line.split(' ').next().unwrap_or_default())).collect();
        assert!(found.is_empty(), "with `{features}`: {found:?}");
    }
}

#[test]
fn each_journal_comes_with_its_feature_alone() {
    const SQLITE: [&str; 2] = ["rusqlite", "libsqlite3-sys"];
    const STORE: [&str; 2] = ["object_store", "chrono"];
    for (features, sqlite, store) in
        [("", false, false), ("simulation", false, false), ("sqlite", true, false), ("object-store", false, true)]
    {
        let crates = crates(features);
        let found = |names: [&str; 2]| names.map(|name| has(&crates, name));
        assert_eq!((found(SQLITE), found(STORE)), ([sqlite; 2], [store; 2]), "with `{features}`");
    }
}

/// Whoever builds an example or a bench without asking for a cloud compiles none, and neither does a test of the engine.
#[test]
fn no_cloud_comes_unasked() {
    const WHOLE: [&str; 2] = ["--edges", "normal,build,dev"];
    let of = |package: &str| tree(&[&["--package", package], &WHOLE[..]].concat());
    for package in ["immutable-core", "immutable-examples", "immutable-benches"] {
        let found: Vec<String> =
            of(package).into_iter().filter(|line| ["aws-", "backend-"].iter().any(|begin| line.starts_with(begin))).collect();
        assert!(found.is_empty(), "{package}: {found:?}");
    }
    let asked = tree(&["--package", "immutable-examples", "--features", "aws"]);
    assert!(has(&asked, "aws-sdk-ec2"), "{asked:?}");
}

/// What a bare `cargo run`, `cargo test` or `cargo bench` compiles, of all kinds.
#[test]
fn whoever_names_no_feature_compiles_no_durable_journal() {
    let crates = tree(&["--edges", "normal,build,dev"]);
    assert!(has(&crates, "immutable-examples") && has(&crates, "immutable-benches"), "{crates:?}");
    for name in ["rusqlite", "libsqlite3-sys", "object_store", "hyper"] {
        assert!(!has(&crates, name), "{name}");
    }
}
