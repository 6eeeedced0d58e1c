//! The process that drives dies, is replaced, comes back; and what is seen is old, or not all.

use immutable_core::fleet::Heals;
use immutable_core::memory::{Delay, What};
use immutable_core::rollout::Need;
use immutable_core::{ErrorKind, Outcome, Strategy};

use super::kit::{DIES, Lab, MINUTE, ON, Told, WEIGHTED, once, percent, seconds};

/// With its database away for a while the execution was running for ever.
#[test]
fn orca_4426_a_process_that_dies_leaves_nothing_that_runs_for_ever() {
    for ready in [0, 1, 3] {
        let lab = Lab::new(4);
        let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
        let told = lab.watched(
            &two,
            Strategy::rolling().max_surge(1),
            async |_, report| {
                if report.counts.ready == ready { DIES } else { ON }
            },
        );
        assert!(told.outcomes.is_empty(), "{told}");
        told.keeps(4, 5);
        lab.pass(MINUTE * 600);
        let told = lab.carry_on(async |_, _| ON);
        told.ends(&Outcome::Succeeded, 4, 5);
        lab.is_all(&two, 4);
        assert_eq!(lab.cloud.launched(), 8, "nothing is done twice");
    }
}

/// Dies at each look in turn, and the next carries on from there.
#[test]
fn kops_pr_4038_a_process_may_die_at_any_look() {
    let lab = Lab::behind(3, WEIGHTED, |options| options.latency(Delay::Uniform(seconds(0), seconds(3))));
    let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let mut lives = 0;
    let mut told: Option<Told> = None;
    while told.as_ref().is_none_or(|told| told.outcomes.is_empty()) {
        lives += 1;
        assert!(lives < 200, "it comes to no end");
        let mut looks = 0;
        let dies = async |_: &_, _: &_| {
            looks += 1;
            if looks == 4 { DIES } else { ON }
        };
        let life = match told {
            None => lab.watched(&two, Strategy::rolling().max_surge(1), dies),
            Some(_) => lab.carry_on(dies),
        };
        life.keeps(3, 4);
        told = Some(life);
    }
    assert!(lives > 10, "{lives}");
    assert_eq!(told.unwrap().outcome(), &Outcome::Succeeded);
    assert_eq!(lab.cloud.launched(), 6);
    lab.is_all(&two, 3);
}

/// A zombie that woke up cancelled a pipeline that was alive.
#[test]
fn orca_1585_who_was_replaced_does_nothing_more() {
    let lab = Lab::new(4);
    let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let plan = lab.plan(&two, Strategy::rolling().max_surge(1)).unwrap();
    let first = lab.clock.run(lab.controller.start(plan)).unwrap();
    let began = immutable_core::time::Clock::now(&lab.clock);
    let other = lab.cloud.controller();
    let (zombie, outcome) = lab.clock.run(async {
        let later = async {
            immutable_core::time::Clock::sleep_until(&lab.clock, began + seconds(100)).await;
            other.rollout(lab.fleet.id()).await.unwrap().unwrap().drive().await
        };
        futures_util::join!(first.drive(), later)
    });
    assert_eq!(zombie.unwrap_err().kind(), ErrorKind::Fenced);
    assert_eq!(outcome.unwrap(), Outcome::Succeeded);
    assert_eq!(lab.launched(began, 2), 4);
    lab.is_all(&two, 4);
}

/// The groups were pinned for the rollout, its execution died, and the pins stayed: what a provider may not do meanwhile it may do again.
#[test]
fn spinnaker_4812_what_was_switched_off_is_switched_on_again() {
    let lab = Lab::with(3, |options| options.heals(Heals::Switchable).drain(seconds(200)));
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    lab.cloud.never_healthy(&one);
    lab.names(&one).iter().for_each(|name| lab.cloud.sicken(name).unwrap());
    lab.pass(MINUTE);
    let told = lab.watched(&two, Strategy::rolling().max_surge(1), async |_, _| {
        let off = lab.cloud.effects().iter().any(|effect| matches!(effect.what, What::Upkeep(upkeep) if !upkeep.heal));
        if off { DIES } else { ON }
    });
    assert!(told.outcomes.is_empty(), "healing is switched off\n{told}");
    lab.pass(MINUTE * 30);
    lab.cloud.healthy_again(&one);
    lab.cloud.never_healthy(&two);
    let told = lab.carry_on(async |_, _| ON);
    assert_eq!(told.outcome(), &Outcome::RolledBack, "{told}");
    lab.is_all(&one, 3);
    let last = lab.cloud.effects().into_iter().filter_map(|effect| match (effect.what, effect.group) {
        (What::Upkeep(upkeep), Some(group)) if group.generation.0 == 1 => Some(upkeep.heal),
        _ => None,
    });
    assert_eq!(last.last(), Some(true), "{told}");
    lab.cloud.kill(&lab.names(&one)[0]).unwrap();
    lab.pass(MINUTE * 5);
    lab.is_all(&one, 3);
}

/// From a cold cache the cluster was empty, and its steps were skipped. So #6367 and #6714.
#[test]
fn spinnaker_1506_what_is_not_seen_is_not_gone_and_no_step_is_skipped() {
    for strategy in [Strategy::rolling().max_surge(1), Strategy::canary([percent(50)]).bake(MINUTE)] {
        let lab = Lab::new(4);
        let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
        lab.cloud.partial_views("the cache is cold", MINUTE * 10);
        let began = immutable_core::time::Clock::now(&lab.clock);
        let mut early = 0;
        let told = lab.watched(&two, strategy, async |_, report| {
            if report.at.since(began) < MINUTE * 10 {
                early = early.max(lab.launched(began, 2) + 4 - lab.running(&one));
            }
            ON
        });
        told.ends(&Outcome::Succeeded, 4, 5);
        told.said("a whole view");
        assert_eq!(early, 0, "nothing moves on half a view\n{told}");
        lab.is_all(&two, 4);
    }
}

/// A cache older than the last write was decided on. So #4784.
#[test]
fn argo_4786_a_view_from_before_the_last_write_spends_nothing_twice() {
    for heals in [Heals::Never, Heals::Switchable] {
        let lab = Lab::with(4, |options| options.heals(heals).operations_take(seconds(20)));
        let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
        lab.cloud.flicker(MINUTE * 120);
        let told = lab.play(&two, Strategy::rolling().max_surge(1));
        told.ends(&Outcome::Succeeded, 4, 5);
        assert_eq!(lab.launched(told.began, 2), 4, "{told}");
        lab.is_all(&two, 4);
    }
}

/// A second evaluation while the first was under way did not know of it: more than max_parallel were replaced.
#[test]
fn nomad_27284_a_look_while_a_call_is_under_way_spends_nothing_twice() {
    for (surge, unavailable) in [(0, 1), (1, 0), (1, 1)] {
        let lab = Lab::with(6, |options| options.latency(seconds(25)).operations_take(seconds(30)));
        let lab = Lab { controller: lab.controller.clone().poll(seconds(2)), ..lab };
        let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
        let told = lab.play(&two, Strategy::rolling().max_surge(surge).max_unavailable(unavailable));
        told.ends(&Outcome::Succeeded, 6 - unavailable, 6 + surge);
        assert_eq!(lab.launched(told.began, 2), 6, "{told}");
        lab.is_all(&two, 6);
    }
}

/// Monitoring is away for hours: who is not known to be healthy is not known to be ill.
#[test]
fn edge_case_9_in_the_dark_nobody_is_sent_away_and_somebody_is_asked() {
    let lab = Lab::new(4);
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let mut dark = false;
    let told = lab.watched(&two, Strategy::rolling().max_surge(1).max_unavailable(1), async |_, report| {
        if once(&mut dark, report.counts.ready >= 1) {
            lab.cloud.black_out(MINUTE * 300);
        }
        ON
    });
    assert_eq!(told.outcome(), &Outcome::Needs(Need::ProviderSilent), "{told}");
    told.keeps(3, 5);
    assert!(lab.running(&one) + lab.running(&two) >= 3);
    lab.pass(MINUTE * 300);
    let rollout = lab.clock.run(lab.controller.rollout(lab.fleet.id())).unwrap().unwrap();
    lab.clock.run(rollout.retry("ann")).unwrap();
    lab.carry_on(async |_, _| ON).ends(&Outcome::Succeeded, 3, 5);
    lab.is_all(&two, 4);
}
