//! Golden files: what a plan and a journal look like is a promise. To write them anew, and look at what has changed:
//! `UPDATE=1 cargo test -p immutable-core --test rollout golden && git diff immutable-core/tests/golden`.

use std::path::PathBuf;
use std::time::Duration;

use immutable_core::memory::{MemoryCloud, MemoryOptions};
use immutable_core::time::VirtualClock;
use immutable_core::{Fleet, Outcome, Plan, Strategy};

/// What was written is what was promised.
#[track_caller]
fn golden(name: &str, written: &str) {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", "golden", name].iter().collect();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, written).unwrap();
    }
    let promised =
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}; see the head of this file", path.display()));
    assert!(promised.lines().count() < 200, "{name} is too long to be read");
    assert_eq!(written, promised, "{name} is another; see the head of this file");
}

/// Three instances of 1.0.0, replaced by 1.1.0: the plan, and every record of the second rollout.
fn replaced() -> (Plan, String) {
    let clock = VirtualClock::new("2026-11-21T09:00:00Z".parse().unwrap());
    let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()).boot(Duration::from_secs(60)));
    let [one, two] = ["1.0.0", "1.1.0"].map(|version| cloud.bake("acmeinc/web", version).unwrap());
    let fleet = Fleet::new("web", cloud.place()).size(3);
    let controller = cloud.controller();
    clock.run(async {
        let first = controller.plan(&fleet, &one, Strategy::rolling()).await.unwrap();
        assert_eq!(controller.run(first).await.unwrap(), Outcome::Succeeded);
        let before = controller.history(fleet.id()).await.unwrap().len();
        let plan = controller.plan(&fleet, &two, Strategy::rolling()).await.unwrap();
        assert_eq!(controller.run(plan.clone()).await.unwrap(), Outcome::Succeeded);
        let records = controller.history(fleet.id()).await.unwrap().into_iter().skip(before);
        let lines = records.map(|(version, recorded)| format!("{version} {}\n", serde_json::to_string(&recorded).unwrap()));
        (plan, lines.collect())
    })
}

#[test]
fn a_journal() {
    golden("journal.jsonl", &replaced().1);
}

#[test]
fn a_plan_for_people_and_as_json() {
    let plan = replaced().0;
    golden("plan.txt", &format!("{plan}\n"));
    let json = serde_json::to_string_pretty(&plan).unwrap();
    golden("plan.json", &format!("{json}\n"));
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    let other = json.replace("\"format\": 1", "\"format\": 2");
    let error = serde_json::from_str::<Plan>(&other).unwrap_err().to_string();
    assert!(error.contains("a plan of format 2; this version reads format 1"), "{error}");
}
