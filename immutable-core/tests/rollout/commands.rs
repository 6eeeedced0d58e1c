//! `command`: abort, in every phase, to every end; what is refused, and with which words.

use immutable_core::fleet::GenerationId;
use immutable_core::id::{Actor, RolloutId, StepIx, StreamVersion};
use immutable_core::rollout::{
    AbortTo, Command, CommandId, Ending, Event, Hold, Need, Phase, RevertCause, StepState, Strategy, What, command,
};

use super::kit::{MINUTE, Stage};
use super::sight::said;

fn asked(stage: &Stage, about: u32, to: AbortTo) -> Vec<Event> {
    let command_ = Command { id: CommandId::of("x"), by: Actor::new("sam"), about: RolloutId(about), what: What::Abort(to) };
    command(&stage.state, &command_, StreamVersion(1), stage.now)
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
    let held = |resume: Phase| Phase::Held { why: Hold::Needs(Need::StuckLeaving), resume: Box::new(resume), since: stage.now };
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
