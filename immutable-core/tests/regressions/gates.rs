//! What is judged, and what is waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use immutable_core::analysis::{Judgement, Limit, Thresholds};
use immutable_core::id::StepIx;
use immutable_core::memory::MemoryMetrics;
use immutable_core::provider::{Judge, ThresholdJudge, judge_fn};
use immutable_core::rollout::{Analyse, Approve, Blocker, Check, Need, Otherwise, Step};
use immutable_core::{Error, ErrorKind, Outcome, Strategy};

use super::kit::{Lab, MINUTE, ON, once, percent, says, seconds, waits};

fn canary(gate: impl Into<Step>) -> Strategy {
    Strategy::new([Step::scale(percent(20)), gate.into(), Step::scale(percent(100))]).max_surge(1)
}

fn judged(lab: Lab, judge: impl Judge + 'static) -> Lab {
    Lab { controller: lab.controller.clone().judge("slo", judge), ..lab }
}

/// A gate that was not opened: nothing beyond the canary, and a person is asked.
#[track_caller]
fn asks(lab: &Lab, gate: impl Into<Step>, why: &str) {
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let told = lab.play(&two, canary(gate));
    let Outcome::Needs(Need::Gate { step: StepIx(1), why: said }) = told.outcome() else { panic!("{told}") };
    assert!(said.contains(why), "it said {said}");
    told.keeps(5, 6);
    assert_eq!((lab.running(&one), lab.running(&two)), (4, 1), "{told}");
}

/// The analysis had failed, and the rollout went on and was complete.
#[test]
fn argo_1411_a_failed_analysis_stops_it() {
    let lab = judged(Lab::new(5), says(Judgement::fail("it is worse")));
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let told = lab.play(&two, canary(Analyse::by("slo")));
    told.ends(&Outcome::RolledBack, 5, 6);
    assert_eq!(lab.launched(told.began, 2), 1, "{told}");
    lab.is_all(&one, 5);
}

/// All measurements were errors, and the analysis was successful. So was a job whose image could not be pulled, #4602.
#[test]
fn argo_4479_errors_only_are_no_success() {
    let fails = judge_fn(|_| async { Err(Error::new(ErrorKind::Unreachable, "the metrics cannot be read")) });
    asks(&judged(Lab::new(5), fails), Analyse::by("slo").lasting(MINUTE * 5), "`slo`");
}

/// A job that could not be run was a failure of the release: what could not be asked for a while is asked again.
#[test]
fn argo_4692_an_error_of_the_judge_is_not_the_releases() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = asked.clone();
    let later = judge_fn(move |_| {
        let nth = count.fetch_add(1, Ordering::Relaxed);
        async move { if nth < 3 { Err(Error::new(ErrorKind::Unreachable, "no pod for it")) } else { Ok(Judgement::pass("fine")) } }
    });
    let lab = judged(Lab::new(5), later);
    let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    lab.play(&two, canary(Check::by("slo"))).ends(&Outcome::Succeeded, 5, 6);
    assert!(asked.load(Ordering::Relaxed) >= 4);
}

/// One metric had failed and ended the others, which were successful for it; or there was no data for one, which was a pass in kayenta #799.
#[test]
fn argo_2158_one_that_fails_is_not_made_up_for_by_others() {
    let limits = || Thresholds::new([Limit::at_most("errors", 0.01), Limit::at_most("latency", 300.0)]).unwrap();
    for (errors, latency) in [(Some(0.5), Some(100.0)), (Some(0.0), Some(900.0)), (Some(0.5), None)] {
        let lab = Lab::new(5);
        let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
        let metrics = MemoryMetrics::new();
        errors.into_iter().for_each(|value| metrics.set(&two, "errors", value));
        latency.into_iter().for_each(|value| metrics.set(&two, "latency", value));
        let lab = judged(lab, ThresholdJudge::new(limits(), Arc::new(metrics)));
        let told = lab.play(&two, canary(Analyse::by("slo")));
        told.ends(&Outcome::RolledBack, 5, 6);
        lab.is_all(&one, 5);
    }
    let lab = Lab::new(5);
    let metrics = MemoryMetrics::new();
    asks(&judged(lab, ThresholdJudge::new(limits(), Arc::new(metrics))), Analyse::by("slo"), "`slo`");
}

/// The experiment was successful while its analysis was running.
#[test]
fn argo_943_an_analysis_has_its_time() {
    let lab = judged(Lab::new(5), says(Judgement::pass("fine so far")));
    let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let mut grown = None;
    let mut began = None;
    let told = lab.watched(&two, canary(Analyse::by("slo").lasting(MINUTE * 10)), async |_, report| {
        if waits(report, |blocker| matches!(blocker, Blocker::Judge { .. })) {
            began = began.or(Some(report.at));
        }
        if report.counts.launched > 1 {
            grown = grown.or(Some(report.at));
        }
        ON
    });
    told.ends(&Outcome::Succeeded, 5, 6);
    assert!(grown.unwrap().since(began.unwrap()) >= MINUTE * 10, "{told}");
}

/// The first deployment went past its analysis, and was dead.
#[test]
fn argo_4681_a_first_deployment_passes_its_gates_too() {
    let lab = judged(Lab::new(5), says(Judgement::fail("it is bad")));
    let one = lab.bake("1.0.0");
    let told = lab.play(&one, canary(Check::by("slo")));
    assert_eq!(told.outcome(), &Outcome::TornDown, "{told}");
    assert_eq!(lab.launched(told.began, 1), 1, "{told}");
    assert!(lab.machines().is_empty());
    told.said("rollback now would be impossible: no release is proven");
}

/// Nobody promoted it, and nothing ever ended that.
#[test]
fn argo_2200_waiting_for_a_person_has_an_end() {
    asks(&Lab::new(5), Approve::by(["ann"]).within(MINUTE * 30), "0 of 1 have approved in time");
    let lab = Lab::new(5);
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let told = lab.play(&two, canary(Approve::by(["ann"]).within(MINUTE * 30).otherwise(Otherwise::Back)));
    told.ends(&Outcome::RolledBack, 5, 6);
    lab.is_all(&one, 5);
    assert!(told.took() < MINUTE * 45, "{told}");
}

/// The machine of a canary was drained: its deployment waited for ever, or went on with none.
#[test]
fn nomad_25726_a_canary_that_is_lost_is_replaced_and_judged_anew() {
    let lab = Lab::new(5);
    let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let (mut killed, mut anew) = (None, None);
    let told = lab.watched(&two, canary(Step::bake(MINUTE * 10)), async |_, report| {
        let until = report.waits.iter().find_map(|blocker| if let Blocker::Bake { until, .. } = blocker { *until } else { None });
        if let Some(until) = until.filter(|until| killed.is_none() && until.since(report.at) < MINUTE * 5) {
            lab.cloud.kill(&lab.names(&two)[0]).unwrap();
            killed = Some(until);
        }
        if let (Some(before), Some(until)) = (killed, until.filter(|until| Some(*until) != killed)) {
            anew = anew.or(Some(until.since(before)));
        }
        ON
    });
    told.ends(&Outcome::Succeeded, 4, 6);
    assert!(anew.is_some_and(|later| later >= MINUTE * 5), "it bakes anew\n{told}");
    told.said("the bake to begin anew");
    lab.is_all(&two, 5);
}

/// The canary could not be placed for a while, and was never promoted by itself once it was.
#[test]
fn nomad_20308_a_canary_that_finds_no_room_at_first_goes_on_when_it_does() {
    let lab = Lab::new(5);
    let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    lab.cloud.capacity(5);
    let mut waited = None;
    let told = lab.watched(&two, canary(Step::bake(MINUTE)), async |_, report| {
        let since = *waited.get_or_insert(report.at);
        if report.at.since(since) > MINUTE * 4 {
            lab.cloud.capacity(None);
        }
        ON
    });
    told.ends(&Outcome::Succeeded, 5, 6);
    told.said("capacity");
    lab.is_all(&two, 5);
}

/// More canaries than were asked for, or fewer; so #4534.
#[test]
fn nomad_6407_a_canary_is_as_large_as_it_should_be() {
    for (share, canaries) in [(1, 1), (10, 1), (25, 3), (50, 5)] {
        let lab = Lab::new(10);
        let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
        let strategy = Strategy::canary([percent(share)]).bake(MINUTE);
        let mut there = Vec::new();
        let told = lab.watched(&two, strategy, async |_, report| {
            if waits(report, |blocker| matches!(blocker, Blocker::Bake { .. })) {
                there.push(lab.machines().iter().filter(|machine| machine.artifact == two.digest()).count());
            }
            ON
        });
        told.ends(&Outcome::Succeeded, 10, 13);
        assert!(!there.is_empty() && there.iter().all(|there| *there == canaries), "{share} %: {there:?}");
    }
}

/// What was known of the canaries was lost with their promotion.
#[test]
fn nomad_27497_a_promoted_canary_stays_and_is_one_of_the_fleet() {
    let lab = Lab::new(5);
    let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let (mut promoted, mut canary_was) = (false, Vec::new());
    let told = lab.watched(&two, canary(Approve::by(["ann"])), async |rollout, report| {
        if once(&mut promoted, waits(report, |blocker| matches!(blocker, Blocker::Approval { .. }))) {
            canary_was = lab.names(&two);
            rollout.promote(StepIx(1), "bob").await.unwrap();
        }
        ON
    });
    told.ends(&Outcome::Succeeded, 5, 6);
    assert_eq!(canary_was.len(), 1);
    assert!(lab.names(&two).contains(&canary_was[0]));
    assert_eq!(lab.launched(told.began, 2), 5, "{told}");
}

/// Deadlines passed while it was paused.
#[test]
fn nomad_27804_a_pause_stops_the_deadlines() {
    let lab = Lab::new(4);
    let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let (mut paused, mut resumed) = (None, false);
    let strategy = Strategy::rolling().max_surge(1).progress_deadline(MINUTE * 10);
    let told = lab.watched(&two, strategy, async |rollout, report| {
        if paused.is_none() && report.counts.ready == 2 {
            rollout.pause("ann").await.unwrap();
            paused = Some(report.at);
        }
        if once(&mut resumed, paused.is_some_and(|since| report.at.since(since) > MINUTE * 60)) {
            rollout.resume("ann").await.unwrap();
        }
        ON
    });
    told.ends(&Outcome::Succeeded, 4, 5);
    told.said("ann, who has paused it");
    assert!(told.took() > MINUTE * 60);
    lab.is_all(&two, 4);
}

/// An alarm that rings while it is paused is heard all the same: the health watch goes on.
#[test]
fn edge_case_16_who_fails_during_a_pause_is_charged_after_it() {
    let lab = Lab::new(4);
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let (mut paused, mut resumed) = (None, false);
    let told = lab.watched(&two, Strategy::rolling().max_surge(1).max_failed(0), async |rollout, report| {
        if paused.is_none() && report.counts.ready == 2 {
            rollout.pause("ann").await.unwrap();
            paused = Some(report.at);
        }
        let since = paused.map_or(seconds(0), |paused| report.at.since(paused));
        if since > MINUTE && since < MINUTE * 2 {
            lab.names(&two).iter().for_each(|name| lab.cloud.sicken(name).unwrap());
        }
        if once(&mut resumed, since > MINUTE * 30) {
            rollout.resume("ann").await.unwrap();
        }
        ON
    });
    told.ends(&Outcome::RolledBack, 2, 5);
    lab.is_all(&one, 4);
}
