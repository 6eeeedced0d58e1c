//! Plans: what they print, which generation gets the fleet, how many groups that needs, and when they no longer hold.

use std::time::Duration;

use immutable_core::fleet::{Finding, Fleet, FleetCapabilities, GenerationId, Heals, Placement, Split};
use immutable_core::rollout::{
    Ending, Event, FleetState, Lint, OnFirstFailure, Outcome, Percent, Phase, Plan, PlanFor, Strategy, Wanted,
};
use immutable_core::{Digest, ErrorKind, LaunchTemplate, Result};

use super::kit::{MINUTE, Stage, artifact, capabilities, done, irreversible, removed, route};

fn idle() -> Stage {
    Stage::proven_of(Stage::fleet(3), Strategy::rolling())
}

fn leave_mixed(stage: &mut Stage) {
    stage.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: stage.now + MINUTE });
    stage.apply(Event::Ended { outcome: Outcome::LeftMixed });
}

/// As it is after a rollout to 1.1.0 was begun, and left mixed.
fn left_mixed() -> Stage {
    let mut stage = Stage::rolling(Strategy::rolling());
    leave_mixed(&mut stage);
    stage
}

fn finding(what: &str, blocks: bool) -> Finding {
    Finding { what: what.to_owned(), blocks }
}

#[test]
fn what_is_proven_is_resized_in_one_step() {
    let canary = Strategy::canary([Percent::new(10).unwrap()]).gate(immutable_core::rollout::Approve::by(["ann"]));
    for (strategy, step) in [
        (canary, "step 1: 5 of the new, 0 of the old; at least 3 ready, at most 5 in all\n"),
        (Strategy::recreate(), "step 1: 5 of the new, 0 of the old, once these are gone; at least 3 ready, at most 5 in all\n"),
    ] {
        let mut stage = Stage::proven_of(Stage::fleet(3), strategy);
        stage.fleet = Stage::fleet(5);
        let plan = stage.plan("1.0.0");
        assert_eq!(plan.steps().len(), 1);
        assert!(plan.to_string().contains(step), "{plan}");
    }
}

#[test]
fn everything_that_changes_is_printed() {
    let mut stage = idle();
    stage.fleet = Stage::fleet(5).template(LaunchTemplate::of(&serde_json::json!({ "shape": "large" })).unwrap());
    stage.strategy = Strategy::rolling().max_unavailable(1).max_failed(Percent::new(50).unwrap()).probe_attempts(2);
    let plan = stage.plan("1.1.0").with_findings(vec![finding("the quota allows 7", false)]).unwrap();
    let [one, two] = ["1.0.0", "1.1.0"].map(|version| artifact(version).digest());
    let printed = format!(
        "fleet memory/local/local/web\n\
         - acmeinc/web 1.0.0 ({one:#})\n\
         + acmeinc/web 1.1.0 ({two:#}) as generation web-0002, new\n\
         ~ template /shape: nothing → \"large\"\n\
         ~ size 3 → 5\n  \
           5 instances: at least 4 ready, at most 7 in all (max_unavailable 1, max_surge 25% = 2)\n  \
           up to 2 instances are tried alone; ready after 10s of health, down after 10m without; given up once more than 50% = 2 failed\n  \
           step 1: 5 of the new, 0 of the old; at least 3 ready, at most 7 in all\n  \
           while nothing fails: 5 launched and 3 terminated by at most 11 calls, with room for 4 more than now, in 20s to 37m 20s\n  \
           note: the quota allows 7\n  \
           if it fails: back to acmeinc/web 1.0.0 under the same budget (partial, 3 of 5 still run)"
    );
    assert_eq!(plan.to_string(), printed);
    assert_eq!(plan.from().map(ToString::to_string).as_deref(), Some("acmeinc/web 1.0.0"));
    assert_eq!(plan.to().to_string(), "acmeinc/web 1.1.0");
    assert_eq!(plan.template_changes().iter().map(ToString::to_string).collect::<Vec<_>>(), ["/shape: nothing → \"large\""]);
    assert_eq!(plan.steps().iter().map(|step| (step.wanted, step.leaving)).collect::<Vec<_>>(), [(5, 0)]);
    assert_eq!(plan.rollback().to_string(), "partial, 3 of 5 still run");
}

#[test]
fn what_becomes_of_a_first_release_that_fails_is_printed() {
    let teardown = "what was launched is removed; nothing is proven to go back to";
    let hold = "it stays as it is and asks; nothing is proven to go back to";
    for (then, says) in [(OnFirstFailure::TearDown, teardown), (OnFirstFailure::Hold, hold)] {
        let stage = Stage::empty(Stage::fleet(3), Strategy::rolling().on_first_failure(then));
        let printed = stage.plan("1.0.0").to_string();
        assert!(printed.contains("\n- nothing proven\n") && printed.contains("web-0001, new\n~ size 0 → 3\n"), "{printed}");
        assert!(printed.ends_with(&format!("\n  if it fails: {says}")), "{printed}");
    }
}

#[test]
fn what_is_there_of_the_same_release_in_the_same_places_is_used() {
    let wanted = |stage: &Stage, version| match stage.plan(version).wanted() {
        Wanted::Existing(id) => format!("{id}, there already"),
        Wanted::New(spec) => format!("{}, new", spec.id),
    };
    let mut stage = left_mixed();
    assert_eq!(wanted(&stage, "1.0.0"), "0001, there already");
    assert_eq!(wanted(&stage, "1.1.0"), "0002, there already");
    assert_eq!(wanted(&stage, "1.2.0"), "0003, new");
    assert!(stage.plan("1.1.0").to_string().contains("as generation web-0002, there already\n"));
    let mut going = stage.clone();
    going.open("1.0.0");
    going.owe(immutable_core::rollout::Call::Destroy(GenerationId(2)));
    going.settle(removed());
    leave_mixed(&mut going);
    assert_eq!(wanted(&going, "1.1.0"), "0003, new", "what is being removed is not there any more");
    stage.fleet = stage.fleet.zones(["a".into()]);
    assert_eq!(wanted(&stage, "1.1.0"), "0003, new", "in other places");
}

#[test]
fn a_rollback_to_what_still_runs_is_as_far_as_it_runs() {
    let says = |stage: &Stage, version| stage.plan(version).rollback().to_string();
    let mut stage = idle();
    assert_eq!(says(&stage, "1.1.0"), "instant");
    assert_eq!(says(&stage, "1.0.0"), "instant", "also to what is only resized");
    stage.fleet = Stage::fleet(4);
    assert_eq!(says(&stage, "1.1.0"), "partial, 3 of 4 still run");
    let mut lost = Stage::rolling(Strategy::rolling().max_surge(2));
    lost.ready(2, "d e");
    leave_mixed(&mut lost);
    assert_eq!(says(&lost, "1.2.0"), "instant");
    lost.gone(1, "a b c");
    lost.note(|noted| noted.absent.push(GenerationId(1)));
    assert_eq!(says(&lost, "1.2.0"), "by launching it again", "whatever else runs");
    let first = Stage::empty(Stage::fleet(3), Strategy::rolling());
    assert_eq!(says(&first, "1.0.0"), "impossible: no release is proven");
}

#[test]
fn groups_enough_for_the_ceiling_in_each_place_and_none_too_large() {
    let plan = |fleet: Fleet, capabilities: &FleetCapabilities| -> Result<Plan> {
        let (strategy, artifact) = (Strategy::rolling().max_surge(0).max_unavailable(1), artifact("1.0.0"));
        let wish = PlanFor { fleet: &fleet, artifact: &artifact, strategy: &strategy, capabilities, switch: None };
        Plan::new(&FleetState::new(fleet.id().clone()), wish)
    };
    let groups = |size, zones: &str, zonal| -> Result<String> {
        let fleet = Stage::fleet(size).zones(zones.split_whitespace().map(Into::into));
        let plan = plan(fleet, &FleetCapabilities { zonal, ..capabilities(Heals::Switchable) })?;
        let Wanted::New(spec) = plan.wanted() else { panic!("the plan makes nothing") };
        let said = spec.groups.iter().map(|group| match &group.placement {
            Placement::Region => format!("{} {}", group.cell, group.max),
            Placement::Zone(zone) => format!("{} {zone} {}", group.cell, group.max),
        });
        Ok(said.collect::<Vec<_>>().join(", "))
    };
    for (size, zones, zonal, says) in [
        (0, "", true, "0 100"),
        (100, "", false, "0 100"),
        (101, "", true, "0 100, 1 100"),
        (200, "a b", true, "0 a 100, 1 b 100"),
        (201, "a b", true, "0 a 100, 1 b 100, 2 a 100, 3 b 100"),
    ] {
        assert_eq!(groups(size, zones, zonal).unwrap(), says, "{size} in {zones:?}");
    }
    let error = groups(3, "a", false).unwrap_err().to_string();
    assert!(error.contains("names zones and its provider places groups in a region only; leave the zones out"), "{error}");
    let error = groups(7_000_000, "", true).unwrap_err().to_string();
    let why =
        "may come to 7000000 instances, which are 70000 groups of 100 in each of 1 placements; at most 65535 groups are possible";
    assert!(error.contains(why), "{error}");
}

#[test]
fn a_plan_holds_while_the_fleet_is_what_it_was() {
    let made = left_mixed();
    let mut lost = made.clone();
    lost.note(|noted| noted.absent.push(GenerationId(2)));
    let mut larger = idle();
    larger.fleet = Stage::fleet(5);
    larger.open("1.0.0");
    let never = Stage::empty(Stage::fleet(3), Strategy::rolling());
    let another = "another release is proven";
    let others = "its generations are others";
    let size = "its size is another";
    for (then, now, changed) in [
        (&idle(), &idle(), None),
        (&never, &idle(), Some(another)),
        (&made, &lost, Some(others)),   // one of them is gone
        (&idle(), &lost, Some(others)), // one came and went: its number is taken
        (&idle(), &larger, Some(size)),
    ] {
        let stale = then.plan("1.1.0").check_basis(&now.state).map_err(|error| (error.kind(), error.to_string()));
        let says = |changed| {
            let says = format!("fleet memory/local/local/web has changed since the plan was made: {changed}; plan again");
            (ErrorKind::Stale, says)
        };
        assert_eq!(stale, changed.map_or(Ok(()), |changed| Err(says(changed))));
    }
}

#[test]
fn what_blocks_refuses_the_plan_with_all_that_does() {
    let found = vec![finding("no such network", true), finding("the quota allows 7", false), finding("no such key", true)];
    let error = idle().plan("1.1.0").with_findings(found).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let says = "acmeinc/web 1.1.0 cannot be launched in memory/local/local/web: no such network; no such key";
    assert!(error.to_string().ends_with(says), "{error}");
}

#[test]
fn a_digest_is_of_everything_in_the_plan() {
    let (mut stage, plan) = (idle(), idle().plan("1.1.0"));
    assert_eq!(stage.plan("1.1.0").digest().unwrap(), plan.digest().unwrap());
    stage.strategy = stage.strategy.max_failed(1);
    assert_ne!(stage.plan("1.1.0").digest().unwrap(), plan.digest().unwrap());
}

#[test]
fn a_fleet_keeps_its_pool() {
    let mut stage = left_mixed_routed();
    let moved = |stage: &Stage| {
        let (capabilities, artifact) = (capabilities(stage.heals), artifact("1.1.0"));
        let (fleet, strategy, switch) = (&stage.fleet, &stage.strategy, stage.switch.as_ref());
        Plan::new(&stage.state, PlanFor { fleet, artifact: &artifact, strategy, capabilities: &capabilities, switch }).map(drop)
    };
    assert!(moved(&stage).is_ok(), "the same one");
    let why = "fleet memory/local/local/web gets its requests from pool web, to which its generations are attached; another needs another fleet";
    for fleet in [Stage::fleet(3).pool("other"), Stage::fleet(3)] {
        stage.fleet = fleet;
        assert_eq!(moved(&stage).unwrap_err().to_string(), why);
    }
    // One to which nothing is attached is no bond.
    let mut first = Stage::empty(Stage::fleet(3).pool("web"), Strategy::rolling());
    first.switch = Some(super::kit::switch(immutable_core::fleet::Split::Pooled));
    first.open("1.0.0");
    assert_eq!(first.state.pool().unwrap().id.to_string(), "web");
    first.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: first.now + MINUTE });
    first.apply(Event::Ended { outcome: Outcome::LeftMixed });
    first.fleet = Stage::fleet(3).pool("other");
    assert!(moved(&first).is_ok());
    first.open("1.0.0");
    assert_eq!(first.state.pool().unwrap().id.to_string(), "other", "and it is the one from then on");
}

fn left_mixed_routed() -> Stage {
    let mut stage = Stage::routed(3, Strategy::rolling(), immutable_core::fleet::Split::Pooled);
    leave_mixed(&mut stage);
    stage
}

#[test]
fn strategies_are_what_their_names_say() {
    let of = |strategy: &Strategy| serde_json::to_value(strategy).unwrap();
    let blue_green = of(&Strategy::blue_green());
    assert_eq!((&blue_green["keep_old"], &blue_green["max_surge"]), (&"1h".into(), &"100%".into()));
    assert_eq!(of(&Strategy::rolling())["max_surge"], "25%");
    let recreate = of(&Strategy::recreate());
    assert_eq!((&recreate["max_surge"], &recreate["max_unavailable"]), (&0.into(), &"100%".into()));
    assert_eq!(of(&Strategy::rolling().drain_deadline(2 * MINUTE))["drain_deadline"], "2m");
    assert_eq!(of(&Strategy::rolling().rollback_attempts(3))["rollback_attempts"], 3);
    // What is not written is the default, when it is read by a later version.
    let short = of(&Strategy::rolling());
    assert_eq!((short.get("drain_deadline"), short.get("rollback_attempts")), (None, None));
    assert_eq!(serde_json::from_value::<Strategy>(short).unwrap(), Strategy::rolling());
    let check = immutable_core::rollout::Check::by("smoke");
    let judged = Strategy::canary([Percent::new(5).unwrap()]).gate(check).gate(immutable_core::rollout::Analyse::by("errors"));
    assert_eq!(judged.judges().map(|judge| &**judge).collect::<Vec<_>>(), ["smoke", "errors"]);
    assert_eq!(Strategy::rolling().judges().count(), 0);
}

#[test]
fn what_is_proven_is_kept_by_nobody() {
    let mut stage = Stage::proven_of(Stage::fleet(3), Strategy::rolling());
    stage.fleet = Stage::fleet(5);
    stage.strategy = Strategy::new([immutable_core::rollout::Step::scale_beside(Percent::new(100).unwrap())])
        .max_surge(Percent::new(100).unwrap())
        .keep_old(MINUTE);
    assert!(!stage.plan("1.0.0").to_string().contains("kept"), "{}", stage.plan("1.0.0"));
    assert!(stage.plan("1.1.0").to_string().contains("1m"), "{}", stage.plan("1.1.0"));
}

#[test]
fn an_envelope_counts_whom_it_must() {
    let mut emptied = Stage::proven_of(Stage::fleet(5), Strategy::rolling().max_surge(1));
    emptied.fleet = Stage::fleet(0);
    let moves = |version| emptied.plan(version).steps()[0].envelope;
    assert_eq!((moves("1.0.0").terminations, moves("1.0.0").launches), (5, 0), "of what is proven none is left to be tried");
    assert_eq!((moves("1.1.0").terminations, moves("1.1.0").launches), (5, 1));
    // Of 7 parts 5 that must be ready lose one to each of 7 that shares them: to one of 5 and one that comes, and to nobody who has no instance.
    let split = immutable_core::fleet::Split::Weighted { generations: 5, parts: 7 };
    let mut stage = Stage::routed(5, Strategy::rolling(), split);
    leave_mixed(&mut stage);
    assert_eq!(stage.plan("1.2.0").envelope().ready_at_least, 4);
    // All of the surge is on its way at once, also where no zone may have one fewer.
    let mut zones = Stage::empty(Stage::fleet(12).zones(["a", "b"].map(Into::into)), Strategy::rolling());
    zones.open("1.0.0");
    zones.claim();
    zones.make(1);
    zones.step();
    zones.launch(1, "a b c d e f g h i j k l");
    leave_mixed(&mut zones);
    let most = |stage: &Stage| stage.plan("1.1.0").envelope().takes.most;
    let without = most(&zones);
    zones.strategy = Strategy::rolling().max_unavailable_per_zone(0);
    assert_eq!(most(&zones), without);
}

#[test]
fn an_envelope_goes_on_from_what_was_left_half_done() {
    let twice = || Strategy::rolling().max_surge(Percent::new(100).unwrap());
    let most = |begin: fn(&mut Stage, u32, &str)| {
        let mut stage = Stage::rolling_of(Stage::fleet(5), twice());
        begin(&mut stage, 2, "f");
        leave_mixed(&mut stage);
        stage.plan("1.1.0").envelope().takes.most
    };
    assert!(most(Stage::ready) < most(Stage::launch), "of what was ready once none is tried alone");
    // The old serve until who is attached gets something.
    let ready = |weights: &[(u32, u16)]| {
        let mut stage = Stage::routed(5, twice(), Split::Binary);
        stage.ready(2, "f g");
        stage.owe(route(weights));
        stage.settle(done(None));
        leave_mixed(&mut stage);
        stage.plan("1.1.0").envelope().ready_at_least
    };
    assert_eq!((ready(&[(1, 1), (2, 0)]), ready(&[(1, 0), (2, 1)])), (5, 2));
}

#[test]
fn no_time_and_no_size_is_too_large_to_be_planned() {
    let (long, ages) = (Duration::from_secs(u64::MAX / 4), Duration::MAX);
    let mut stage = Stage::proven_of(Stage::fleet(5), Strategy::rolling());
    stage.fleet = Stage::fleet(5_000_000).min_ready(long).boot_deadline(long).typical_boot(ages);
    stage.strategy =
        Strategy::canary([Percent::new(10).unwrap()]).progress_deadline(ages).rollback_deadline(ages).keep_old(Duration::ZERO);
    let plan = stage.plan("1.1.0");
    assert_eq!(plan.envelope().takes.most, Some(ages), "{plan}");
    assert_eq!(plan.envelope().launches, 5_000_000);
}

#[test]
fn the_old_that_are_kept_are_those_that_there_are() {
    let kept = |from: u32, to: u32| {
        let mut stage = Stage::proven_of(Stage::fleet(from), Strategy::rolling());
        if from == 0 {
            stage = Stage::empty(Stage::fleet(to), Strategy::rolling());
        }
        (stage.fleet, stage.switch) = (Stage::fleet(to).pool("web"), Some(super::kit::switch(Split::Binary)));
        stage.strategy = Strategy::blue_green().keep_old(30 * 60 * MINUTE);
        let plan = stage.plan("1.1.0");
        let told = plan.warnings().iter().find(|warning| warning.lint == Lint::LongKeep).map(ToString::to_string);
        let printed = plan.to_string().lines().find(|line| line.contains("then the old")).map(|line| line.trim().to_owned());
        (printed, told)
    };
    for (from, to, old, hours) in [(3, 3, 3, 90), (3, 5, 3, 90), (5, 3, 3, 90)] {
        let printed = format!("then the old are kept for 30h ({hours} machine-hours)");
        let told = format!("{old} of the old are kept for 30h: {hours} machine-hours; keep them for less than a day");
        assert_eq!(kept(from, to), (Some(printed), Some(told)), "{from} to {to}");
    }
    assert_eq!(kept(0, 3), (None, None), "a first release has no old");
}

#[test]
fn what_has_nobody_is_not_replaced() {
    let planned = |size| {
        let mut stage = Stage::proven_of(Stage::fleet(size), Strategy::rolling());
        (stage.fleet, stage.switch) = (Stage::fleet(3).pool("web"), Some(super::kit::switch(Split::Binary)));
        stage.planned("1.1.0").map(drop).map_err(|error| error.to_string())
    };
    assert!(planned(1).unwrap_err().contains("so 3 old and 3 new must be ready at once"));
    assert_eq!(planned(0), Ok(()), "where nobody is nobody has to be ready beside the new");
}

#[test]
fn there_is_a_way_back_from_what_is_proven_whatever_its_mark() {
    let says = |stage: &Stage| {
        let (capabilities, fleet, strategy) = (capabilities(stage.heals), &stage.fleet, &stage.strategy);
        let artifact = irreversible("1.1.0", "schema 12");
        let wish = PlanFor { fleet, artifact: &artifact, strategy, capabilities: &capabilities, switch: None };
        Plan::new(&stage.state, wish).unwrap().rollback().to_string()
    };
    assert_eq!(says(&idle()), "impossible: there is no way back from it, schema 12");
    let never = Stage::empty(Stage::fleet(3), Strategy::rolling());
    assert_eq!(says(&never), "impossible: no release is proven", "whatever it is marked with");
    let mut stage = Stage::irreversible("schema 12");
    stage.ready(2, "d e f");
    stage.apply(Event::Proven { generation: GenerationId(2), instances: 3, evidence: Digest::of(b"as read") });
    stage.moved(Phase::Finishing { ending: Ending::Forward, give_up_at: stage.now + MINUTE });
    stage.apply(Event::Ended { outcome: Outcome::Succeeded });
    assert_eq!(says(&stage), "instant", "it is where it would go back to");
}
