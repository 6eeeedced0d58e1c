//! What comes with `immutable-core`: little, and no TLS, HTTP or cloud.

use std::collections::BTreeSet;
use std::process::Command;

/// The crates that a user of `immutable-core` compiles, without features, by name.
fn crates() -> BTreeSet<String> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--package", "immutable-core", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    // `name v1.0.0 (proc-macro)`; a crate in two versions is two.
    let line = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    String::from_utf8(tree.stdout).unwrap().lines().filter(|text| !text.is_empty()).map(line).collect()
}

#[test]
fn they_are_at_most_50() {
    let crates = crates();
    assert!(crates.contains("immutable-core v0.1.0"), "{crates:?}");
    assert!(crates.len() <= 50, "there are {}: {crates:?}", crates.len());
}

#[test]
fn none_speaks_tls_or_http_or_to_a_cloud() {
    const BANNED: [&str; 6] = ["openssl", "native-tls", "rustls", "hyper", "reqwest", "h2"];
    const BANNED_BEGINNINGS: [&str; 6] = ["openssl-", "rustls-", "hyper-", "aws-", "azure", "google"];
    let banned = |name: &str| BANNED.contains(&name) || BANNED_BEGINNINGS.iter().any(|begin| name.starts_with(begin));
    assert!(banned("aws-lc-sys") && banned("hyper") && !banned("hyperloglog"));
    let found: Vec<String> = crates().into_iter().filter(|line| banned(line.split(' ').next().unwrap_or_default())).collect();
    assert!(found.is_empty(), "{found:?}");
}
