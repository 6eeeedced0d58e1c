//! Which kinds of facts a journal holds: the golden ones hold every kind there is, and each version folds those of every version before it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::analysis::Says;
use crate::fleet::{Drift, FailureClass, Refusal, Resize};

/// A name for each variant. A variant that has none does not compile, and one that no golden journal holds fails below.
macro_rules! kinds {
    ($list:ident, $of:ident($type:ty) { $($pattern:pat => $name:literal),+ $(,)? }) => {
        const $list: &[&str] = &[$($name),+];

        fn $of(of: &$type) -> &'static str {
            match of { $($pattern => $name),+ }
        }
    };
}

kinds!(EVENTS, event(Event) {
    Event::Claimed { .. } => "event claimed",
    Event::Released => "event released",
    Event::Opened { .. } => "event opened",
    Event::Heard { refused: None, .. } => "event heard",
    Event::Heard { refused: Some(_), .. } => "event heard and refused",
    Event::Resized { .. } => "event resized",
    Event::Owed { .. } => "event owed",
    Event::Renewed { .. } => "event renewed",
    Event::Settled { .. } => "event settled",
    Event::Noted(_) => "event noted",
    Event::Watched => "event watched",
    Event::Condemned { .. } => "event condemned",
    Event::Adopting { .. } => "event adopting",
    Event::Adopted { .. } => "event adopted",
    Event::Judged { .. } => "event judged",
    Event::Approved { .. } => "event approved",
    Event::Moved { .. } => "event moved",
    Event::Proven { .. } => "event proven",
    Event::Ended { .. } => "event ended",
});

kinds!(CALLS, call(Call) {
    Call::Ensure(_) => "call ensure",
    Call::Resize(_) => "call resize",
    Call::Upkeep(..) => "call upkeep",
    Call::Destroy(_) => "call destroy",
    Call::Route(_) => "call route",
    Call::Drain { .. } => "call drain",
});

kinds!(RESIZES, resize(Resize) {
    Resize::Raise { .. } => "resize raise",
    Resize::Lower { .. } => "resize lower",
    Resize::GiveUp { .. } => "resize give_up",
});

kinds!(RESULTS, result(OpResult) {
    OpResult::Done { .. } => "result done",
    OpResult::Accepted { .. } => "result accepted",
    OpResult::Failed(_) => "result failed",
    OpResult::Unknown { .. } => "result unknown",
});

kinds!(REFUSALS, refusal(Refusal) {
    Refusal::Held => "refusal held",
    Refusal::NotMember => "refusal not_member",
});

kinds!(PHASES, phase(Phase) {
    Phase::Preparing { .. } => "phase preparing",
    Phase::Stepping { .. } => "phase stepping",
    Phase::Reverting { .. } => "phase reverting",
    Phase::Finishing { .. } => "phase finishing",
    Phase::Held { .. } => "phase held",
});

kinds!(STEPS, step(StepState) {
    StepState::Moving { .. } => "step moving",
    StepState::Gating { .. } => "step gating",
    StepState::Lost { .. } => "step lost",
});

kinds!(CAUSES, cause(RevertCause) {
    RevertCause::Failed(_) => "cause failed",
    RevertCause::Gone(_) => "cause gone",
    RevertCause::Deadline => "cause deadline",
    RevertCause::Judged(_) => "cause judged",
    RevertCause::Unanswered(_) => "cause unanswered",
    RevertCause::Revoked(_) => "cause revoked",
    RevertCause::Asked => "cause asked",
    RevertCause::Overdue => "cause overdue",
});

kinds!(ENDINGS, ending(Ending) {
    Ending::Forward => "ending forward",
    Ending::Keep => "ending keep",
    Ending::Back { .. } => "ending back",
    Ending::Mixed => "ending mixed",
    Ending::Nothing => "ending nothing",
    Ending::Refused { .. } => "ending refused",
});

kinds!(HOLDS, hold(Hold) {
    Hold::Needs(_) => "hold needs",
    Hold::Paused { .. } => "hold paused",
});

kinds!(NEEDS, need(Need) {
    Need::NoBaseline { .. } => "need no_baseline",
    Need::BaselineUnlaunchable { .. } => "need baseline_unlaunchable",
    Need::RollbackDeadline { .. } => "need rollback_deadline",
    Need::StuckLeaving { .. } => "need stuck_leaving",
    Need::PoolRefuses { .. } => "need pool_refuses",
    Need::ProviderSilent => "need provider_silent",
    Need::Unseen { .. } => "need unseen",
    Need::Irreversible { .. } => "need irreversible",
    Need::Gate { .. } => "need gate",
    Need::Drift { .. } => "need drift",
});

kinds!(DRIFTS, drift(Drift) {
    Drift::Image => "drift image",
    Drift::Size => "drift size",
    Drift::Generation => "drift generation",
    Drift::Weights => "drift weights",
    Drift::Upkeep => "drift upkeep",
    Drift::Stranger => "drift stranger",
});

kinds!(SAYS, says(Says) {
    Says::Pass => "says pass",
    Says::Fail => "says fail",
    Says::Inconclusive => "says inconclusive",
});

kinds!(CLASSES, class(FailureClass) {
    FailureClass::Capacity => "class capacity",
    FailureClass::Quota => "class quota",
    FailureClass::Platform => "class platform",
    FailureClass::Image => "class image",
    FailureClass::Health => "class health",
    FailureClass::Unknown => "class unknown",
});

kinds!(OUTCOMES, outcome(Outcome) {
    Outcome::Succeeded => "outcome succeeded",
    Outcome::Unexercised => "outcome unexercised",
    Outcome::RolledBack => "outcome rolled_back",
    Outcome::LeftMixed => "outcome left_mixed",
    Outcome::TornDown => "outcome torn_down",
    Outcome::Refused(_) => "outcome refused",
    Outcome::Superseded { .. } => "outcome superseded",
    Outcome::Needs(_) => "outcome needs",
});

/// A name for each field.
macro_rules! noted {
    ($($field:ident),+ $(,)?) => {
        const NOTED: &[&str] = &[$(concat!("noted ", stringify!($field))),+];

        fn noted(noted: &Noted) -> impl Iterator<Item = &'static str> {
            // A field that is missing here does not compile.
            let Noted { $($field: _),+ } = noted;
            let json = serde_json::to_value(noted).unwrap();
            NOTED.iter().copied().filter(move |name| json.get(name.trim_start_matches("noted ")).is_some())
        }
    };
}

noted!(appeared, healthy, unhealthy, gone, sizes, weights, upkeep, told, charged, exercised, absent, progress);

/// What is never in a journal, and why.
const NEVER: &[(&str, &str)] =
    &[("outcome needs", "it is no end, and not journaled as one"), ("class quota", "the engine charges nobody with it")];

/// Every kind that a journal can hold.
pub(crate) fn all() -> BTreeSet<&'static str> {
    let lists = [
        EVENTS, CALLS, RESIZES, RESULTS, REFUSALS, PHASES, STEPS, CAUSES, ENDINGS, HOLDS, NEEDS, DRIFTS, SAYS, CLASSES, OUTCOMES,
        NOTED,
    ];
    let never = |kind: &&str| NEVER.iter().any(|(never, _)| never == kind);
    lists.into_iter().flatten().copied().filter(|kind| !never(kind)).collect()
}

/// The kinds that a record is of.
pub(crate) fn of(recorded: &Recorded) -> BTreeSet<&'static str> {
    let mut kinds = BTreeSet::from([event(&recorded.event)]);
    match &recorded.event {
        Event::Owed { call: owed, .. } => {
            kinds.insert(call(owed));
            if let Call::Resize(change) = owed {
                kinds.insert(resize(change));
            }
        }
        Event::Settled { result: answer, .. } => {
            kinds.insert(result(answer));
            if let OpResult::Done { refused, .. } = answer {
                kinds.extend(refused.iter().map(|(_, why)| refusal(why)));
            }
        }
        Event::Noted(facts) => {
            kinds.extend(noted(facts));
            kinds.extend(facts.charged.iter().map(|charge| class(&charge.class)));
        }
        Event::Judged { judgement, .. } => {
            kinds.insert(says(&judgement.says));
        }
        Event::Moved { to } => of_phase(to, &mut kinds),
        Event::Ended { outcome: end } => {
            kinds.insert(outcome(end));
        }
        _ => {}
    }
    kinds
}

fn of_phase(to: &Phase, kinds: &mut BTreeSet<&'static str>) {
    kinds.insert(phase(to));
    match to {
        Phase::Preparing { .. } => {}
        Phase::Stepping { at, .. } => {
            kinds.insert(step(at));
        }
        Phase::Reverting { why, at, .. } => kinds.extend([cause(why), step(at)]),
        Phase::Finishing { ending: end, .. } => {
            kinds.insert(ending(end));
        }
        Phase::Held { why, resume, .. } => {
            kinds.insert(hold(why));
            if let Hold::Needs(asked) = why {
                kinds.insert(need(asked));
                if let Need::Drift { found } = asked {
                    kinds.extend(found.iter().map(|found| drift(&found.drift)));
                }
            }
            of_phase(resume, kinds);
        }
    }
}

/// Where the golden journals are, a folder for each version that wrote some.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/journals")
}

/// A golden journal: its name, its records, and the state that they amounted to when they were written.
struct Golden {
    name: String,
    records: Vec<Recorded>,
    state: serde_json::Value,
}

/// All of them, of this version and of every one before it.
fn golden() -> Vec<Golden> {
    let entries = |folder: &Path| -> Vec<PathBuf> { fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect() };
    let mut journals: Vec<_> = entries(&folder()).iter().flat_map(|version| entries(version)).collect();
    journals.retain(|path| path.extension().is_some_and(|kind| kind == "jsonl"));
    journals.sort();
    let read = |path: &PathBuf| {
        let name = path.strip_prefix(folder()).unwrap().display().to_string();
        let text = fs::read_to_string(path).unwrap();
        let record = |line: &str| Recorded::read(line.as_bytes()).unwrap_or_else(|why| panic!("{name}: {why}: {line}"));
        let records = text.lines().map(record).collect();
        let state = serde_json::from_str(&fs::read_to_string(path.with_extension("state.json")).unwrap()).unwrap();
        Golden { name, records, state }
    };
    journals.iter().map(read).collect()
}

/// What these records amount to.
fn folded(golden: &Golden) -> FleetState {
    let plan = golden.records.iter().find_map(|recorded| match &recorded.event {
        Event::Opened { plan, .. } => Some(plan),
        _ => None,
    });
    let mut state = FleetState::new(plan.unwrap().fleet().id().clone());
    for (number, recorded) in golden.records.iter().enumerate() {
        state.evolve(recorded).unwrap_or_else(|illegal| panic!("{}, record {}: {illegal}", golden.name, number + 1));
    }
    state
}

/// Where two differ, but for what is known by now and was not then: a path for each difference.
fn differs(then: &serde_json::Value, now: &serde_json::Value, path: &str, found: &mut Vec<String>) {
    use serde_json::Value::{Array, Object};
    match (then, now) {
        (Object(then), Object(now)) => {
            for (key, then) in then {
                differs(then, now.get(key).unwrap_or(&serde_json::Value::Null), &format!("{path}/{key}"), found);
            }
        }
        (Array(then), Array(now)) if then.len() == now.len() => {
            then.iter().zip(now).enumerate().for_each(|(nth, (then, now))| differs(then, now, &format!("{path}/{nth}"), found));
        }
        _ if then == now => {}
        _ => found.push(format!("{path} was {then} and is {now}")),
    }
}

#[test]
fn golden_journals_hold_every_kind_of_fact() {
    let held: BTreeSet<_> = golden().iter().flat_map(|golden| &golden.records).flat_map(of).collect();
    let missing: Vec<_> = all().into_iter().filter(|kind| !held.contains(kind)).collect();
    assert!(
        missing.is_empty(),
        "no golden journal holds {missing:?}; make some of this version: cargo test -p immutable-core --features simulation --lib golden -- --ignored"
    );
}

#[test]
fn golden_journals_of_every_version_fold_to_what_they_did() {
    let all = golden();
    assert!(all.len() > 3, "there are {}", all.len());
    for golden in all {
        let state = folded(&golden);
        let mut found = Vec::new();
        differs(&golden.state, &serde_json::to_value(&state).unwrap(), "", &mut found);
        assert!(found.is_empty(), "{}: {found:#?}", golden.name);
        // What was a snapshot then is one now.
        serde_json::from_value::<FleetState>(golden.state).unwrap();
        let kept = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<FleetState>(&kept).unwrap(), state, "{}", golden.name);
    }
}

#[test]
fn a_state_may_know_more_than_it_did_and_nothing_else() {
    let then = serde_json::json!({ "size": 3, "groups": [{ "a": 1 }] });
    for (now, differences) in [
        (serde_json::json!({ "size": 3, "groups": [{ "a": 1, "b": 2 }], "more": true }), 0),
        (serde_json::json!({ "size": 4, "groups": [{ "a": 1 }] }), 1),
        (serde_json::json!({ "groups": [{ "a": 2 }] }), 2),
        (serde_json::json!({ "size": 3, "groups": [] }), 1),
    ] {
        let mut found = Vec::new();
        differs(&then, &now, "", &mut found);
        assert_eq!(found.len(), differences, "{found:?}");
    }
}
