//! `decide` at gates: bakes, checks, analyses, approvals; what opens them, what turns back, and what asks.

use std::time::Duration;

use immutable_core::analysis::Judgement;
use immutable_core::fleet::{GenerationId, Verdict};
use immutable_core::id::{Actor, StepIx};
use immutable_core::rollout::{Analyse, Approve, Check, Event, Otherwise, Percent, Phase, Step, StepState, Strategy};

use super::kit::{MINUTE, Stage, done, raise};
use super::sight::{Look, look, row, tells};

/// A third of the fleet is new and waits at this gate, since now.
fn at(gate: impl Into<Step>) -> Stage {
    let gate = gate.into();
    let strategy = Strategy::new([Step::scale(1), gate.clone(), Step::scale(Percent::new(100).unwrap())]).max_surge(1);
    waiting(strategy, &gate)
}

/// All of the fleet is new, and waits at its last gate.
fn at_last(gate: impl Into<Step>) -> Stage {
    let gate = gate.into();
    waiting(Strategy::new([Step::scale(Percent::new(100).unwrap()), gate.clone()]).max_surge(1), &gate)
}

fn waiting(strategy: Strategy, gate: &Step) -> Stage {
    waits(Stage::rolling(strategy), gate)
}

fn waits(mut stage: Stage, gate: &Step) -> Stage {
    stage.ready(2, "d");
    let last = stage.strategy.steps().len() == 2;
    if last {
        stage.ready(2, "e f");
        stage.retire(1, "a b c");
        stage.gone(1, "a b c");
    } else {
        stage.retire(1, "a");
        stage.gone(1, "a");
    }
    let lasts = match gate {
        Step::Bake { lasting } => Some(*lasting),
        Step::Check(_) | Step::Analyse(_) => Some(10 * MINUTE),
        _ => None,
    };
    let at = StepState::Gating { since: stage.now, until: lasts.map(|lasts| stage.now + lasts) };
    stage.moved(Phase::Stepping { step: StepIx(1), at });
    stage.note(|noted| noted.progress = Some(if last { 3 } else { 1 }));
    stage
}

fn held() -> Look {
    look().group(1, 2, "b+ c+").group(2, 1, "d+")
}

fn approved(stage: &mut Stage, by: &str) {
    stage.apply(Event::Approved { step: StepIx(1), by: Actor::new(by) });
}

#[test]
fn a_bake_is_over_when_its_time_is() {
    let mut stage = at(Step::bake(5 * MINUTE));
    row("not yet", &stage, &held(), "");
    tells(
        "which is said",
        &stage,
        &held(),
        "waiting for the bake to be over (in 5m); rollback now would be partial, 2 of 3 still run",
        "+340s",
    );
    stage.pass(299);
    row("nor a second before", &stage, &held(), "");
    stage.pass(1);
    row("then the next step begins", &stage, &held(), "moved step 2 until +1540s");
}

/// `d` of the new is gone, and the group is that much smaller.
fn without_d(stage: &mut Stage) -> Look {
    stage.gone(2, "d");
    stage.note(|noted| noted.sizes.extend([(super::kit::group(2), 0)]));
    look().group(1, 2, "b+ c+").group(2, 0, "")
}

/// What is decided at this look is so.
#[track_caller]
fn moves(stage: &mut Stage, look: &Look) {
    look.decide(stage).events.into_iter().for_each(|event| stage.apply(event));
}

#[test]
fn who_is_lost_meanwhile_is_replaced_and_a_bake_begins_anew() {
    for gate in [Step::bake(5 * MINUTE), Analyse::by("errors").lasting(5 * MINUTE).into()] {
        let mut stage = at(gate.clone());
        stage.pass(240);
        let lost = without_d(&mut stage);
        row("it is waited for again", &stage, &lost, "moved lost at gate 1 until +1480s");
        moves(&mut stage, &lost);
        row("and replaced at once", &stage, &lost, "owed 7 raise 0002.0 0 to 1");
        stage.launch(2, "e");
        let booting = look().group(1, 2, "b+ c+").group(2, 1, "e:");
        row("while it boots nothing follows", &stage, &booting, "");
        let what = if gate.judge().is_some() { "the judge `errors`" } else { "the bake to begin anew" };
        let said = format!(
            "waiting for {what}, 1 of 1 to be ready (e, boot deadline in 10m); rollback now would be partial, 2 of 3 still run"
        );
        tells("which is said", &stage, &booting, &said, "+880s");
        stage.healthy(2, "e");
        stage.note(|noted| noted.exercised.push(GenerationId(2)));
        stage.pass(10);
        let again = look().group(1, 2, "b+ c+").group(2, 1, "e+");
        row("all of its time begins", &stage, &again, "noted progress 1\nmoved gate 1 until +590s");
        let mut never = stage.clone();
        never.pass(20 * 60);
        row("or it takes too long", &never, &booting, "moved back to 0001 until +5090s: no progress within the deadline");
    }
}

#[test]
fn a_bake_begins_anew_for_who_came_unseen_and_goes_on_for_who_is_not_seen() {
    let gate = || at(Step::bake(5 * MINUTE));
    let mut swapped = gate();
    swapped.pass(270);
    swapped.gone(2, "d");
    swapped.appear(2, "e");
    swapped.healthy(2, "e");
    swapped.pass(30);
    let other = look().group(1, 2, "b+ c+").group(2, 1, "e+");
    row("another came in its place between two looks", &swapped, &other, "moved lost at gate 1 until +1540s");
    moves(&mut swapped, &other);
    row("it is there, and all begins again", &swapped, &other, "noted progress 1\nmoved gate 1 until +640s");
    moves(&mut swapped, &other);
    swapped.note(|noted| noted.progress = Some(1));
    swapped.pass(299);
    row("for all of its time", &swapped, &other, "");
    swapped.pass(1);
    row("and no more than that", &swapped, &other, "moved step 2 until +1840s");

    let (mut ill, mut all) = (gate(), gate());
    let bad = look().group(1, 2, "b+ c+").group(2, 1, "d-");
    row("who is ill is lost", &ill, &bad, "noted unhealthy 0002.0 d\nmoved lost at gate 1 until +1240s");
    ill.pass(20);
    let worse = look().group(1, 2, "b- c-").group(2, 1, "d-");
    row("but not with all the others", &ill, &worse, "noted unhealthy 0001.0 b,c unhealthy 0002.0 d");
    all.pass(20);
    for (name, unseen) in [
        ("a part of the view", look().group(1, 2, "b+ c+").group(2, 1, "").partly()),
        ("no word on its health", look().group(1, 2, "b+ c+").group(2, 1, "d?")),
        (
            "nor on that of one who is protected",
            look().group(1, 2, "b+ c+").group(2, 1, "d*").says(&[("check", Verdict::Unknown)]),
        ),
        ("an old view", look().group(1, 2, "b+ c+").group(2, 1, "").aged(50)),
    ] {
        row(name, &all, &unseen, "");
    }
    all.pass(280);
    row("and then it is over", &all, &held(), "moved step 2 until +1540s");
}

#[test]
fn who_comes_ready_at_the_very_end_was_not_watched() {
    let gate = Step::bake(5 * MINUTE);
    let strategy = Strategy::new([Step::scale(1), gate.clone(), Step::scale(Percent::new(100).unwrap())]).max_surge(1);
    let mut stage = waits(Stage::rolling_of(Stage::fleet(3).min_ready(Duration::ZERO), strategy), &gate);
    stage.pass(300);
    let other = look().group(1, 2, "b+ c+").group(2, 1, "e+");
    let noted = "noted appeared 0002.0 e healthy 0002.0 e gone 0002.0 d";
    row("it has all of its time", &stage, &other, &format!("{noted}\nmoved lost at gate 1 until +1540s"));
}

#[test]
fn who_is_first_seen_as_it_begins_is_watched_from_its_beginning() {
    let steps = [Step::scale(1), Step::bake(5 * MINUTE), Step::scale(Percent::new(100).unwrap())];
    let strategy = Strategy::new(steps).max_surge(0).max_unavailable(1);
    let mut stage = Stage::rolling_of(Stage::fleet(3).min_ready(Duration::ZERO), strategy);
    stage.retire(1, "a");
    stage.gone(1, "a");
    stage.owe(raise(2, 0, 1));
    stage.settle(done(1));
    let noted = "noted appeared 0002.0 d healthy 0002.0 d exercised 0002 progress 1";
    row("it is ready at once", &stage, &held(), &format!("{noted}\nmoved gate 1 until +330s"));
    moves(&mut stage, &held());
    row("it did not come since", &stage, &held(), "noted progress 1");
    moves(&mut stage, &held());
    stage.pass(300);
    row("and the bake is over when its time is", &stage, &held(), "moved step 2 until +1530s");
}

#[test]
fn checks_and_approvals_need_not_begin_anew() {
    for gate in [Step::from(Check::by("smoke")), Approve::by(["ann"]).into()] {
        let mut stage = at(gate);
        let lost = without_d(&mut stage);
        row("it is replaced at once", &stage, &lost, "owed 7 raise 0002.0 0 to 1");
        stage.launch(2, "e");
        let booting = look().group(1, 2, "b+ c+").group(2, 1, "e:");
        if stage.strategy.steps()[1].judge().is_some() {
            let pass = booting.judged(1, 0, Judgement::pass("it answers"));
            let goal = "judged 1 pass: it answers\nmoved step 1 until +1240s";
            row("the gate is open, and its goal is waited for anew", &stage, &pass, goal);
        } else {
            approved(&mut stage, "ann");
            row("the gate is open, and its goal is waited for anew", &stage, &booting, "moved step 1 until +1240s");
        }
    }
}

#[test]
fn a_gate_may_be_the_first_step_and_the_last() {
    let strategy = Strategy::new([Approve::by(["ann"]).into(), Step::scale(Percent::new(100).unwrap())]);
    let mut stage = Stage::proven_of(Stage::fleet(3), strategy);
    stage.open("1.1.0");
    stage.claim();
    stage.make(2);
    let fresh = look().group(1, 3, "a+ b+ c+").group(2, 0, "");
    row("nothing is launched before it is open", &stage, &fresh, "moved gate 0");
    let mut empty = Stage::empty(Stage::fleet(0), stage.strategy.clone().max_surge(1));
    empty.open("1.0.0");
    empty.claim();
    empty.make(1);
    let nothing = look().group(1, 0, "");
    moves(&mut empty, &nothing);
    row("nor is one tried of an empty fleet", &empty, &nothing, "");
    empty.apply(Event::Approved { step: StepIx(0), by: Actor::new("ann") });
    moves(&mut empty, &nothing);
    row("once it is open it is", &empty, &nothing, "owed 2 raise 0001.0 0 to 1");
    let all = look().group(1, 0, "").group(2, 3, "d+ e+ f+");
    let mut last = at_last(Step::bake(MINUTE));
    row("nothing is proven while it is closed", &last, &all, "");
    last.pass(60);
    row("its end is another matter", &last, &all, "moved step 1 until +1310s");
    last.moved(Phase::Stepping { step: StepIx(1), at: StepState::Moving { give_up_at: last.now + 20 * MINUTE } });
    last.note(|noted| noted.progress = Some(3));
    let upkeep = super::kit::upkeep(2);
    row("what the provider may do by itself comes back first", &last, &all, "owed 8 upkeep 0002 heal true");
    last.owe(upkeep);
    last.settle(super::kit::done(None));
    row("then it is", &last, &all, "proven 0002 of 3\nmoved finishing forward until +3710s");
}

#[test]
fn a_check_passes_fails_or_asks() {
    let mut stage = at(Check::by("smoke"));
    row("nothing was said", &stage, &held(), "");
    tells(
        "which is said",
        &stage,
        &held(),
        "waiting for the judge `smoke` (for 10m); rollback now would be partial, 2 of 3 still run",
        "+640s",
    );
    let pass = held().judged(1, 0, Judgement::pass("it answers"));
    row("yes", &stage, &pass, "judged 1 pass: it answers\nmoved step 2 until +1240s");
    let fail = held().judged(1, 0, Judgement::fail("it does not answer"));
    let back = "moved back to 0001 until +3640s: `smoke` says no: it does not answer";
    row("no", &stage, &fail, &format!("judged 1 fail: it does not answer\n{back}"));
    let neither = held().judged(1, 0, Judgement::inconclusive("no data"));
    row("neither", &stage, &neither, "judged 1 inconclusive: no data");
    row("of another step it is no answer", &stage, &held().judged(2, 0, Judgement::pass("x")), "");
    let mut heard = stage.clone();
    let asked = heard.now;
    heard.apply(Event::Judged { step: StepIx(1), asked, judgement: Judgement::inconclusive("no data") });
    row("what was heard is not heard again", &heard, &neither, "");
    heard.pass(5);
    let later = "judged 1 pass: it answers\nmoved step 2 until +1245s";
    row("what is said later is", &heard, &pass, later);
    heard.pass(595);
    let asks = "moved held: the gate of step 2 was not opened: `smoke` says neither yes nor no within 10m: no data";
    row("in the end it asks", &heard, &held(), asks);
    stage.pass(600);
    row(
        "as of one that is silent",
        &stage,
        &held(),
        "moved held: the gate of step 2 was not opened: `smoke` has said nothing within 10m",
    );
    let mut back = at(Check::by("smoke").otherwise(Otherwise::Back));
    back.pass(600);
    row("or it goes back", &back, &held(), "moved back to 0001 until +4240s: `smoke` has said nothing within 10m");
}

#[test]
fn an_analysis_is_passed_at_its_end_and_failed_at_once() {
    let mut stage = at(Analyse::by("errors"));
    let early = held().judged(1, 0, Judgement::pass("few errors"));
    row("an early yes is noted", &stage, &early, "judged 1 pass: few errors");
    let fail = held().judged(1, 0, Judgement::fail("many errors"));
    let back = "moved back to 0001 until +3640s: `errors` says no: many errors";
    row("no is no", &stage, &fail, &format!("judged 1 fail: many errors\n{back}"));
    stage.pass(600);
    row("it is asked of the whole time", &stage, &held(), "");
    let whole = held().judged(1, 0, Judgement::pass("few errors"));
    row("and then it is passed", &stage, &whole, "judged 1 pass: few errors\nmoved step 2 until +1840s");
    let before = held().judged(1, 1, Judgement::pass("few errors"));
    row("a second before is not the whole", &stage, &before, "judged 1 pass: few errors");
    let none = held().judged(1, 0, Judgement::inconclusive("no data"));
    let asks = "moved held: the gate of step 2 was not opened: `errors` is inconclusive after 10m: no data";
    row("no data at the end is no pass, and asks", &stage, &none, &format!("judged 1 inconclusive: no data\n{asks}"));
    stage.pass(119);
    row("of one that is late the answer is waited for", &stage, &held(), "");
    row("which may be yes", &stage, &whole, "judged 1 pass: few errors\nmoved step 2 until +1959s");
    let early = held().judged(1, 120, Judgement::pass("few errors"));
    row("yes to what was asked a second before the end is not of the whole", &stage, &early, "judged 1 pass: few errors");
    stage.pass(1);
    let late = "moved held: the gate of step 2 was not opened: `errors` has said nothing within 10m";
    row("and not for ever", &stage, &held(), late);
    let early = held().judged(1, 130, Judgement::pass("few errors"));
    let part =
        "judged 1 pass: few errors\nmoved held: the gate of step 2 was not opened: `errors` has said nothing of the whole 10m";
    row("nor is the early yes taken for one", &stage, &early, part);
    let mut longer = at(Analyse::by("errors").extend(10 * MINUTE).otherwise(Otherwise::Back));
    longer.pass(600 + 120);
    row("unless it may go on", &longer, &none, "judged 1 inconclusive: no data");
    longer.pass(600);
    let back = "moved back to 0001 until +4960s: `errors` has said nothing within 20m";
    row("and then goes back", &longer, &held(), back);
}

#[test]
fn an_answer_is_to_a_question_of_this_gate() {
    for (gate, no) in [(Check::by("smoke").into(), "smoke"), (Step::from(Analyse::by("errors")), "errors")] {
        let mut stage = at(gate);
        let before = held().judged(1, 60, Judgement::fail("it was bad then"));
        row("what was asked before it began counts for nothing", &stage, &before, "");
        let since = stage.now;
        stage.pass(60);
        assert_eq!(stage.now.since(since), MINUTE);
        let back = format!("judged 1 fail: it was bad then\nmoved back to 0001 until +3700s: `{no}` says no: it was bad then");
        row("what was asked when it did counts", &stage, &before, &back);
    }
}

#[test]
fn times_beyond_all_measure_are_the_last_there_is() {
    let max = Duration::MAX;
    let stage = at(Analyse::by("errors").lasting(max).extend(max).every(max));
    row("it is waited for", &stage, &held(), "");
    let neither = held().judged(1, 0, Judgement::inconclusive("no data"));
    row("whatever is said", &stage, &neither, "judged 1 inconclusive: no data");
}

#[test]
fn an_approval_takes_as_many_as_it_says() {
    let gate = Approve::by(["ann", "bob", "eve"]).least(2);
    let mut stage = at(gate.clone());
    row("nobody", &stage, &held(), "");
    approved(&mut stage, "ann");
    row("one", &stage, &held(), "");
    tells(
        "which is said",
        &stage,
        &held(),
        "waiting for 1 of bob, eve to approve; rollback now would be partial, 2 of 3 still run",
        "never",
    );
    approved(&mut stage, "eve");
    row("two", &stage, &held(), "moved step 2 until +1240s");
    let mut late = waiting_until(gate.clone().within(MINUTE));
    late.pass(60);
    row("or it asks", &late, &held(), "moved held: the gate of step 2 was not opened: 0 of 2 have approved in time");
    let mut late = waiting_until(gate.within(MINUTE).otherwise(Otherwise::Back));
    approved(&mut late, "bob");
    late.pass(60);
    row("or it goes back", &late, &held(), "moved back to 0001 until +3700s: 1 of 2 have approved in time");
}

fn waiting_until(gate: Approve) -> Stage {
    let mut stage = at(gate);
    stage.moved(Phase::Held {
        why: super::kit::paused(),
        resume: Box::new(stage.state.rollout().unwrap().phase.clone()),
        since: stage.now,
    });
    let at = StepState::Gating { since: stage.now, until: Some(stage.now + Duration::from_secs(60)) };
    stage.moved(Phase::Stepping { step: StepIx(1), at });
    stage.note(|noted| noted.progress = Some(1));
    stage
}
