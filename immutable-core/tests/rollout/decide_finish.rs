//! `decide` over the end: upkeep, proof, removal, and calls that are judged again.

use immutable_core::ErrorKind;
use immutable_core::error::Retry;
use immutable_core::fleet::{GenerationId, Heals, Ticket, Upkeep};
use immutable_core::id::OpId;
use immutable_core::rollout::{Call, Ending, Event, OpResult, Outcome, Phase, Refused, RevertCause, StepState, Strategy, settle};

use super::kit::{MINUTE, Stage, done, give_up, in_two_steps, lower, raise, removed};
use super::sight::{Look, look, row};

/// Three of 1.1.0 are ready, generation 1 is empty.
fn replaced() -> Stage {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
    for (new, old) in [("d", "a"), ("e", "b"), ("f", "c")] {
        stage.ready(2, new);
        stage.retire(1, old);
        stage.gone(1, old);
    }
    stage.note(|noted| noted.progress = Some(3));
    stage
}

/// As [`replaced`], and the provider heals generation 2.
fn restored() -> Stage {
    let mut stage = replaced();
    stage.owe(Call::Upkeep(GenerationId(2), Upkeep::default()));
    stage.settle(done(None));
    stage
}

fn finishing() -> Stage {
    let mut stage = restored();
    stage.apply(after().decide(&stage).events[0].clone());
    let give_up_at = stage.now + 60 * MINUTE;
    stage.moved(Phase::Finishing { ending: Ending::Forward, give_up_at });
    stage
}

fn throttled() -> OpResult {
    OpResult::Failed(immutable_core::rollout::Refused {
        kind: immutable_core::ErrorKind::Throttled,
        retry: immutable_core::error::Retry::Backoff,
        what: "too many".into(),
        found: None,
        echo_until: None,
    })
}

fn after() -> Look {
    look().group(1, 0, "").group(2, 3, "d+ e+ f+")
}

#[test]
fn upkeep_then_proof_then_removal_then_the_end() {
    row("what the provider may do by itself is set", &replaced(), &after(), "owed 11 upkeep 0002 heal true");
    let mut owed = replaced();
    owed.owe(Call::Upkeep(GenerationId(2), Upkeep::default()));
    row("not proven while it is owed", &owed, &after(), "");
    owed.settle(throttled());
    row("nor when it was refused", &owed, &after(), "");
    owed.pass(60);
    row("asked for again", &owed, &after(), "owed 12 upkeep 0002 heal true");
    let mut never = replaced();
    never.heals = Heals::Never;
    let proven = "proven 0002 of 3\nmoved finishing forward until +3660s";
    row("where nothing is healed nothing is set", &never, &after(), proven);
    row("proven", &restored(), &after(), "proven 0002 of 3\nmoved finishing forward until +3660s");
    let mut stage = finishing();
    row("the old is removed", &stage, &after(), "owed 12 destroy 0001");
    stage.owe(Call::Destroy(GenerationId(1)));
    stage.settle(removed());
    row("not over until it is seen gone", &stage, &after(), "");
    row("over", &stage, &look().absent(1).group(2, 3, "d+ e+ f+"), "noted absent 0001\nended succeeded");
}

#[test]
fn a_step_that_is_not_the_last_leads_to_the_next() {
    let mut stage = Stage::rolling(in_two_steps(&Strategy::rolling().max_surge(1)));
    stage.ready(2, "d");
    stage.retire(1, "a");
    stage.gone(1, "a");
    stage.ready(2, "e");
    stage.note(|noted| noted.progress = Some(2));
    let half = |old: &str, size| look().group(1, size, old).group(2, 2, "d+ e+");
    row("of the old as many leave as it says", &stage, &half("b+ c+", 2), "owed 8 lower 0001.0 2 by b");
    stage.owe(lower(1, 2, "b"));
    row("it waits for them", &stage, &half("b+ c+", 2), "");
    stage.settle(done(1));
    row("though not until they are gone", &stage, &half("b< c+", 1), "moved step 1 until +1250s");
    row("nor for healing", &stage, &half("c+", 1), "noted gone 0001.0 b progress 2\nmoved step 1 until +1250s");
    row("all of its goal must be ready", &stage, &look().group(1, 1, "b< c+").group(2, 2, "d+ e?"), "");
    stage.gone(1, "b");
    stage
        .moved(Phase::Stepping { step: immutable_core::id::StepIx(1), at: StepState::Moving { give_up_at: stage.now + MINUTE } });
    row("then the rest", &stage, &half("c+", 1), "noted progress 2\nowed 9 raise 0002.0 2 to 3");
}

#[test]
fn proof_needs_whole_views_after_the_last_answer_of_everything_ready() {
    let stage = restored();
    for (what, look) in [
        ("the old in part", look().group(1, 0, "").partly().earlier(1, 0).group(2, 3, "d+ e+ f+")),
        ("the new in part", look().group(1, 0, "").group(2, 3, "d+ e+ f+").partly().earlier(2, 3)),
        ("from before the last answer", look().group(1, 0, "").group(2, 3, "d+ e+ f+").aged(1)),
        ("one of unknown health", look().group(1, 0, "").group(2, 3, "d+ e+ f?")),
        ("one held", look().group(1, 0, "").group(2, 3, "d+ e+ f=")),
        ("not everything", look().group(2, 3, "d+ e+ f+")),
    ] {
        row(what, &stage, &look, "");
    }
    let leaving = look().group(1, 0, "z<").group(2, 3, "d+ e+ f+");
    row("an old one still leaving", &stage, &leaving, "noted appeared 0001.0 z");
    let more = look().group(1, 0, "").group(2, 4, "d+ e+ f+ g+");
    row("one too many", &stage, &more, "noted appeared 0002.0 g healthy 0002.0 g size 0002.0 4\nowed 12 lower 0002.0 4 by g");
}

#[test]
fn nothing_is_removed_that_has_or_may_have_members() {
    let stage = finishing();
    for (what, look, decided) in [
        ("one that leaves", look().group(1, 0, "z<").group(2, 3, "d+ e+ f+"), "noted appeared 0001.0 z"),
        ("a size", look().group(1, 1, "").group(2, 3, "d+ e+ f+"), "noted size 0001.0 1\nowed 12 give up 0001.0 1 to 0"),
        ("seen in part", look().group(1, 0, "").partly().earlier(1, 0).group(2, 3, "d+ e+ f+"), ""),
        ("not seen", look().group(2, 3, "d+ e+ f+"), ""),
    ] {
        row(what, &stage, &look, decided);
    }
    let z = look().group(1, 1, "z+").group(2, 3, "d+ e+ f+");
    row(
        "somebody launched one: it is in doubt, and leaves",
        &stage,
        &z,
        "noted appeared 0001.0 z healthy 0001.0 z size 0001.0 1\nowed 12 lower 0001.0 1 by z",
    );
}

#[test]
fn what_is_proven_and_lost_while_the_rest_is_removed_asks() {
    let lost = |why: &str| format!("moved held: the proven release cannot be launched: {why}");
    let mut forward = finishing();
    let deleted = lost("generation 0002 was deleted by someone else");
    let gone = format!("noted gone 0002.0 d,e,f absent 0002\n{deleted}");
    row("the new", &forward, &look().group(1, 0, "").absent(2), &gone);
    row("it is revoked, and all of it runs", &forward, &after().revoked("1.1.0"), "owed 12 destroy 0001");
    let short = look().group(1, 0, "").group(2, 2, "d+ e+ fx").revoked("1.1.0");
    let revoked = format!("noted gone 0002.0 f size 0002.0 2\n{}", lost("it was revoked: it leaks"));
    row("it is revoked, and one is missing", &forward, &short, &revoked);
    forward.gone(2, "d e f");
    forward.note(|noted| noted.absent.push(GenerationId(2)));
    row("it was gone at the last look", &forward, &look().group(1, 0, ""), &deleted);

    let mut back = Stage::rolling(Strategy::rolling().max_surge(1));
    back.moved(Phase::Finishing { ending: Ending::Back { to: GenerationId(1) }, give_up_at: back.now + MINUTE });
    let deleted = lost("generation 0001 was deleted by someone else");
    let gone = format!("noted gone 0001.0 a,b,c absent 0001\n{deleted}");
    row("the baseline", &back, &look().absent(1).group(2, 0, ""), &gone);
}

#[test]
fn of_an_empty_fleet_nothing_is_proven_unless_one_was_tried() {
    let mut stage = Stage::first(Stage::fleet(0), Strategy::rolling());
    stage.owe(Call::Upkeep(GenerationId(1), Upkeep::default()));
    stage.settle(done(None));
    let empty = || look().group(1, 0, "");
    row("no proof", &stage, &empty(), "moved finishing forward until +3600s");
    stage.moved(Phase::Finishing { ending: Ending::Forward, give_up_at: stage.now + 60 * MINUTE });
    row("unexercised", &stage, &empty(), "ended unexercised: the fleet is empty, nothing is proven");

    let mut tried = Stage::first(Stage::fleet(0), Strategy::rolling().max_surge(1));
    tried.ready(1, "a");
    tried.note(|noted| noted.progress = Some(1));
    tried.owe(Call::Upkeep(GenerationId(1), Upkeep::default()));
    tried.settle(done(None));
    let one = || look().group(1, 1, "a+");
    row("one was tried", &tried, &one(), "proven 0001 of 1\nmoved finishing forward until +3610s");
    let proven = one().decide(&tried).events;
    proven.into_iter().for_each(|event| tried.apply(event));
    row("and leaves", &tried, &one(), "owed 4 lower 0001.0 1 by a");
    tried.retire(1, "a");
    row("then it is over", &tried, &look().group(1, 0, "ax"), "noted gone 0001.0 a\nended succeeded");
}

#[test]
fn the_way_back_ends_with_all_of_the_baseline_and_nothing_of_the_other() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    let at = StepState::Moving { give_up_at: stage.now + 60 * MINUTE };
    stage.moved(Phase::Reverting { why: RevertCause::Asked, to: GenerationId(1), at });
    let old = || look().group(1, 3, "a+ b+ c+");
    row("one of the other is there", &stage, &old().group(2, 1, "d="), "");
    stage.retire(2, "d");
    row("one is leaving", &stage, &old().group(2, 0, "d<"), "");
    stage.gone(2, "d");
    row("one of the baseline is not ready", &stage, &look().group(1, 3, "a+ b+ c?").group(2, 0, ""), "");
    let mut owed = stage.clone();
    owed.owe(Call::Upkeep(GenerationId(1), Upkeep::NONE));
    row("a call is owed", &owed, &old().group(2, 0, ""), "");
    owed.settle(done(None));
    row("it is not healed", &owed, &old().group(2, 0, ""), "owed 8 upkeep 0001 heal true");
    row("all is as it was", &stage, &old().group(2, 0, ""), "moved finishing back to 0001 until +3640s");
    stage.moved(Phase::Finishing { ending: Ending::Back { to: GenerationId(1) }, give_up_at: stage.now + 60 * MINUTE });
    row("the other is removed", &stage, &old().group(2, 0, ""), "owed 7 destroy 0002");
    row("it is gone already", &stage, &old().absent(2), "noted absent 0002\nproven 0001 of 3\nended rolled back");
    row("not over on a view in part", &stage, &look().group(1, 3, "a+ b+ c+").partly().absent(2), "noted absent 0002");
    let mut unhealed = stage.clone();
    unhealed.owe(Call::Upkeep(GenerationId(1), Upkeep::NONE));
    unhealed.settle(done(None));
    row("not over while it is not healed", &unhealed, &old().absent(2), "noted absent 0002\nowed 8 upkeep 0001 heal true");
}

#[test]
fn nothing_is_proven_of_an_empty_fleet_that_went_back() {
    let mut stage = Stage::proven_of(Stage::fleet(0), Strategy::rolling().max_surge(1));
    stage.open("1.1.0");
    stage.claim();
    stage.make(2);
    stage.step();
    stage.moved(Phase::Finishing { ending: Ending::Back { to: GenerationId(1) }, give_up_at: stage.now + MINUTE });
    row("over", &stage, &look().group(1, 0, "").absent(2), "noted absent 0002\nended rolled back");
}

#[test]
fn what_is_left_mixed_is_healed_and_nothing_of_it_is_removed() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    stage.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: stage.now + 60 * MINUTE });
    let both = || look().group(1, 3, "a+ b+ c+").group(2, 1, "d+");
    row("each is healed", &stage, &both(), "owed 6 upkeep 0002 heal true");
    stage.owe(Call::Upkeep(GenerationId(2), Upkeep::default()));
    row("not over while that is owed", &stage, &both(), "");
    let mut refused = stage.clone();
    refused.settle(throttled());
    row("nor when it was refused", &refused, &both(), "");
    stage.settle(done(None));
    row("over", &stage, &both(), "ended left mixed");
}

#[test]
fn what_was_refused_and_was_there_before_stays() {
    let mut stage = Stage::proven_of(Stage::fleet(3), Strategy::rolling().max_surge(1));
    stage.fleet = Stage::fleet(4);
    stage.open("1.0.0");
    stage.claim();
    stage.moved(Phase::Finishing { ending: Ending::Refused { why: "why".into() }, give_up_at: stage.now + MINUTE });
    row("all of it", &stage, &look().group(1, 3, "a+ b+ c+"), "ended refused: why");
}

#[test]
fn what_was_made_for_a_rollout_that_is_refused_is_removed() {
    let mut stage = Stage::proven_of(Stage::fleet(3), Strategy::rolling().max_surge(1));
    stage.open("1.1.0");
    stage.claim();
    stage.make(2);
    stage.moved(Phase::Finishing { ending: Ending::Refused { why: "why".into() }, give_up_at: stage.now + MINUTE });
    let old = || look().group(1, 3, "a+ b+ c+");
    row("it is there", &stage, &old().group(2, 0, ""), "owed 5 destroy 0002");
    row("over", &stage, &old().absent(2), "noted absent 0002\nended refused: why");
}

#[test]
fn what_was_there_before_a_first_release_stays_if_anybody_is_in_it() {
    let mut stage = Stage::first(Stage::fleet(3), Strategy::rolling().max_surge(1));
    stage.ready(1, "a");
    stage.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: stage.now });
    stage.apply(Event::Ended { outcome: Outcome::LeftMixed });
    stage.open("1.1.0");
    stage.claim();
    stage.make(2);
    stage.step();
    stage.moved(Phase::Finishing { ending: Ending::Nothing, give_up_at: stage.now + MINUTE });
    let one = || look().group(1, 1, "a+");
    row("the other goes", &stage, &one().group(2, 0, ""), "owed 4 destroy 0002");
    row("over", &stage, &one().absent(2), "noted absent 0002\nended torn down");
}

#[test]
fn with_a_first_release_goes_every_generation_that_is_empty() {
    let mut stage = Stage::first(Stage::fleet(3), Strategy::rolling().max_surge(1));
    stage.moved(Phase::Finishing { ending: Ending::Mixed, give_up_at: stage.now });
    stage.apply(Event::Ended { outcome: Outcome::LeftMixed });
    stage.open("1.1.0");
    stage.claim();
    stage.make(2);
    stage.step();
    stage.moved(Phase::Finishing { ending: Ending::Nothing, give_up_at: stage.now + MINUTE });
    let both = look().group(1, 0, "").group(2, 0, "");
    row("both", &stage, &both, "owed 3 destroy 0001\nowed 4 destroy 0002");
}

#[test]
fn an_old_raise_is_judged_again() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
    stage.owe(raise(2, 0, 1));
    let before = |seconds| {
        let mut stage = stage.clone();
        stage.pass(seconds);
        stage
    };
    let fresh = || look().group(1, 3, "a+ b+ c+").group(2, 0, "");
    row("young enough", &before(59), &fresh(), "");
    row("it stands", &before(60), &fresh(), "renewed 5 +90s");
    let above = || look().group(1, 4, "a+ b+ c+ z+").group(2, 0, "");
    let withdrawn = "settled 5 failed Stale found Some(0): withdrawn: it was decided on a view that no longer holds";
    row(
        "no room any more: withdrawn",
        &before(60),
        &above(),
        &format!("noted appeared 0001.0 z healthy 0001.0 z size 0001.0 4\n{withdrawn}\nowed 6 lower 0001.0 4 by z"),
    );
    let happened = look().group(1, 4, "a+ b+ c+ z+").group(2, 1, "d:");
    row(
        "no room, and it took effect",
        &before(60),
        &happened,
        "noted appeared 0001.0 z appeared 0002.0 d healthy 0001.0 z size 0001.0 4\nsettled 5 done Some(1)\nowed 6 lower 0001.0 4 by z",
    );
    let over = "noted appeared 0001.0 z healthy 0001.0 z size 0001.0 4\nowed 6 lower 0001.0 4 by z";
    row("no room, and under way", &before(60), &above().in_flight(5), over);
    row("no room, and the provider works, perhaps on this very call", &before(60), &above().busy(), over);
    row("in part", &before(60), &look().group(1, 3, "a+").partly().group(2, 0, ""), "");
    row("the registry does not say", &before(60), &fresh().unheard("1.1.0"), withdrawn);
    let mut back = before(60);
    let at = StepState::Moving { give_up_at: back.now + 60 * MINUTE };
    back.moved(Phase::Reverting { why: RevertCause::Asked, to: GenerationId(1), at });
    row("on the way back", &back, &fresh(), withdrawn);
    let mut echo = stage.clone();
    let echo_until = Some(stage.now + 3 * MINUTE);
    echo.settle(immutable_core::rollout::OpResult::Unknown { echo_until });
    echo.pass(60);
    let noted = "noted appeared 0001.0 z healthy 0001.0 z size 0001.0 4";
    row("a copy may still arrive", &echo, &above(), over);
    echo.pass(120);
    row("none can", &echo, &above(), &format!("{noted}\n{withdrawn}\nowed 6 lower 0001.0 4 by z"));
}

#[test]
fn what_an_uncertain_resize_has_done_is_seen_though_every_further_copy_is_refused() {
    let mut raised = Stage::rolling(Strategy::rolling().max_surge(1));
    raised.owe(raise(2, 0, 1));
    let done = || look().group(1, 3, "a+ b+ c+").group(2, 1, "d:");
    let appeared = "noted appeared 0002.0 d";
    let mut unsent = raised.clone();
    unsent.pass(60);
    row("it was never sent", &unsent, &done(), &format!("{appeared}\nrenewed 5 +90s"));
    let echo_until = Some(raised.now + 2 * MINUTE);
    raised.settle(OpResult::Unknown { echo_until });
    let refused = Refused {
        kind: ErrorKind::Denied,
        retry: Retry::Backoff,
        what: "the signature has expired".into(),
        found: None,
        echo_until: None,
    };
    raised.pass(60);
    assert!(
        settle(&raised.state, OpId(5), OpResult::Failed(refused.clone()), raised.now).is_empty(),
        "one copy says nothing of another"
    );
    row("a copy may still arrive", &raised, &done(), &format!("{appeared}\nrenewed 5 +90s"));
    raised.pass(60);
    assert!(settle(&raised.state, OpId(5), OpResult::Failed(refused), raised.now).is_empty(), "one was done before, perhaps");
    row("none can", &raised, &done(), &format!("{appeared}\nsettled 5 done Some(1)"));
    row("another is under way", &raised, &done().in_flight(5), &format!("{appeared}\nrenewed 5 +150s"));
    row(
        "the provider works, perhaps on this very call",
        &raised,
        &look().group(1, 3, "a+ b+ c+").group(2, 1, "d:").busy(),
        &format!("{appeared}\nrenewed 5 +150s"),
    );
    row("nothing was done", &raised, &look().group(1, 3, "a+ b+ c+").group(2, 0, ""), "renewed 5 +150s");

    let mut lowered = Stage::rolling(Strategy::rolling().max_surge(1));
    lowered.ready(2, "d");
    lowered.note(|noted| noted.progress = Some(1));
    lowered.owe(lower(1, 3, "a"));
    lowered.settle(OpResult::Unknown { echo_until: None });
    lowered.pass(60);
    let with = |old: &str| look().group(1, 2, old).group(2, 1, "d+");
    row("the named leaves", &lowered, &with("a< b+ c+"), "settled 6 done Some(2)");
    row("the named is there", &lowered, &with("a+ b+ c+"), "renewed 6 +100s");
}

#[test]
fn an_old_raise_stands_up_to_the_goal_and_no_further() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(3));
    stage.ready(2, "d e");
    stage.note(|noted| noted.progress = Some(2));
    stage.owe(raise(2, 2, 3));
    stage.pass(60);
    let with = |size, new: &str| look().group(1, 3, "a* b* c*").group(2, size, new);
    row("the last", &stage, &with(2, "d+ e+"), "renewed 6 +100s");
    row(
        "others have brought more",
        &stage,
        &with(4, "d+ e+ f+ g+"),
        "noted appeared 0002.0 f,g healthy 0002.0 f,g\nsettled 6 failed Stale found Some(4): withdrawn: it was decided on a view that no longer holds",
    );
    let other = look().group(1, 3, "a* b* c*").busy().group(2, 2, "d+ e+").unheard("1.1.0");
    row(
        "the provider works on another",
        &stage,
        &other,
        "settled 6 failed Stale found Some(2): withdrawn: it was decided on a view that no longer holds",
    );
    stage.settle(OpResult::Accepted { ticket: Ticket("t".into()), echo_until: None });
    row("what was accepted is not judged", &stage, &with(2, "d+ e+"), "");
}

#[test]
fn an_old_raise_to_fewer_than_others_have_set_is_withdrawn() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(3));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    stage.owe(raise(2, 1, 2));
    stage.pass(60);
    let with = |size, new: &str| look().group(1, 3, "a* b* c*").group(2, size, new);
    row("it is not done yet", &stage, &with(1, "d+"), "renewed 6 +100s");
    row(
        "done again it would send one away whom nobody has named",
        &stage,
        &with(3, "d+ e+ f+"),
        "noted appeared 0002.0 e,f healthy 0002.0 e,f\nsettled 6 failed Stale found Some(3): withdrawn: it was decided on a view that no longer holds",
    );
}

#[test]
fn slots_that_are_being_given_up_are_judged_again() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    stage.gone(1, "c");
    stage.owe(give_up(1, 3, 2));
    stage.pass(60);
    let with = |old: &str| look().group(1, 3, old);
    row("it stands", &stage, &with("a+ b+").group(2, 1, "d+"), "renewed 6 +100s");
    row("the provider works on it", &stage, &with("a+ b+").busy().group(2, 1, "d+"), "");
    row(
        "one came",
        &stage,
        &with("a+ b+ z+").group(2, 1, "d+"),
        "noted appeared 0001.0 z healthy 0001.0 z\nsettled 6 failed Stale found Some(3): withdrawn: it was decided on a view that no longer holds",
    );
}

#[test]
fn an_old_lower_is_judged_again() {
    let mut stage = Stage::rolling(Strategy::rolling().max_surge(1));
    stage.ready(2, "d");
    stage.note(|noted| noted.progress = Some(1));
    stage.owe(lower(1, 3, "a"));
    stage.pass(60);
    let with = |old: &str| look().group(1, 3, old).group(2, 1, "d+");
    row("it stands", &stage, &with("a+ b+ c+"), "renewed 6 +100s");
    let withdrawn = "settled 6 failed Stale found Some(3): withdrawn: it was decided on a view that no longer holds";
    row("the floor would not hold: withdrawn", &stage, &with("a+ b+ c?"), withdrawn);
    let happened = look().group(1, 2, "a< b+ c?").group(2, 1, "d+");
    row("the floor would not hold, and it took effect", &stage, &happened, "settled 6 done Some(2)");
    let elsewhere = look().group(1, 2, "a+ b+ c?").group(2, 1, "d+");
    row(
        "another made it smaller, and the named is there",
        &stage,
        &elsewhere,
        "settled 6 failed Stale found Some(2): withdrawn: it was decided on a view that no longer holds",
    );
    row("under way", &stage, &with("a+ b+ c?").in_flight(6), "");
    let events = with("a+ b+ c?").decide(&stage).events;
    events.into_iter().for_each(|event| stage.apply(event));
    row("the withdrawn is counted on again", &stage, &with("a+ b+ c?"), "");
}

#[test]
fn an_old_lower_stands_beside_what_is_tried_if_it_makes_room_for_that_alone() {
    for (leave, stands) in [("a", true), ("a b", false)] {
        let mut stage = Stage::rolling(Strategy::rolling().max_surge(1).max_unavailable(2));
        stage.owe(lower(1, 3, leave));
        stage.pass(60);
        let decided = look().group(1, 3, "a+ b+ c+").group(2, 0, "").says_decide(&stage);
        assert_eq!(decided.contains("renewed 5"), stands, "{leave}: {decided}");
    }
    let standing = |stage: &mut Stage| {
        stage.owe(lower(1, 3, "a b"));
        stage.pass(60);
        look().group(1, 3, "a+ b+ c+").group(2, 0, "").says_decide(stage).contains("renewed 5")
    };
    let mut known = Stage::rolling(Strategy::rolling().max_surge(1).max_unavailable(2));
    known.note(|noted| noted.exercised.push(GenerationId(2)));
    assert!(standing(&mut known), "of what is known to work more than one may take the place");
    assert!(standing(&mut Stage::rolling(Strategy::recreate())), "where all go first they go beside nobody");
}

#[test]
fn a_group_that_somebody_deleted_has_no_size_and_is_made_again_or_done_without() {
    let fleet = Stage::fleet(3).zones(["a".into(), "b".into()]);
    let mut stage = Stage::rolling_of(fleet, Strategy::rolling().max_surge(1));
    let second = immutable_core::fleet::GroupId { cell: 1, ..super::kit::group(1) };
    stage.note(|noted| _ = noted.sizes.insert(second, 2));
    let new = |look: Look| look.group(2, 0, "").group(2, 0, "").cell(1);
    let look = || look().group(1, 3, "a+ b+ c+").absent(1).cell(1);
    row("one of the old", &stage, &new(look()), "noted size 0001.1 0\nowed 5 raise 0002.0 0 to 1");
    let half = look().absent(2).group(2, 0, "").cell(1);
    row("one of the new", &stage, &half, "noted size 0001.1 0\nowed 5 ensure 0002 of 1.1.0 heal false");
    let mut healed = stage.clone();
    healed.owe(Call::Upkeep(GenerationId(2), Upkeep { heal: true, ..Upkeep::NONE }));
    healed.settle(done(None));
    let again = half.decide(&healed).events;
    let Event::Owed { call: Call::Ensure(spec), .. } = again.last().unwrap().clone() else { panic!("{again:?}") };
    assert!(spec.upkeep.heal, "it is made as the rest is kept");
    healed.owe(Call::Ensure(spec));
    stage.not_mended(2);
    row("which its provider would not make", &stage, &half, "noted size 0001.1 0\nowed 6 raise 0002.1 0 to 1");
}
