//! What the fuzzers ever tripped over, and whatever they begin with, through the same targets: no fuzzer is needed, and none rots.

#[path = "fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "the fuzzers reach it")]
mod fuzz;

use std::fs;
use std::path::{Path, PathBuf};

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect()
}

/// Every file of these folders through a target.
fn replay(target: fn(&[u8]), folders: &[&str]) {
    let all: Vec<PathBuf> = folders.iter().flat_map(|folder| files(folder)).collect();
    assert!(all.len() > 1, "there is nothing in {folders:?}");
    for path in all {
        let bytes = fs::read(&path).unwrap();
        let result = std::panic::catch_unwind(|| target(&bytes));
        assert!(result.is_ok(), "see above: {}", path.display());
    }
}

#[test]
fn manifests_are_read_or_refused_and_twice_the_same() {
    replay(fuzz::manifests, &["tests/fuzz/kept/manifests", "immutable-core/tests/fixtures", "examples/manifests"]);
}

#[test]
fn records_survive_being_written_and_a_fleet_takes_them_in_whole_or_not_at_all() {
    replay(
        fuzz::journals,
        &["tests/fuzz/kept/journals", "immutable-core/tests/golden", "immutable-core/tests/golden/journals/0.1.0"],
    );
}

#[test]
fn plans_and_templates_survive_being_written() {
    replay(fuzz::plans, &["tests/fuzz/kept/plans", "immutable-core/tests/golden"]);
    (0..1000).for_each(|seed| fuzz::plans(&noise(seed, 80)));
}

#[test]
fn whatever_happens_to_a_fleet_the_engine_goes_on_legally() {
    replay(fuzz::evolve, &["tests/fuzz/kept/evolve"]);
    (0..100).for_each(|seed| fuzz::evolve(&noise(seed, 1000)));
}

/// Bytes, the same for the same seed: a linear congruential generator (Knuth's MMIX).
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let step = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(step).collect()
}
