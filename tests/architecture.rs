//! The arrows between the rooms of `immutable-core` point down only: this table is ARCHITECTURE.md's.

use std::fs;
use std::path::{Path, PathBuf};

/// What each room may use besides the roots, which all may.
const ROOMS: [(&str, &[&str]); 13] = [
    ("analysis", &[]),
    ("artifact", &[]),
    ("fleet", &["artifact"]),
    ("journal", &[]),
    ("provider", &["analysis", "fleet", "artifact"]),
    ("registry", &["journal", "artifact"]),
    ("pipeline", &["artifact"]),
    ("rollout", &["analysis", "fleet", "artifact"]),
    ("controller", &["analysis", "rollout", "registry", "provider", "journal", "fleet", "artifact"]),
    ("memory", &["analysis", "provider", "journal", "controller", "fleet", "artifact", "registry"]),
    ("conformance", ALL),
    ("simulation", ALL),
    ("lib", ALL),
];
/// The roots, and what of them is named at the front door.
const ROOTS: &[&str] = &["id", "time", "error", "Applied", "Error", "ErrorKind", "Result", "Timestamp"];
const ALL: &[&str] = &[
    "analysis",
    "artifact",
    "fleet",
    "journal",
    "provider",
    "registry",
    "pipeline",
    "rollout",
    "controller",
    "memory",
    "conformance",
    "simulation",
];

/// What one file of a room uses and may not, a line each.
fn forbidden(room: &str, file: &str, text: &str) -> Vec<String> {
    let roots = ROOTS.contains(&room).then_some((room, &[][..]));
    let Some((_, may)) = ROOMS.into_iter().chain(roots).find(|(name, _)| *name == room) else {
        return vec![format!("{file}: there is no room {room}; give it a row in tests/architecture.rs")];
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    let uses = lines.flat_map(|(at, line)| {
        // `$crate::` stands in macros, where it is the user's way to us.
        let parts: Vec<&str> = line.split("crate::").collect();
        let pairs: Vec<_> = parts.windows(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect();
        pairs.into_iter().filter(|(before, _)| !before.ends_with('$')).map(move |(_, after)| (at + 1, after))
    });
    uses.filter_map(|(line, after)| {
        let used: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let fine = used == room || may.contains(&&*used) || ROOTS.contains(&&*used);
        let why = match used.chars().next() {
            _ if fine => return None,
            Some(first) if first.is_lowercase() => format!("{room} must not use {used}"),
            _ => format!("{room} must name the room that `crate::{}` is in", after.split(';').next().unwrap_or_default()),
        };
        Some(format!("{file}:{line}: {why}"))
    })
    .collect()
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    all.sort();
    all
}

#[test]
fn arrows_point_down_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../immutable-core/src");
    let files = files(&source);
    assert!(files.len() > 20, "only {} files are in {}", files.len(), source.display());
    let wrong = files.iter().flat_map(|path| {
        let file = path.strip_prefix(&source).unwrap();
        let first = file.components().next().unwrap().as_os_str().to_str().unwrap();
        forbidden(first.trim_end_matches(".rs"), &file.to_string_lossy(), &fs::read_to_string(path).unwrap())
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn a_forbidden_arrow_is_seen() {
    let says = |room: &str, text: &str| forbidden(room, &format!("{room}/x.rs"), text);
    assert_eq!(says("rollout", "use crate::controller::Controller;"), ["rollout/x.rs:1: rollout must not use controller"]);
    assert_eq!(
        says("provider", "use crate::fleet::Op;\n\nfn f() { let _ = (crate::fleet::x(), crate::rollout::now()); }"),
        ["provider/x.rs:3: provider must not use rollout"]
    );
    assert_eq!(says("error", "use crate::journal::Journal;"), ["error/x.rs:1: error must not use journal"]);
    assert_eq!(
        says("fleet", "use crate::{artifact, rollout};"),
        ["fleet/x.rs:1: fleet must name the room that `crate::{artifact, rollout}` is in"]
    );
    assert_eq!(says("fleet", "use crate::Plan;"), ["fleet/x.rs:1: fleet must name the room that `crate::Plan` is in"]);
    assert_eq!(says("cellar", ""), ["cellar/x.rs: there is no room cellar; give it a row in tests/architecture.rs"]);
}

#[test]
fn comments_macros_and_what_is_allowed_are_passed_over() {
    let text = "//! As [`run`](crate::controller::run).\n    // crate::memory\n/// [`x`](crate::Plan)\n$crate::controller::run();\n\
                use crate::artifact::Digest;\npub(crate) fn f() {}\nuse crate::fleet::Op;\nuse crate::error::Result;\n";
    assert_eq!(forbidden("fleet", "fleet/x.rs", text), [""; 0]);
}
