//! `command`: pause, resume, promote, approve, retry and abort, in every phase; what is refused, and with which words.

use std::time::Duration;

use immutable_core::fleet::{FailureClass, GenerationId};
use immutable_core::id::{Actor, RolloutId, StepIx, StreamVersion};
use immutable_core::rollout::{
    AbortTo, Approve, Charge, Command, CommandId, Ending, Event, Explanation, Fate, FleetState, Hold, Need, Percent, Phase,
    RevertCause, Step, StepState, Strategy, What, command,
};

use super::kit::{MINUTE, Stage, group, key, paused};
use super::sight::{look, row, said, tells};

fn asked(stage: &Stage, about: u32, to: AbortTo) -> Vec<Event> {
    asked_by(stage, "sam", about, What::Abort(to))
}

fn asked_by(stage: &Stage, by: &str, about: u32, what: What) -> Vec<Event> {
    let next = StreamVersion(stage.state.inbox_read().0 + 1);
    let command_ = Command { id: CommandId::of(&next.to_string()), by: Actor::new(by), about: RolloutId(about), what };
    command(&stage.state, &command_, next, stage.now)
}

/// What a command comes to, in one line; the stage is then as it says.
#[track_caller]
fn give(stage: &mut Stage, by: &str, what: What) -> String {
    let events = asked_by(stage, by, stage.rollout().0, what);
    events.iter().for_each(|event| stage.apply(event.clone()));
    events.iter().map(said).collect::<Vec<_>>().join("; ")
}

/// What an abort comes to: the events are legal, and said in one line.
#[track_caller]
fn abort(stage: &Stage, to: AbortTo) -> String {
    let events = asked(stage, stage.rollout().0, to);
    let mut after = stage.clone();
    events.iter().for_each(|event| after.apply(event.clone()));
    events.iter().map(said).collect::<Vec<_>>().join("; ")
}

fn until(stage: &Stage) -> StepState {
    StepState::Moving { give_up_at: stage.now + MINUTE }
}

fn phases(stage: &Stage) -> [(&'static str, Phase); 4] {
    let give_up_at = stage.now + MINUTE;
    let held = |resume: Phase| Phase::Held {
        why: Hold::Needs(Need::StuckLeaving { why: "it is protected".into() }),
        resume: Box::new(resume),
        since: stage.now,
    };
    let stepping = Phase::Stepping { step: StepIx(0), at: until(stage) };
    let back = Phase::Reverting { why: RevertCause::Deadline, to: GenerationId(1), at: until(stage) };
    [
        ("stepping", stepping.clone()),
        ("held", held(stepping)),
        ("reverting", back),
        ("finishing", Phase::Finishing { ending: Ending::Forward, give_up_at }),
    ]
}

const HEARD: &str = "heard and carried out; ";

#[test]
fn with_a_proven_release() {
    use AbortTo::{Back, Mixed, Nothing};
    let back = format!("{HEARD}moved back to 0001 until +3630s: asked for");
    let mixed = format!("{HEARD}moved finishing mixed until +3630s");
    let nothing = "heard the fleet has a proven release, which this would remove; abort back, or leave it mixed";
    let already = "heard it is rolling back already";
    let late = "heard it is finishing, there is nothing left to abort";
    let stage = Stage::rolling(Strategy::rolling());
    let mut preparing = Stage::proven_of(Stage::fleet(3), Strategy::rolling());
    preparing.open("1.1.0");
    for (to, says) in [(Back, &*back), (Mixed, &*mixed), (Nothing, nothing)] {
        assert_eq!(abort(&preparing, to), says, "preparing, {to:?}");
    }
    for (name, phase) in phases(&stage) {
        let mut stage = stage.clone();
        if name != "stepping" {
            stage.moved(phase);
        }
        let (goes_back, leaves, removes) = match name {
            "reverting" => (already, &*mixed, nothing),
            "finishing" => (late, late, late),
            _ => (&*back, &*mixed, nothing),
        };
        assert_eq!(abort(&stage, Back), goes_back, "{name}");
        assert_eq!(abort(&stage, Mixed), leaves, "{name}");
        assert_eq!(abort(&stage, Nothing), removes, "{name}");
    }
}

#[test]
fn without_a_proven_release() {
    use AbortTo::{Back, Mixed, Nothing};
    let stage = Stage::first(Stage::fleet(3), Strategy::rolling());
    let mut preparing = Stage::empty(Stage::fleet(3), Strategy::rolling());
    preparing.open("1.0.0");
    let mut held = stage.clone();
    let resume = Box::new(stage.state.rollout().unwrap().phase.clone());
    held.moved(Phase::Held { why: Hold::Needs(Need::NoBaseline { why: "x".into() }), resume, since: held.now });
    for (name, stage) in [("preparing", preparing), ("stepping", stage), ("held", held)] {
        let back = "heard no release is proven to go back to; abort to nothing, or leave it mixed";
        assert_eq!(abort(&stage, Back), back, "{name}");
        assert_eq!(abort(&stage, Mixed), format!("{HEARD}moved finishing mixed until +3600s"), "{name}");
        assert_eq!(abort(&stage, Nothing), format!("{HEARD}moved finishing with nothing until +3600s"), "{name}");
    }
}

/// At the gate of the second of three steps, for another 100 s.
fn gated(gate: impl Into<Step>) -> Stage {
    let all = Step::scale(Percent::new(100).unwrap());
    let mut stage = Stage::rolling(Strategy::new([Step::scale(1), gate.into(), all]));
    let until = Some(stage.now + Duration::from_secs(100));
    stage.moved(Phase::Stepping { step: StepIx(1), at: StepState::Gating { since: stage.now, until } });
    stage
}

fn needs(stage: &mut Stage, need: Need) {
    let resume = Box::new(stage.state.rollout().unwrap().phase.clone());
    stage.moved(Phase::Held { why: Hold::Needs(need), resume, since: stage.now });
}

#[test]
fn a_pause_stops_what_time_would_end() {
    let mut stage = Stage::rolling(Strategy::rolling());
    assert_eq!(give(&mut stage, "ann", What::Resume), "heard it is not paused");
    let mut asks = stage.clone();
    needs(&mut asks, Need::StuckLeaving { why: "it is protected".into() });
    let decision =
        "heard it is not paused, it needs a decision: what should be removed does not go: it is protected; retry or abort it";
    assert_eq!(give(&mut asks, "ann", What::Resume), decision);
    assert_eq!(give(&mut stage, "ann", What::Pause), format!("{HEARD}moved paused by ann in step 0 until +1230s"));
    assert_eq!(give(&mut stage, "bob", What::Pause), "heard ann has paused it already");
    stage.pass(1000);
    row("nothing new is begun", &stage, &look().group(1, 3, "a+ b+ c+").group(2, 0, ""), "");
    let waits = "waiting for ann, who has paused it; rollback now would be instant";
    tells("and it is said who waits", &stage, &look().group(1, 3, "a+ b+ c+").group(2, 0, ""), waits, "never");
    assert_eq!(give(&mut stage, "bob", What::Resume), format!("{HEARD}moved step 0 until +2230s"));
    let mut gate = gated(Step::bake(MINUTE));
    give(&mut gate, "ann", What::Pause);
    gate.pass(50);
    assert_eq!(give(&mut gate, "ann", What::Resume), format!("{HEARD}moved gate 1 until +180s"));
    for (name, phase) in phases(&stage) {
        let mut stage = Stage::rolling(Strategy::rolling());
        if name != "stepping" {
            stage.moved(phase);
        }
        let paused = give(&mut stage, "ann", What::Pause);
        match name {
            "held" => assert_eq!(
                paused,
                "heard nothing moves, it needs a decision: what should be removed does not go: it is protected"
            ),
            _ => assert!(paused.starts_with("heard and carried out; moved paused by ann in "), "{name}: {paused}"),
        }
    }
}

#[test]
fn what_is_owed_is_carried_on_while_it_is_paused() {
    let mut stage = Stage::rolling(Strategy::rolling());
    stage.owe(super::kit::raise(2, 0, 1));
    give(&mut stage, "ann", What::Pause);
    stage.pass(120);
    let seen = look().group(1, 3, "a+ b+ c+").group(2, 0, "");
    row("it is judged anew, as ever", &stage, &seen, "renewed 5 +150s");
}

#[test]
fn an_abort_of_what_is_paused_goes_where_it_would_have_gone() {
    for (to, says) in [(AbortTo::Back, "moved back to 0001"), (AbortTo::Mixed, "moved finishing mixed")] {
        let mut stage = Stage::rolling(Strategy::rolling());
        give(&mut stage, "ann", What::Pause);
        let aborted = give(&mut stage, "ann", What::Abort(to));
        assert!(aborted.starts_with(&format!("{HEARD}{says}")), "{aborted}");
    }
    let mut stage = Stage::rolling(Strategy::rolling());
    stage.moved(Phase::Finishing { ending: Ending::Forward, give_up_at: stage.now + MINUTE });
    give(&mut stage, "ann", What::Pause);
    assert_eq!(give(&mut stage, "ann", What::Abort(AbortTo::Back)), "heard it is finishing, there is nothing left to abort");
}

#[test]
fn a_gate_is_opened_by_its_number() {
    let gate = || Approve::by(["ann"]);
    let step = |step: u16| What::Promote(StepIx(step));
    let mut moving = Stage::rolling(Strategy::rolling());
    assert_eq!(give(&mut moving, "sam", step(0)), "heard it is about the gate of step 1, and no gate is waited for");
    let mut stage = gated(gate());
    assert_eq!(give(&mut stage, "sam", step(2)), "heard it is about the gate of step 3, that of step 2 is waited for");
    let mut paused = stage.clone();
    give(&mut paused, "ann", What::Pause);
    assert_eq!(give(&mut paused, "sam", step(1)), "heard ann has paused it; resume it first");
    assert_eq!(give(&mut stage, "sam", step(1)), format!("{HEARD}moved step 2 until +1230s"));
    let mut asked = gated(gate());
    needs(&mut asked, Need::Gate { step: StepIx(1), why: "0 of 1 have approved in time".into() });
    assert_eq!(give(&mut asked, "sam", step(1)), format!("{HEARD}moved step 2 until +1230s"));
    let mut last = Stage::rolling(Strategy::new([Step::scale(Percent::new(100).unwrap()), gate().into()]));
    last.moved(Phase::Stepping { step: StepIx(1), at: StepState::Gating { since: last.now, until: None } });
    assert_eq!(give(&mut last, "sam", step(1)), format!("{HEARD}moved step 1 until +1230s"), "its end is still to come");
}

#[test]
fn a_gate_is_not_opened_while_something_else_is_asked() {
    let promote = What::Promote(StepIx(1));
    let mut stage = gated(Step::bake(MINUTE));
    needs(&mut stage, Need::Irreversible { mark: "schema 12".into(), why: "it errs".into() });
    let asks = "going back is not possible (schema 12), and there is cause to: it errs";
    assert_eq!(give(&mut stage, "ann", promote), format!("heard it is no gate that needs a decision: {asks}; retry or abort it"));
    let mut other = gated(Step::bake(MINUTE));
    needs(&mut other, Need::Gate { step: StepIx(1), why: "x".into() });
    let wrong = "heard it is about the gate of step 3, that of step 2 is waited for";
    assert_eq!(give(&mut other, "ann", What::Promote(StepIx(2))), wrong);
    let mut lost = gated(Step::bake(MINUTE));
    lost.moved(Phase::Stepping { step: StepIx(1), at: StepState::Lost { give_up_at: lost.now + MINUTE } });
    let mut paused = lost.clone();
    assert_eq!(give(&mut lost, "ann", promote), format!("{HEARD}moved step 2 until +1230s"), "whoever is missing");
    give(&mut paused, "ann", What::Pause);
    paused.pass(30);
    assert_eq!(give(&mut paused, "ann", What::Resume), format!("{HEARD}moved lost at gate 1 until +120s"));
    needs(&mut paused, Need::StuckLeaving { why: "it is protected".into() });
    assert_eq!(give(&mut paused, "ann", What::Retry), format!("{HEARD}moved gate 1 until +120s"));
}

#[test]
fn a_command_is_carried_out_once() {
    let mut stage = Stage::rolling(Strategy::rolling());
    let asked = |stage: &mut Stage, what| {
        let command_ = Command { id: CommandId::of("x"), by: Actor::new("sam"), about: stage.rollout(), what };
        let events = command(&stage.state, &command_, StreamVersion(stage.state.inbox_read().0 + 1), stage.now);
        events.iter().for_each(|event| stage.apply(event.clone()));
        events.iter().map(said).collect::<Vec<_>>().join("; ")
    };
    needs(&mut stage, Need::StuckLeaving { why: "it is protected".into() });
    assert_eq!(asked(&mut stage, What::Retry), format!("{HEARD}moved step 0 until +1230s"));
    needs(&mut stage, Need::StuckLeaving { why: "it is protected".into() });
    let before = "heard the same command was carried out before; to have it again give another";
    assert_eq!(asked(&mut stage, What::Retry), before);
    assert_eq!(asked(&mut stage, What::Retry), before, "however often it comes");
    assert_eq!(stage.state.rollout().unwrap().heard.values().collect::<Vec<_>>(), [&Fate::CarriedOut]);
    let mut refused = Stage::rolling(Strategy::rolling());
    assert_eq!(asked(&mut refused, What::Resume), "heard it is not paused");
    give(&mut refused, "ann", What::Pause);
    let again = "heard the same command was refused before: it is not paused";
    assert_eq!(asked(&mut refused, What::Resume), again);
    let json = serde_json::to_string(&refused.state).unwrap();
    assert_eq!(serde_json::from_str::<FleetState>(&json).unwrap(), refused.state);
    let mut earlier: serde_json::Value = serde_json::from_str(&json).unwrap();
    earlier["rollout"].as_object_mut().unwrap().remove("heard").expect("it is there");
    assert!(serde_json::from_value::<FleetState>(earlier).is_ok(), "what was written before is read");
}

#[test]
fn those_who_are_named_approve_once() {
    let step = |step: u16| What::Approve(StepIx(step));
    let mut stage = gated(Approve::by(["ann", "bob"]).least(2));
    assert_eq!(give(&mut stage, "eve", step(1)), "heard eve is not named to approve; ann, bob may");
    assert_eq!(give(&mut stage, "ann", step(0)), "heard it is about the gate of step 1, that of step 2 is waited for");
    assert_eq!(give(&mut stage, "ann", step(1)), format!("{HEARD}approved 1 by ann"));
    assert_eq!(give(&mut stage, "ann", step(1)), "heard ann has approved already");
    let mut held = stage.clone();
    needs(&mut held, Need::Gate { step: StepIx(1), why: "1 of 2 have approved in time".into() });
    assert_eq!(give(&mut held, "bob", step(1)), format!("{HEARD}approved 1 by bob; moved step 2 until +1230s"), "late, and yet");
    let mut other = stage.clone();
    needs(&mut other, Need::Irreversible { mark: "schema 12".into(), why: "asked for".into() });
    assert_eq!(give(&mut other, "bob", step(1)), format!("{HEARD}approved 1 by bob"), "that was not what was asked");
    let mut paused = stage.clone();
    give(&mut paused, "sam", What::Pause);
    assert_eq!(give(&mut paused, "bob", step(1)), format!("{HEARD}approved 1 by bob"), "also while it is paused");
    let mut bakes = gated(Step::bake(MINUTE));
    let nobody = "heard the gate of step 2 waits for nobody's approval; promote it to open it";
    assert_eq!(give(&mut bakes, "ann", step(1)), nobody);
}

#[test]
fn another_try_has_all_its_time_and_what_failed_is_forgiven() {
    let mut stage = Stage::rolling(Strategy::rolling());
    assert_eq!(give(&mut stage, "ann", What::Retry), "heard nothing needs a decision, it goes on by itself");
    stage.launch(2, "d");
    let failed = Charge {
        group: super::kit::group(2),
        instance: Some(super::kit::key("d")),
        incident: None,
        class: FailureClass::Image,
        what: "x".into(),
    };
    stage.note(|noted| noted.charged.push(failed));
    stage.retire(2, "d");
    stage.gone(2, "d");
    let seen = look().group(1, 3, "a+ b+ c+").group(2, 0, "");
    let back = "moved back to 0001 until +3630s: its first instance failed: as noted before";
    row("it has failed", &stage, &seen, back);
    needs(&mut stage, Need::StuckLeaving { why: "it is protected".into() });
    assert_eq!(give(&mut stage, "ann", What::Retry), format!("{HEARD}moved step 0 until +1230s"));
    row("and is tried again", &stage, &seen, "owed 7 raise 0002.0 0 to 1");
    for (name, phase) in phases(&stage) {
        let mut stage = Stage::rolling(Strategy::rolling());
        if name == "reverting" || name == "finishing" {
            stage.moved(phase);
        }
        needs(&mut stage, Need::RollbackDeadline { why: "one is protected".into() });
        let to = match name {
            "reverting" => "back to 0001 until +3630s: no progress within the deadline",
            "finishing" => "finishing forward until +3630s",
            _ => "step 0 until +1230s",
        };
        assert_eq!(give(&mut stage, "ann", What::Retry), format!("{HEARD}moved {to}"), "{name}");
    }
    let mut kept =
        Stage::rolling(Strategy::new([Step::scale_beside(Percent::new(100).unwrap())]).max_surge(3).keep_old(5 * MINUTE));
    kept.moved(Phase::Finishing { ending: Ending::Keep, give_up_at: kept.now + MINUTE });
    needs(&mut kept, Need::StuckLeaving { why: "it is protected".into() });
    assert_eq!(give(&mut kept, "ann", What::Retry), format!("{HEARD}moved finishing and keeping until +330s"));
    let mut gate = gated(Approve::by(["ann"]).within(MINUTE));
    needs(&mut gate, Need::Gate { step: StepIx(1), why: "x".into() });
    assert_eq!(give(&mut gate, "ann", What::Retry), format!("{HEARD}moved gate 1 until +90s"));
}

#[test]
fn across_what_cannot_be_undone_it_asks_first() {
    let mut stage = Stage::irreversible("schema 12");
    let digest = stage.state.rollout().unwrap().plan.to().digest;
    row(
        "before anything was launched there is a way",
        &stage,
        &seen_fresh().revoked_as(digest),
        "moved back to 0001 until +3630s: the release was revoked: it leaks",
    );
    stage.launch(2, "d");
    let look = look().group(1, 3, "a+ b+ c+").group(2, 1, "d:");
    let asks = "moved held: going back is not possible (schema 12), and there is cause to: the release was revoked: it leaks";
    row("then it asks", &stage, &look.clone().revoked_as(digest), asks);
    let said = "waiting for the first instance to be ready (boot deadline in 10m); rollback now would be impossible: there is no way back from it, schema 12";
    tells("and says so all along", &stage, &look, said, "+630s");
    let asks = "moved held: going back is not possible (schema 12), and there is cause to: asked for";
    let mut paused = stage.clone();
    give(&mut paused, "ann", What::Pause);
    let resume = "heard there is no way back, schema 12; to go back all the same resume it first, ann has paused it";
    assert_eq!(give(&mut paused, "bob", What::Abort(AbortTo::Back)), resume);
    assert_eq!(give(&mut stage, "ann", What::Abort(AbortTo::Back)), format!("{HEARD}{asks}"));
    let mut onward = stage.clone();
    assert_eq!(give(&mut onward, "ann", What::Retry), format!("{HEARD}moved step 0 until +1230s"));
    assert_eq!(give(&mut stage, "ann", What::Abort(AbortTo::Back)), format!("{HEARD}moved back to 0001 until +3630s: asked for"));
}

fn seen_fresh() -> super::sight::Look {
    look().group(1, 3, "a+ b+ c+").group(2, 0, "")
}

#[test]
fn while_the_old_is_kept_there_is_a_way_back() {
    let mut stage = Stage::rolling(Strategy::rolling());
    stage.moved(Phase::Finishing { ending: Ending::Keep, give_up_at: stage.now + MINUTE });
    assert_eq!(
        give(&mut stage.clone(), "ann", What::Abort(AbortTo::Back)),
        format!("{HEARD}moved back to 0001 until +3630s: asked for")
    );
    assert_eq!(
        give(&mut stage.clone(), "ann", What::Abort(AbortTo::Mixed)),
        format!("{HEARD}moved finishing mixed until +3630s")
    );
    give(&mut stage, "ann", What::Pause);
    stage.pass(30);
    let paused = "heard ann has paused it; resume it first";
    assert_eq!(give(&mut stage, "bob", What::Promote(StepIx(1))), paused);
    assert_eq!(give(&mut stage, "ann", What::Resume), format!("{HEARD}moved finishing and keeping until +120s"));
    let last = "heard it is about the gate of step 1; the old are kept, which is step 2";
    assert_eq!(give(&mut stage, "ann", What::Promote(StepIx(0))), last);
    assert_eq!(give(&mut stage, "ann", What::Promote(StepIx(1))), format!("{HEARD}moved finishing forward until +3660s"));
}

#[test]
fn about_another_rollout_or_none() {
    let stage = Stage::rolling(Strategy::rolling());
    let said_of = |stage: &Stage, about| asked(stage, about, AbortTo::Back).iter().map(said).collect::<Vec<_>>().join("; ");
    assert_eq!(said_of(&stage, 1), "heard it is about rollout 1, rollout 2 runs");
    let idle = Stage::proven_of(Stage::fleet(3), Strategy::rolling());
    assert_eq!(said_of(&idle, 1), "heard no rollout runs");
}

#[test]
fn a_command_survives_json_and_is_known_by_what_it_says() {
    let what = What::Abort(AbortTo::Mixed);
    let command = Command { id: CommandId::of("x"), by: Actor::new("sam"), about: RolloutId(3), what };
    let json = serde_json::to_string(&command).unwrap();
    assert_eq!(json, r#"{"id":"2d711642b726b04401627ca9fbac32f5","by":"sam","about":3,"what":{"abort":"mixed"}}"#);
    assert_eq!(serde_json::from_str::<Command>(&json).unwrap(), command);
    assert_ne!(CommandId::of("x"), CommandId::of("y"));
    assert_eq!(command.id.as_bytes()[..4], [0x2d, 0x71, 0x16, 0x42]);
    for wrong in ["\"\"", "\"2d71\"", "\"+d711642b726b04401627ca9fbac32f5\"", "\"zd711642b726b04401627ca9fbac32f5\""] {
        let error = serde_json::from_str::<CommandId>(wrong).unwrap_err().to_string();
        assert!(error.contains("32 hexadecimal digits"), "{wrong}: {error}");
    }
}

#[test]
fn nobody_goes_back_across_a_mark_unasked() {
    let mut stage = Stage::irreversible("schema 12");
    stage.ready(2, "d");
    let stepping = stage.state.rollout().unwrap().phase.clone();
    let held = |why: Hold| Phase::Held { why, resume: Box::new(stepping.clone()), since: stage.now };
    let mut asked = stage.clone();
    asked.moved(held(Hold::Needs(Need::ProviderSilent)));
    let asks = "heard and carried out; moved held: going back is not possible (schema 12), and there is cause to: asked for";
    assert_eq!(
        give(&mut asked, "sam", What::Abort(AbortTo::Back)),
        asks,
        "who is asked about something else is asked about this"
    );
    let back = format!("{HEARD}moved back to 0001 until +3640s: asked for");
    assert_eq!(give(&mut asked, "sam", What::Abort(AbortTo::Back)), back, "once");
    let mut deleted = stage.clone();
    deleted.moved(held(paused()));
    deleted.note(|noted| drop(noted.gone.insert(group(2), vec![key("d")])));
    deleted.note(|noted| noted.absent.push(GenerationId(2)));
    deleted.moved(stepping.clone());
    let because =
        "moved held: going back is not possible (schema 12), and there is cause to: generation 0002 was deleted by someone else";
    row("what was launched and deleted was launched", &deleted, &look().group(1, 3, "a+ b+ c+"), because);
}

#[test]
fn what_others_launched_may_have_done_what_cannot_be_undone() {
    let stage = Stage::irreversible("schema 12");
    let digest = stage.state.rollout().unwrap().plan.to().digest;
    let revoked = |look: super::sight::Look| look.revoked_as(digest);
    let asks = "moved held: going back is not possible (schema 12), and there is cause to: the release was revoked: it leaks";
    let mut asked = stage.clone();
    asked.note(|noted| _ = noted.sizes.insert(group(2), 1));
    row("one may be coming", &asked, &revoked(look().group(1, 3, "a+ b+ c+").group(2, 1, "")), asks);
    let mut came = stage;
    came.appear(2, "d");
    came.gone(2, "d");
    row("one was there", &came, &revoked(seen_fresh()), asks);
}

/// What was seen during a pause was not seen after it.
#[test]
fn who_came_during_a_pause_boots_from_its_end_on_and_may_be_gone_by_then() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
    stage.owe(super::kit::raise(2, 0, 1));
    stage.settle(super::kit::done(1));
    give(&mut stage, "ann", What::Pause);
    stage.pass(100);
    stage.appear(2, "d");
    stage.pass(10);
    give(&mut stage, "ann", What::Resume);
    assert_eq!(stage.state.slots(group(2)).unwrap().members[&key("d")].seen, stage.now);
    stage.pass(1);
    let gone = "noted gone 0002.0 d charged 0002.0 d unknown\nmoved back to 0001 until +3741s: its first instance failed: it was gone before it was \
                healthy";
    row("it has gone", &stage, &look().group(1, 3, "a+ b+ c+").group(2, 1, ""), gone);
}

#[test]
fn who_is_asked_is_told_once_also_of_what_cannot_be_seen() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
    let says = |stage: &Stage| Explanation::of(&stage.state, Err("the network is down".into()), stage.now).to_string();
    assert!(says(&stage).contains("\n  what it waits for is not known: the network is down\n"), "{}", says(&stage));
    let resume = Box::new(stage.state.rollout().unwrap().phase.clone());
    stage.moved(Phase::Held { why: Hold::Needs(Need::StuckLeaving { why: "it is protected".into() }), resume, since: stage.now });
    let said = says(&stage);
    assert!(said.contains("\n  and it cannot be seen now: the network is down\n") && !said.contains("is not known"), "{said}");
}
