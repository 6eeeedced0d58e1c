//! What is refused, in which words.

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn percent(percent: u16) -> Percent {
    Percent::known(percent)
}

fn switch(split: Split) -> TrafficCapabilities {
    TrafficCapabilities { split, settle: MINUTE, probes_unrouted: true, drains: Drains::Named, request_lifetime: Duration::ZERO }
}

const WEIGHTED: Split = Split::Weighted { generations: 5, parts: 999 };

fn check(strategy: &Strategy, split: Option<Split>) -> std::result::Result<(), String> {
    strategy.check(12, 10 * MINUTE, MINUTE, split.map(switch).as_ref(), true).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(strategy: &Strategy, split: Option<Split>, why: &str) {
    assert_eq!(check(strategy, split).unwrap_err(), why);
}

#[test]
fn what_cannot_work_is_refused_with_what_would() {
    let plain = |strategy: Strategy| check(&strategy, None);
    assert_eq!(plain(Strategy::rolling()), Ok(()));
    assert!(plain(Strategy::rolling().max_surge(0)).unwrap_err().contains("allow one of them at least 1"));
    assert!(plain(Strategy::rolling().probe_attempts(0)).unwrap_err().contains("at least 1"));
    assert_eq!(
        plain(Strategy::rolling().progress_deadline(11 * MINUTE)).unwrap_err(),
        "a progress deadline of 11m passes before one instance can be ready (boot deadline and min_ready: 11m); allow more than that"
    );
    assert!(plain(Strategy::rolling().rollback_deadline(MINUTE)).unwrap_err().starts_with("a rollback deadline of 1m"));
    assert_eq!(
        plain(Strategy::rolling().drain_deadline(20 * MINUTE)).unwrap_err(),
        "a drain deadline of 20m is no shorter than the progress deadline, 20m; allow less"
    );
    for steps in [vec![], vec![Step::scale(percent(50))], vec![Step::scale(12)], vec![Step::bake(MINUTE)]] {
        assert!(plain(Strategy::new(steps)).unwrap_err().contains("never ends"));
    }
}

#[test]
fn what_works_is_planned() {
    let canary = Strategy::canary([percent(5), percent(50)]);
    for (strategy, splits) in [
        (Strategy::rolling(), vec![None, Some(Split::Pooled), Some(WEIGHTED)]),
        (Strategy::rolling().max_surge(12), vec![Some(Split::Binary)]),
        (canary, vec![None, Some(Split::Pooled), Some(WEIGHTED)]),
        (Strategy::blue_green(), vec![Some(Split::Pooled), Some(Split::Binary), Some(WEIGHTED)]),
        (Strategy::recreate(), vec![None, Some(Split::Pooled), Some(Split::Binary), Some(WEIGHTED)]),
    ] {
        for split in splits {
            assert_eq!(check(&strategy, split), Ok(()), "{strategy:?} behind {split:?}");
        }
    }
}

#[test]
fn a_budget_that_a_step_would_break_is_refused() {
    refused(
        &Strategy::new([Step::scale(percent(50)), Step::scale(2), Step::scale(percent(100))]),
        None,
        "step 2, scale to 2, has 2 new, and a step before it 6; scale up from step to step",
    );
    refused(
        &Strategy::new([Step::scale_beside(percent(100))]),
        None,
        "step 1, scale to 100% beside the old, has 12 new and 12 old, and 15 may be at once (max_surge 25%); allow a max_surge of 12, or \
         let the old ones follow",
    );
    refused(
        &Strategy::recreate().max_unavailable(3),
        None,
        "step 1, scale to 100% once the old are gone, empties the fleet, and 9 must stay ready; allow a max_unavailable of 100%, or let \
         the old ones follow",
    );
    refused(
        &Strategy::rolling().keep_old(MINUTE),
        None,
        "keep_old 1m keeps nothing: by its last step no old instance is left; scale with `Step::scale_beside`, or leave keep_old out",
    );
}

#[test]
fn what_a_pool_cannot_do_is_refused() {
    refused(
        &Strategy::blue_green(),
        None,
        "it shifts traffic and the fleet has no pool; name one with `Fleet::pool`, or leave the shift out",
    );
    refused(
        &Strategy::rolling(),
        Some(Split::Binary),
        "its pool gives all traffic to one release, so 12 old and 12 new must be ready at once, and 15 may be; use \
         `Strategy::blue_green`, or allow a max_surge of 12",
    );
    refused(
        &Strategy::canary([percent(25)]).max_surge(12),
        Some(Split::Binary),
        "step 1, scale to 25%: its pool gives all traffic to one release, so a part of it would see none; use `Strategy::blue_green`",
    );
    let parts = Strategy::new([Step::scale_beside(percent(100)), Step::shift(percent(10)), Step::shift(percent(100))]);
    refused(
        &parts.clone().max_surge(12),
        Some(Split::Pooled),
        "step 2: its pool gives every instance in it the same, so 10% of the traffic cannot be shifted; scale to 10% instead, as \
         `Strategy::canary` does, or shift 100%, as `Strategy::blue_green` does",
    );
    assert_eq!(check(&parts.max_surge(12), Some(WEIGHTED)), Ok(()));
}

#[test]
fn a_share_needs_its_instances() {
    refused(
        &Strategy::new([
            Step::scale_beside(percent(25)),
            Step::shift(percent(50)),
            Step::scale(percent(100)),
            Step::shift(percent(100)),
        ]),
        Some(WEIGHTED),
        "step 2: 50% of the traffic needs 6 ready, and 3 are there by then; scale further before it",
    );
    refused(
        &Strategy::new([Step::scale(percent(100)), Step::shift(percent(100))]),
        Some(WEIGHTED),
        "step 1: the old release still has 100% of the traffic, which needs 12 ready, and 0 are to be left; shift before it, or keep the \
         old with `Step::scale_beside`",
    );
    let short = Strategy::new([Step::scale_beside(percent(100)), Step::shift(percent(50))]).max_surge(12);
    refused(
        &short,
        Some(WEIGHTED),
        "a strategy whose last shift goes to 50% leaves the old release with traffic for ever; shift to 100% last",
    );
    let more = Strategy::new([Step::scale_beside(percent(100)), Step::shift(percent(101))]).max_surge(12);
    refused(&more, Some(WEIGHTED), "101% of the traffic is more than there is; shift at most 100%");
}

#[test]
fn a_gate_that_nobody_passes_is_refused() {
    let gated = |gate: Step| check(&Strategy::rolling().gate(gate), None).unwrap_err();
    assert_eq!(gated(Step::bake(Duration::ZERO)), "a bake of 0s holds nothing; leave it out");
    assert_eq!(gated(Check::by("").into()), "a gate whose judge has no name; name one that the controller has");
    assert_eq!(gated(Check::by("smoke").within(Duration::ZERO).into()), "`smoke` has no time to check; allow more than 0s");
    assert_eq!(gated(Analyse::by("errors").every(Duration::ZERO).into()), "`errors` would be asked every 0s; ask less often");
    assert_eq!(
        gated(Analyse::by("errors").lasting(MINUTE).every(2 * MINUTE).into()),
        "`errors` judges for 1m and is asked every 2m; last at least as long"
    );
    for approve in [Approve::by(["ann"]).least(2), Approve::by(["ann"]).least(0), Approve::by(Vec::<&str>::new())] {
        assert!(gated(approve.into()).contains("at most as many as are named"));
    }
    assert_eq!(
        gated(Approve::by(["ann"]).within(Duration::ZERO).into()),
        "nobody can approve within 0s; allow more, or leave the time out to wait as long as it takes"
    );
}

#[test]
fn gates_come_behind_each_scale_and_its_gates() {
    let said = |strategy: Strategy| strategy.steps.iter().map(ToString::to_string).collect::<Vec<_>>();
    let approved = Strategy::canary([percent(5)]).bake(MINUTE).gate(Approve::by(["ann"]));
    assert_eq!(said(approved), ["scale to 5%", "bake for 1m", "1 of ann approve", "scale to 100%"]);
    let rolled = said(Strategy::rolling().gate(Approve::by(["ann"])));
    assert_eq!(rolled, ["scale to 100%", "1 of ann approve"]);
    let checked = Strategy::blue_green().bake(Duration::ZERO).gate(Check::by("smoke"));
    let gate = "`smoke` checks, within 10m, or it asks";
    assert_eq!(said(checked), ["scale to 100% beside the old", gate, "shift 100% of the traffic"]);
}

#[test]
fn a_bake_is_changed_added_or_left_out() {
    let said = |strategy: Strategy| strategy.steps.iter().map(ToString::to_string).collect::<Vec<_>>();
    let blue_green = said(Strategy::blue_green().bake(MINUTE));
    assert_eq!(blue_green, ["scale to 100% beside the old", "shift 100% of the traffic", "bake for 1m"]);
    for strategy in [Strategy::rolling(), Strategy::canary([]), Strategy::rolling().bake(2 * MINUTE)] {
        assert_eq!(said(strategy.bake(MINUTE)), ["scale to 100%", "bake for 1m"]);
    }
    let approved = Strategy::canary([percent(5)]).bake(Duration::ZERO).gate(Approve::by(["ann"])).bake(MINUTE);
    assert_eq!(said(approved), ["scale to 5%", "1 of ann approve", "scale to 100%", "bake for 1m"]);
    assert_eq!(said(Strategy::rolling().bake(Duration::ZERO)), ["scale to 100%"]);
}

#[test]
fn a_goal_is_the_sum_of_the_steps_before() {
    let strategy = Strategy::new([
        Step::scale_beside(percent(10)),
        Step::shift(percent(5)),
        Step::bake(MINUTE),
        Step::scale(percent(50)),
        Step::shift(percent(50)),
        Step::scale_beside(percent(100)),
    ]);
    let goals: Vec<_> = (0..6).map(|step| strategy.goal(step, 12)).map(|goal| (goal.wanted, goal.others, goal.share.0)).collect();
    assert_eq!(goals, [(2, 12, 0), (2, 12, 5), (2, 12, 5), (6, 6, 5), (6, 6, 50), (12, 6, 50)]);
    assert_eq!(Strategy::canary([percent(25)]).goal(0, 12), Goal { wanted: 3, others: 9, first: false, share: (3, 12) });
    assert_eq!(Strategy::rolling().goal(0, 0), Goal { wanted: 0, others: 0, first: false, share: (1, 1) });
    let gated = Strategy::new([Approve::by(["ann"]).into(), Step::scale(percent(100))]);
    assert_eq!([0, 1].map(|step| gated.goal(step, 0).share), [(0, 1), (1, 1)], "nobody is tried at a gate before it all");
    assert!(Strategy::recreate().goal(0, 3).first);
}

#[test]
fn a_way_back_has_time_and_attempts() {
    let drains = switch(WEIGHTED);
    let slow = Strategy::rolling().progress_deadline(60 * MINUTE).rollback_deadline(21 * MINUTE).drain_deadline(10 * MINUTE);
    let check_with = |strategy: &Strategy, pool: &TrafficCapabilities| {
        strategy.check(12, 10 * MINUTE, MINUTE, Some(pool), true).map_err(|error| error.to_string())
    };
    let why = "a rollback deadline of 21m passes before one instance can be ready and another has finished its requests (boot deadline and \
               min_ready: 11m, drain deadline: 10m); allow more than that";
    assert_eq!(check_with(&slow, &drains), Err(why.to_owned()));
    assert_eq!(check_with(&slow, &TrafficCapabilities { drains: Drains::Never, ..drains.clone() }), Ok(()), "nobody drains");
    assert_eq!(check_with(&slow.rollback_deadline(22 * MINUTE), &drains), Ok(()));
    let none = "rollback_attempts 0 never launches anything on the way back; allow at least 1";
    assert_eq!(check_with(&Strategy::rolling().rollback_attempts(0), &drains), Err(none.to_owned()));
}

#[test]
fn a_pool_divides_only_so_finely() {
    let beside = |part| {
        Strategy::new([Step::scale_beside(percent(100)), Step::shift(percent(part)), Step::shift(percent(100))]).max_surge(12)
    };
    let tenths = |generations, parts| Some(Split::Weighted { generations, parts });
    let why = "step 2: 9% of the traffic is less than one of the 10 parts that its pool divides it into; shift at least 10%";
    refused(&beside(9), tenths(5, 10), why);
    assert_eq!(check(&beside(10), tenths(5, 10)), Ok(()));
    assert_eq!(check(&beside(0), tenths(5, 10)), Ok(()), "nothing at all is no part");
    for (generations, parts) in [(1, 10), (5, 1)] {
        let why = format!(
            "its pool divides traffic into {parts} parts among {generations} releases, and to go from one to another takes two; call its split \
             `Binary`"
        );
        refused(&beside(50), tenths(generations, parts), &why);
    }
}

#[test]
fn where_nobody_is_replaced_nobody_need_stand_beside() {
    let alone = |replaces| {
        let binary = switch(Split::Binary);
        Strategy::rolling().check(12, 10 * MINUTE, MINUTE, Some(&binary), replaces).is_ok()
    };
    assert_eq!([alone(true), alone(false)], [false, true]);
}

#[test]
fn gates_say_how_long_and_who() {
    let said = |step: Step| step.to_string();
    let analyse = Analyse::by("slo").lasting(10 * MINUTE).every(MINUTE);
    assert_eq!(said(analyse.clone().into()), "`slo` judges every 1m for 10m, or it asks");
    assert_eq!(said(analyse.extend(5 * MINUTE).into()), "`slo` judges every 1m for 10m, 5m longer if need be, or it asks");
    let approve = Approve::by(["ann", "bob"]);
    assert_eq!(approve.people().iter().map(ToString::to_string).collect::<Vec<_>>(), ["ann", "bob"]);
    assert_eq!(said(approve.within(MINUTE).into()), "1 of ann, bob approve, within 1m, or it asks");
}

#[test]
fn it_survives_json() {
    let strategy = Strategy::blue_green().gate(Analyse::by("errors").extend(MINUTE)).gate(Approve::by(["ann"]).within(MINUTE));
    let json = serde_json::to_string(&strategy).unwrap();
    assert_eq!(serde_json::from_str::<Strategy>(&json).unwrap(), strategy, "{json}");
    let shift = serde_json::to_string(&Step::shift(percent(10))).unwrap();
    assert_eq!(shift, r#"{"shift":{"to":"10%"}}"#);
    let error = serde_json::from_str::<Step>(&shift.replace("\"10%\"", "10")).unwrap_err().to_string();
    assert!(error.contains("10 is not a share; write a percentage"), "{error}");
}
