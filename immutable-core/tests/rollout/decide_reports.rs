//! What `decide` says of itself: what is waited for, which number or time would unblock it, and when it looks again.

use immutable_core::ErrorKind;
use immutable_core::error::Retry;
use immutable_core::fleet::{FailureClass, GenerationId, Split, TargetState, Ticket, Upkeep};
use immutable_core::id::StepIx;
use immutable_core::rollout::{
    Call, Counts, Ending, Event, Hold, Need, OnFirstFailure, OpResult, Phase, Refused, RevertCause, StepState, Strategy,
};

use super::kit::{MINUTE, Stage, done, give_up, group, in_two_steps, keys, lower, raise, route, upkeep};
use super::sight::{Look, look, row, tells};

fn surge(instances: u32) -> Strategy {
    Strategy::rolling().max_surge(instances)
}

fn old_and(new: &str, size: u32) -> Look {
    look().group(1, 3, "a+ b+ c+").group(2, size, new)
}

#[test]
fn of_a_probe() {
    let mut stage = Stage::rolling(surge(1));
    tells("it is launched", &stage, &old_and("", 0), "going on to acmeinc/web 1.1.0; rollback now would be instant", "+1230s");
    stage.owe(raise(2, 0, 1));
    tells(
        "asked for",
        &stage,
        &old_and("", 0),
        "waiting for the first instance to be launched, the provider's answer to call 5; rollback now would be instant",
        "+90s",
    );
    stage.settle(done(1));
    tells(
        "promised",
        &stage,
        &old_and("", 1),
        "waiting for the first instance to be launched; rollback now would be instant",
        "+630s",
    );
    stage.appear(2, "d");
    stage.pass(100);
    tells(
        "it boots",
        &stage,
        &old_and("d:", 1),
        "waiting for the first instance to be ready (boot deadline in 8m 20s); rollback now would be instant",
        "+630s",
    );
    stage.healthy(2, "d");
    stage.pass(4);
    tells(
        "it is healthy, and not for long enough",
        &stage,
        &old_and("d+", 1),
        "waiting for the first instance to have been healthy for long enough; rollback now would be instant",
        "+140s",
    );
    tells(
        "nothing is known of its health now",
        &stage,
        &old_and("d?", 1),
        "waiting for the first instance to have been healthy for long enough; rollback now would be instant",
        "+1230s",
    );
    let full = Stage::rolling(Strategy::rolling().max_surge(0).max_unavailable(1));
    let more = look().group(1, 4, "a+ b+ c= z=").group(2, 0, "");
    tells(
        "there is no room",
        &full,
        &more,
        "waiting for the first instance to be launched, room: 4 of at most 3 exist; somebody else has changed it: group 0001.0 has size 4, not 3; rollback now would be partial, 2 of 3 still run",
        "+1230s",
    );
    let mut refused = Stage::rolling(surge(1));
    refused.launch(2, "d");
    refused.gone(2, "d");
    tells(
        "it has had its tries",
        &refused,
        &old_and("", 1),
        "waiting for the first instance to be launched; rollback now would be instant",
        "+630s",
    );
}

#[test]
fn of_a_step() {
    let mut stage = Stage::rolling(surge(1));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    stage.retire(1, "a");
    stage.pass(1);
    let leaving = look().group(1, 2, "a< b+ c+").group(2, 1, "d+");
    tells(
        "one is leaving, and that is what keeps the next from coming",
        &stage,
        &leaving,
        "waiting for room: 4 of at most 4 exist, 2 of 3 to be ready; rollback now would be partial, 2 of 3 still run",
        "+940s",
    );
    stage.gone(1, "a");
    stage.launch(2, "e");
    stage.pass(5);
    let booting = || look().group(1, 2, "b+ c+").group(2, 2, "d+ e:");
    tells(
        "one boots",
        &stage,
        &booting(),
        "waiting for 2 of 3 to be ready (e, boot deadline in 9m 55s); rollback now would be partial, 2 of 3 still run",
        "+641s",
    );
    tells(
        "the old is not seen",
        &stage,
        &look().group(1, 2, "b+").partly().group(2, 2, "d+ e:"),
        "waiting for a whole view (of group 0001.0: a page failed), 2 of 3 to be ready (e, boot deadline in 9m 55s); rollback now would be partial, 1 of 3 still run",
        "+641s",
    );
    stage.healthy(2, "e");
    stage.pass(3);
    tells(
        "one is healthy, and not for long enough",
        &stage,
        &look().group(1, 2, "b+ c+").group(2, 2, "d+ e+"),
        "waiting for 2 of 3 to be ready; rollback now would be partial, 2 of 3 still run",
        "+56s",
    );
    let mut lost = stage.clone();
    lost.gone(2, "e");
    lost.owe(give_up(2, 2, 1));
    lost.settle(done(1));
    lost.pass(1);
    tells(
        "nobody knows it",
        &lost,
        &look().group(1, 2, "b+ c+").group(2, 1, "d+").unheard("1.1.0"),
        "waiting for the registry's word on the release, 2 of 3 to be ready; rollback now would be partial, 2 of 3 still run",
        "+1240s",
    );
    tells(
        "the view is in part",
        &lost,
        &look().group(1, 2, "b+ c+").partly().group(2, 1, "d+"),
        "waiting for a whole view (of group 0001.0: a page failed), 2 of 3 to be ready; rollback now would be partial, 2 of 3 still run",
        "+1240s",
    );
    tells(
        "somebody took the room",
        &lost,
        &look().group(1, 2, "b+ c+").group(2, 1, "d+ f= g="),
        "waiting for 2 of 3 to be ready; rollback now would be partial, 2 of 3 still run",
        "+1240s",
    );
    let both = || look().group(1, 2, "b+ c+").group(2, 1, "d+");
    tells(
        "it goes on",
        &lost,
        &both(),
        "going on to acmeinc/web 1.1.0; rollback now would be partial, 2 of 3 still run",
        "+1240s",
    );
    lost.owe(raise(2, 1, 2));
    tells(
        "a call",
        &lost,
        &both(),
        "waiting for 2 of 3 to be ready, the provider's answer to call 9; rollback now would be partial, 2 of 3 still run",
        "+110s",
    );
    let mut accepted = lost.clone();
    accepted.settle(OpResult::Accepted { ticket: Ticket("t".into()), echo_until: None });
    let mut echo = lost.clone();
    lost.pass(60);
    accepted.pass(60);
    tells(
        "a call that was accepted",
        &accepted,
        &both(),
        "waiting for 2 of 3 to be ready, the provider's answer to call 9; rollback now would be partial, 2 of 3 still run",
        "+1240s",
    );
    let echo_until = Some(echo.now + MINUTE);
    echo.settle(OpResult::Done { size: Some(2), refused: Vec::new(), echo_until, removed: None });
    tells(
        "a copy of a call may arrive, and nothing was refused",
        &echo,
        &look().group(1, 2, "b+ c+").group(2, 2, "d+"),
        "waiting for 2 of 3 to be ready; rollback now would be partial, 2 of 3 still run",
        "+110s",
    );
    tells(
        "a call that stands",
        &lost,
        &both(),
        "waiting for 2 of 3 to be ready, the provider's answer to call 9; rollback now would be partial, 2 of 3 still run",
        "+1240s",
    );
    tells(
        "a call that may stand",
        &lost,
        &both().unheard("1.1.0").in_flight(8),
        "waiting for the registry's word on the release, 2 of 3 to be ready, the provider's answer to call 9; rollback now would be partial, 2 of 3 still run",
        "+1240s",
    );
    let why = Refused {
        kind: immutable_core::ErrorKind::Throttled,
        retry: immutable_core::error::Retry::After(MINUTE),
        what: "too many".into(),
        found: None,
        echo_until: None,
    };
    lost.settle(OpResult::Failed(why));
    tells(
        "the provider refuses calls",
        &lost,
        &both(),
        "waiting for 2 of 3 to be ready, the provider to take calls again (in 1m); rollback now would be partial, 2 of 3 still run",
        "+170s",
    );
    lost.pass(60);
    tells(
        "and would take them again",
        &lost,
        &both().unheard("1.1.0"),
        "waiting for the registry's word on the release, 2 of 3 to be ready; rollback now would be partial, 2 of 3 still run",
        "+1240s",
    );
    tells(
        "and takes them again",
        &lost,
        &both(),
        "going on to acmeinc/web 1.1.0; rollback now would be partial, 2 of 3 still run",
        "+1240s",
    );
}

#[test]
fn of_who_leaves() {
    let mut half = Stage::rolling(in_two_steps(&surge(1)));
    half.ready(2, "d");
    half.retire(1, "a");
    half.gone(1, "a");
    half.ready(2, "e");
    half.note(|noted| noted.progress = Some(2));
    tells(
        "a step that leaves one",
        &half,
        &look().group(1, 2, "b= c=").group(2, 2, "d+ e+"),
        "waiting for 1 to leave; rollback now would be by launching it again",
        "+950s",
    );
    let mut last = Stage::rolling(surge(1));
    for (new, old) in [("d", "a"), ("e", "b"), ("f", "c")] {
        last.ready(2, new);
        last.retire(1, old);
        last.gone(1, old);
    }
    last.note(|noted| noted.progress = Some(3));
    last.owe(Call::Upkeep(GenerationId(2), Upkeep::default()));
    tells(
        "all have left",
        &last,
        &look().group(1, 0, "").group(2, 3, "d+ e+ f+"),
        "waiting for the provider's answer to call 11; rollback now would be by launching it again",
        "+120s",
    );
    let mut emptied = Stage::proven_of(Stage::fleet(2), surge(1));
    emptied.fleet = Stage::fleet(0);
    emptied.strategy = Strategy::rolling();
    emptied.open("1.1.0");
    emptied.claim();
    emptied.make(2);
    emptied.step();
    emptied.retire(1, "a b");
    tells(
        "an emptied fleet, of which nobody is tried",
        &emptied,
        &look().group(1, 0, "a< b<").group(2, 0, ""),
        "waiting for 2 to leave; rollback now would be instant",
        "+930s",
    );
}

#[test]
fn of_what_does_not_come() {
    let mut stage = Stage::rolling(surge(2));
    stage.ready(2, "d");
    stage.owe(raise(2, 1, 3));
    stage.settle(done(3));
    stage.note(|noted| noted.progress = Some(1));
    stage.retire(1, "a");
    stage.pass(300);
    let short = || look().group(1, 2, "a< b= c=").group(2, 3, "d+").incident("i", 2, None, FailureClass::Capacity);
    tells(
        "there are none to give",
        &stage,
        &short(),
        "waiting for capacity: 2 asked for did not come, 2 of 3 to be ready; rollback now would be by launching it again",
        "+640s",
    );
    stage.note(|noted| drop(noted.unhealthy.insert(group(1), keys("b c").into_iter().collect())));
    stage.pass(1);
    tells(
        "everything lost its health",
        &stage,
        &look().group(1, 2, "a< b- c-").group(2, 3, "d-"),
        "waiting for 3 of 3 to be ready, the health of the whole fleet, old and new; rollback now would be by launching it again",
        "+640s",
    );
}

#[test]
fn of_the_floor() {
    let mut stage = Stage::rolling(surge(2));
    stage.ready(2, "d e");
    stage.note(|noted| noted.progress = Some(2));
    stage.launch(2, "f");
    let doubt = look().group(1, 3, "a= b+ c=").group(2, 3, "d+ e+ f?");
    tells(
        "nobody more may leave",
        &stage,
        &doubt,
        "waiting for 1 of 3 to be ready (f, boot deadline in 10m); rollback now would be partial, 1 of 3 still run",
        "+640s",
    );
    let more = look().group(1, 3, "a= b+ c=").group(2, 3, "d+ e+ f+");
    tells(
        "as it gets ready",
        &stage,
        &more,
        "waiting for 1 of 3 to be ready; rollback now would be partial, 1 of 3 still run",
        "+50s",
    );
}

#[test]
fn of_going_back() {
    let mut stage = Stage::rolling(surge(1));
    stage.ready(2, "d");
    stage.retire(1, "a");
    stage.gone(1, "a");
    let at = StepState::Moving { give_up_at: stage.now + 60 * MINUTE };
    stage.moved(Phase::Reverting { why: RevertCause::Asked, to: GenerationId(1), at });
    let short = || look().group(1, 2, "b+ c+").group(2, 1, "d+");
    tells("it goes", &stage, &short(), "going back to acmeinc/web 1.0.0 (asked for)", "+3640s");
    stage.owe(raise(1, 2, 3));
    tells(
        "it waits",
        &stage,
        &short(),
        "going back to acmeinc/web 1.0.0, waiting for 1 of 3 to be ready, the provider's answer to call 7",
        "+100s",
    );
    let mut back = Stage::rolling(surge(1));
    back.ready(2, "d");
    back.moved(Phase::Finishing { ending: Ending::Back { to: GenerationId(1) }, give_up_at: back.now + MINUTE });
    tells(
        "what is left over",
        &back,
        &look().group(1, 3, "a+ b+ c+").group(2, 0, "d<"),
        "going back to acmeinc/web 1.0.0, waiting for 1 to leave",
        "+100s",
    );
}

#[test]
fn of_what_is_over_or_held_or_has_not_begun() {
    let idle = Stage::proven_of(Stage::fleet(3), surge(1));
    tells(
        "no rollout",
        &idle,
        &look().group(1, 3, "a+ b+ c+"),
        "finishing; rollback now would be impossible: no release is proven",
        "never",
    );
    let mut preparing = idle.clone();
    preparing.open("1.1.0");
    preparing.claim();
    tells(
        "to be made",
        &preparing,
        &look().group(1, 3, "a+ b+ c+"),
        "going on to acmeinc/web 1.1.0; rollback now would be instant",
        "+1230s",
    );
    let mut held = Stage::rolling(surge(1));
    let resume = Box::new(held.state.rollout().unwrap().phase.clone());
    held.moved(Phase::Held { why: Hold::Needs(Need::StuckLeaving { why: "it is protected".into() }), resume, since: held.now });
    tells(
        "a person",
        &held,
        &old_and("", 0),
        "waiting for a person: what should be removed does not go: it is protected; rollback now would be instant",
        "never",
    );
    let mut first = Stage::first(Stage::fleet(2), surge(1).on_first_failure(OnFirstFailure::TearDown));
    first.launch(1, "a");
    tells(
        "a first release",
        &first,
        &look().group(1, 1, "a:"),
        "waiting for the first instance to be ready (boot deadline in 10m); rollback now would be impossible: no release is proven",
        "+600s",
    );
    let mut done_ = Stage::rolling(surge(1));
    done_.owe(Call::Upkeep(GenerationId(2), Upkeep::default()));
    let waits = "waiting for the first instance to be launched, the provider's answer to call 5; rollback now would be";
    tells("a revoked baseline that runs", &done_, &old_and("", 0).revoked("1.0.0"), &format!("{waits} instant"), "+90s");
    let lost = look().group(1, 2, "a+ b+").group(2, 0, "").revoked("1.0.0");
    let waits = waits.replace("; ", "; somebody else has changed it: group 0001.0 has size 2, not 3; ");
    let impossible = format!("{waits} impossible: of the proven release, it was revoked: it leaks");
    tells("one of which a part is gone", &done_, &lost, &impossible, "+90s");
    done_.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: done_.now + MINUTE });
    tells(
        "left mixed",
        &done_,
        &old_and("", 0),
        "waiting for the provider's answer to call 5; rollback now would be instant",
        "+90s",
    );
    let mut partly = Stage::rolling(surge(3));
    partly.ready(2, "d e");
    partly.owe(lower(1, 3, "a"));
    tells(
        "part of it runs",
        &partly,
        &look().group(1, 3, "a+ b+ c-").group(2, 2, "d+ e+"),
        "waiting for 1 of 3 to be ready, the provider's answer to call 6; rollback now would be partial, 1 of 3 still run",
        "+100s",
    );
    tells(
        "none of it runs",
        &partly,
        &look().group(1, 3, "a- b- c-").group(2, 2, "d+ e+"),
        "waiting for 1 of 3 to be ready, the provider's answer to call 6; rollback now would be by launching it again",
        "+100s",
    );
}

#[test]
fn of_those_that_boot_the_first_to_be_late() {
    for (first, second) in [("e", "f"), ("f", "e")] {
        let mut stage = Stage::rolling(surge(3));
        stage.ready(2, "d");
        stage.note(|noted| noted.progress = Some(1));
        stage.launch(2, first);
        stage.pass(5);
        stage.launch(2, second);
        let report = format!(
            "waiting for 2 of 3 to be ready ({first}, boot deadline in 9m 55s); rollback now would be partial, 2 of 3 still run"
        );
        tells("two boot", &stage, &look().group(1, 3, "a= b+ c+").group(2, 3, "d+ e: f:"), &report, "+640s");
    }
    let mut stage = Stage::rolling(surge(3));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    stage.launch(2, "e f");
    let report = "waiting for 2 of 3 to be ready (e, boot deadline in 10m); rollback now would be partial, 2 of 3 still run";
    tells("of equals the first", &stage, &look().group(1, 3, "a= b+ c+").group(2, 3, "d+ e: f:"), report, "+640s");
}

#[test]
fn in_numbers() {
    let mut stage = Stage::rolling(surge(2));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    stage.launch(2, "e");
    stage.retire(1, "a");
    stage.owe(raise(2, 2, 3));
    let report = look().group(1, 2, "a< b+ c*").group(2, 2, "d+ e:").decide(&stage).report;
    let counts = Counts { launched: 3, ready: 1, goal: 3, leaving: 3, available: 3, live: 6 };
    assert_eq!((report.counts, report.budget.floor, report.budget.ceiling), (counts, 3, 5));
}

#[test]
fn of_the_health_of_everything() {
    let lost = |stage: &Stage, look: &Look| look.decide(stage).report.to_string().contains("the health of the whole fleet");
    let mut both = Stage::rolling(surge(3));
    both.ready(2, "d e f");
    both.note(|noted| noted.progress = Some(3));
    both.note(|noted| drop(noted.unhealthy.insert(group(1), keys("a b c").into_iter().collect())));
    both.pass(1);
    let old = || look().group(1, 3, "a- b- c-");
    for (new, told) in [("", true), ("d-", true), ("d+", false), ("d:", true)] {
        assert_eq!(lost(&both, &old().group(2, 3, new).partly()), told, "the old fell, and of the new is seen {new:?}");
    }
    let mut fresh = both.clone();
    fresh.gone(2, "d e f");
    fresh.appear(2, "g h i");
    assert!(!lost(&fresh, &old().group(2, 3, "g: h:").partly()), "the old fell, and of the new nobody ever was well");

    let mut alone = both.clone();
    alone.gone(1, "a b c");
    for (new, told) in [("d? e? f?", true), ("d? e? f+", false)] {
        assert!(!lost(&both, &look().group(1, 3, "a+ b+ c+").group(2, 3, new)), "the old are well, {new}");
        assert_eq!(lost(&alone, &look().group(1, 0, "").group(2, 3, new)), told, "the old have left, {new}");
    }
    alone.gone(2, "e f");
    assert!(!lost(&alone, &look().group(1, 0, "").group(2, 3, "d?").busy()), "one tells nothing of everything");

    // The old have left, and none of those that were well is there any more.
    let alone = |mut stage: Stage, generation: u32| {
        stage.appear(generation, "g h i");
        stage
    };
    let mut worked = both.clone();
    worked.gone(1, "a b c");
    worked.gone(2, "d e f");
    let worked = alone(worked, 2);
    let new = |names: &str| look().group(1, 0, "").group(2, 3, names);
    for (names, told) in [("g- h- i-", true), ("g- h- i:", true), ("g- h: i:", false), ("g- h- i+", false), ("g: h: i:", false)] {
        assert_eq!(lost(&worked, &new(names)), told, "{names}");
    }
    for (names, told) in [("g-", true), ("g:", false), ("g+", false), ("", false)] {
        assert_eq!(lost(&worked, &new(names).partly()), told, "{names}, and more that are not seen");
    }
    let first = Stage::first(Stage::fleet(3), surge(1));
    let first = alone(first, 1);
    assert!(!lost(&first, &look().group(1, 3, "g- h- i-")), "it never worked");
}

#[test]
fn a_pool_that_refuses_is_named_with_its_words() {
    let mut stage = Stage::routed(3, Strategy::blue_green(), Split::Binary);
    stage.ready(2, "d e f");
    stage.note(|noted| noted.progress = Some(3));
    stage.owe(route(&[(1, 1), (2, 0)]));
    stage.settle(done(None));
    stage.pass(20);
    stage.moved(Phase::Stepping { step: StepIx(1), at: StepState::Moving { give_up_at: stage.now + 20 * MINUTE } });
    stage.note(|noted| noted.progress = Some(3));
    stage.owe(route(&[(1, 0), (2, 1)]));
    let (kind, retry) = (ErrorKind::Denied, Retry::Never);
    stage.settle(OpResult::Failed(Refused { kind, retry, what: "not allowed".into(), found: None, echo_until: None }));
    let both = look().group(1, 3, "a+ b+ c+").group(2, 3, "d+ e+ f+").pool(&[(1, 1), (2, 0)]);
    let waits = "waiting for the pool to take its route (again in 1s; it said: not allowed), its share of the traffic; rollback now would be instant";
    tells("while it is tried", &stage, &both, waits, "+81s");
    let mut done_since = stage.clone();
    done_since.pass(20 * 60);
    let there = look().group(1, 3, "a+ b+ c+").group(2, 3, "d+ e+ f+").pool(&[(1, 0), (2, 1)]);
    let said = there.says_decide(&done_since);
    assert!(!said.contains("refuses"), "somebody else has set it: {said}");
    stage.pass(20 * 60);
    row("at the deadline", &stage, &both, "moved held: the pool refuses its route: not allowed");
}

#[test]
fn all_who_finish_their_requests_are_counted() {
    let mut stage = Stage::routed(3, Strategy::blue_green(), Split::Binary);
    stage.ready(2, "d e f");
    stage.note(|noted| noted.progress = Some(3));
    stage.owe(route(&[(2, 1)]));
    stage.settle(done(None));
    stage.pass(20);
    stage.owe(upkeep(2));
    stage.settle(done(None));
    stage.moved(Phase::Stepping { step: StepIx(1), at: StepState::Moving { give_up_at: stage.now + 20 * MINUTE } });
    stage.note(|noted| noted.progress = Some(3));
    stage.apply(Event::Proven { generation: GenerationId(2), instances: 3, evidence: immutable_core::Digest::of(b"") });
    stage.moved(Phase::Finishing { ending: Ending::Forward, give_up_at: stage.now + 60 * MINUTE });
    let old = look().group(1, 3, "a+ b+ c+").group(2, 3, "d+ e+ f+").pool(&[(2, 1)]);
    let waits = "waiting for 3 to finish their requests (at most 4m 40s), 3 to leave; rollback now would be instant";
    tells("detached with their generation", &stage, &old.targets("a b c", TargetState::Draining), waits, "+360s");
}

#[test]
fn of_what_is_not_wholly_seen() {
    let mut stage = Stage::rolling(surge(1));
    stage.moved(Phase::Finishing { ending: Ending::Nothing, give_up_at: stage.now + 60 * MINUTE });
    let end = look().group(1, 3, "a+ b+ c+").group(2, 0, "");
    let instant = "; rollback now would be instant";
    let why = "waiting for a whole view (of group 0002.0: a page failed)";
    tells("it is not over", &stage, &end.clone().partly(), &format!("{why}{instant}"), "+3630s");
    let why = "waiting for a whole view (of group 0002.0: it is seen in part, or from before the last call)";
    tells("nor if it is known what was there", &stage, &end.partly().earlier(2, 0), &format!("{why}{instant}"), "+3630s");
    let booting = look().group(1, 3, "a+ b+ c+").group(2, 1, "d:").partly();
    let mut stage = Stage::rolling(surge(1));
    stage.launch(2, "d");
    let why = "waiting for the first instance to be ready (boot deadline in 10m)";
    tells("what else is waited for is said, and not that", &stage, &booting, &format!("{why}{instant}"), "+630s");
}
