//! When it is said to be done, what a plan refuses, and who is charged.

use immutable_core::fleet::{Heals, Life, Verdict};
use immutable_core::memory::{Delay, What};
use immutable_core::{ErrorKind, Outcome, Strategy};

use super::kit::{Lab, MINUTE, ON, once, percent, seconds};

/// The wait for the update was over at once; with #42355 of terraform-aws there was none at all.
#[test]
fn terraform_google_3378_done_is_said_when_it_is() {
    for (surge, drain) in [(1, 0), (4, 300)] {
        let lab = Lab::with(4, |options| options.drain(seconds(drain)).boot(Delay::Uniform(seconds(20), seconds(200))));
        let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
        let told = lab.play(&two, Strategy::rolling().max_surge(surge));
        told.ends(&Outcome::Succeeded, 4, 4 + surge);
        lab.is_all(&two, 4);
        let last = lab.effects(told.began).filter(|effect| matches!(effect.what, What::Judged(..) | What::Lives(..))).last();
        assert!(last.is_some_and(|last| last.at <= told.ended), "nothing comes after it");
        lab.pass(MINUTE * 30);
        lab.is_all(&two, 4);
    }
}

/// The target was reached while instances were still verified.
#[test]
fn terraform_google_6126_who_has_not_been_healthy_for_long_enough_is_not_done() {
    let lab = Lab::new(3);
    let lab = Lab { fleet: lab.fleet.clone().min_ready(MINUTE * 3), ..lab };
    let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let told = lab.play(&two, Strategy::rolling().max_surge(3));
    told.ends(&Outcome::Succeeded, 3, 6);
    let healthy = lab.effects(told.began).filter(|effect| matches!(effect.what, What::Judged(_, Verdict::Healthy)));
    let last = healthy.map(|effect| effect.at).max().unwrap();
    assert!(told.ended.since(last) >= MINUTE * 3, "{told}");
}

/// All were to be healthy, there was one, and it was terminated first. So #211.
#[test]
fn alphagov_208_the_only_one_is_not_replaced_before_there_is_another() {
    let lab = Lab::new(1);
    let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let why = lab.refused(&two, Strategy::rolling().max_surge(0).max_unavailable(0));
    assert!(why.contains("max_surge") && why.contains("allow"), "{why}");
    lab.play(&two, Strategy::rolling()).ends(&Outcome::Succeeded, 1, 2);
    lab.is_all(&two, 1);
    let three = lab.bake("1.2.0");
    lab.play(&three, Strategy::rolling().max_surge(0).max_unavailable(1)).ends(&Outcome::Succeeded, 0, 1);
    lab.is_all(&three, 1);
}

/// Two instances of which 20 % may be unhealthy: none may, and it never went on. Rounding is said when it is planned.
#[test]
fn opencga_987_a_budget_that_rounds_to_nothing_is_refused_with_what_would_do() {
    let lab = Lab::new(2);
    let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let twentieth = Strategy::rolling().max_surge(0).max_unavailable(percent(20));
    let error = lab.plan(&two, twentieth.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("20%") && error.to_string().contains("at least 1"), "{error}");
    lab.play(&two, twentieth.max_surge(percent(20))).ends(&Outcome::Succeeded, 2, 3);
    lab.is_all(&two, 2);
}

/// What could not be allocated counted as unhealthy, and the upgrade was given up.
#[test]
fn azure_powershell_11896_a_lack_of_capacity_is_not_the_releases_fault() {
    for at in [0, 2] {
        let lab = Lab::new(4);
        let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
        let mut scarce = None;
        let told = lab.watched(&two, Strategy::rolling().max_surge(2).max_failed(0), async |_, report| {
            if scarce.is_none() && report.counts.ready == at {
                lab.cloud.capacity(4);
                scarce = Some(report.at);
            }
            if scarce.is_some_and(|since| report.at.since(since) > MINUTE * 12) {
                lab.cloud.capacity(None);
            }
            ON
        });
        told.ends(&Outcome::Succeeded, 4, 6);
        lab.is_all(&two, 4);
    }
}

/// Machines on their way out took quota and addresses, and those that were to come did not find any. So for pods that are replaced.
#[test]
fn gardener_425_who_is_still_leaving_counts() {
    let lab = Lab::with(5, |options| options.drain(MINUTE * 10));
    let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    lab.cloud.capacity(6);
    let told = lab.play(&two, Strategy::rolling().max_surge(1).progress_deadline(MINUTE * 30));
    told.ends(&Outcome::Succeeded, 5, 6);
    told.said("room: 6 of at most 6 exist");
    assert_eq!(lab.count(told.began, |effect| matches!(effect.what, What::Troubled(_))), 0, "nobody is refused a place");
    lab.is_all(&two, 5);
}

/// Health was checked in the order of a list, and the first that was not ready yet was waited for without end.
#[test]
fn terraform_aws_17405_one_that_never_comes_up_is_replaced_and_not_waited_for() {
    let lab = Lab::new(6);
    let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let mut hangs = false;
    let told = lab.watched(&two, Strategy::rolling().max_surge(2).max_failed(1), async |_, report| {
        if once(&mut hangs, report.counts.ready == 3) {
            lab.cloud.sicken(&lab.names(&two)[0]).unwrap();
        }
        ON
    });
    told.ends(&Outcome::Succeeded, 5, 8);
    assert_eq!(lab.launched(told.began, 2), 7, "one in the place of another\n{told}");
    lab.is_all(&two, 6);
}

/// The wrong node was terminated: who is named is named by what it is, and the healer puts others under the same name.
#[test]
fn kops_9983_nobody_is_terminated_for_another() {
    let lab = Lab::with(4, |options| options.heals(Heals::Always));
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let mut lost = 0;
    let told = lab.watched(&two, Strategy::rolling().max_surge(1), async |_, report| {
        if lost < 2 && report.counts.ready > lost {
            lost += 1;
            lab.cloud.kill(lab.names(&one).last().unwrap()).unwrap();
        }
        ON
    });
    assert_eq!((told.outcome(), lost), (&Outcome::Succeeded, 2), "{told}");
    let gone_ready = lab.count(told.began, |effect| {
        let new = effect.group.is_some_and(|group| group.generation.0 == 2);
        new && matches!(effect.what, What::Lives(_, Life::Leaving | Life::Gone))
    });
    assert_eq!(gone_ready, 0, "none of the new was ever named\n{told}");
    lab.is_all(&two, 4);
}

/// The autoscaler had terminated an instance by the time it was to leave, and the update failed for it.
#[test]
fn kops_pr_10740_who_is_gone_already_when_it_is_to_leave_is_no_failure() {
    let lab = Lab::with(6, |options| options.latency(seconds(3)).operations_take(seconds(20)));
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let mut gone = 0;
    let told = lab.watched(&two, Strategy::rolling().max_surge(1).max_unavailable(1), async |_, report| {
        // The first of the old is the one that is named.
        let named = report.waits.iter().any(|blocker| matches!(blocker, immutable_core::rollout::Blocker::Call { .. }));
        if named && gone < 2 && report.counts.ready > gone {
            gone += 1;
            lab.cloud.kill(&lab.names(&one)[0]).unwrap();
        }
        ON
    });
    assert_eq!((told.outcome(), gone), (&Outcome::Succeeded, 2), "{told}");
    told.keeps(3, 7);
    lab.is_all(&two, 6);
}

/// A fleet of nothing: there is nothing to try, its template is in place and nothing is said to be proven.
#[test]
fn edge_case_11_of_an_empty_fleet_nothing_is_proven() {
    let lab = Lab::new(0);
    let one = lab.bake("1.0.0");
    let told = lab.play(&one, Strategy::rolling().max_surge(0).max_unavailable(1));
    assert_eq!(told.outcome(), &Outcome::Unexercised, "{told}");
    assert!(lab.machines().is_empty());
    let lab = Lab { fleet: lab.fleet.clone().size(3), ..lab };
    let two = lab.bake("1.1.0");
    lab.cloud.never_healthy(&two);
    assert_eq!(lab.play(&two, Strategy::rolling()).outcome(), &Outcome::TornDown);
    assert!(lab.running(&one) == 0 && lab.machines().is_empty());
}
