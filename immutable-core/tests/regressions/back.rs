//! Whereto it goes back, when, and at what cost.

use immutable_core::analysis::Judgement;
use immutable_core::artifact::{Built, Provenance};
use immutable_core::fleet::GenerationId;
use immutable_core::id::StepIx;
use immutable_core::memory::What;
use immutable_core::rollout::{AbortTo, Analyse, Approve, Blocker, Feasibility, Need, Otherwise, Percent, Step, Supersede};
use immutable_core::{Artifact, Outcome, Strategy};

use super::kit::{Lab, MINUTE, ON, WEIGHTED, once, ours, percent, says, seconds, waits};

fn all() -> Percent {
    percent(100)
}

/// The source of a rollback was the group before, which was disabled since it had failed itself.
#[test]
fn orca_pr_3341_never_back_to_what_failed() {
    let lab = Lab::new(4);
    let (one, two, three) = (lab.proven("1.0.0"), lab.bake("1.1.0"), lab.bake("1.2.0"));
    for bad in [&two, &three] {
        lab.cloud.never_healthy(bad);
        lab.play(bad, Strategy::rolling().max_surge(1)).ends(&Outcome::RolledBack, 4, 5);
        lab.is_all(&one, 4);
    }
}

/// The same, of one that was left half-way and never proven: it is not what is gone back to, though it ran last.
#[test]
fn spinnaker_back_is_to_what_was_proven_and_not_to_what_ran_last() {
    let lab = Lab::new(4);
    let (one, two, three) = (lab.proven("1.0.0"), lab.bake("1.1.0"), lab.bake("1.2.0"));
    let mut asked = false;
    let told = lab.watched(&two, Strategy::rolling().max_surge(1), async |rollout, report| {
        if once(&mut asked, report.counts.ready == 3) {
            rollout.abort(AbortTo::Mixed, "ann").await.unwrap();
        }
        ON
    });
    told.ends(&Outcome::LeftMixed, 4, 5);
    assert!(lab.running(&two) >= 3);
    lab.cloud.never_healthy(&three);
    lab.play(&three, Strategy::rolling().max_surge(1)).ends(&Outcome::RolledBack, 4, 5);
    lab.is_all(&one, 4);
}

/// The group's template was changed first, and to roll back meant to launch that again.
#[test]
fn terraform_aws_34189_what_is_launched_on_the_way_back_is_the_release_before() {
    let lab = Lab::new(6);
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let controller = lab.controller.clone().judge("errors", says(Judgement::fail("too many")));
    let lab = Lab { controller, ..lab };
    let half = Strategy::new([Step::scale(percent(50)), Analyse::by("errors").into(), Step::scale(all())]).max_surge(1);
    let mut turned = None;
    let told = lab.watched(&two, half, async |_, report| {
        turned = turned.or(report.back.as_ref().map(|_| report.at));
        ON
    });
    told.ends(&Outcome::RolledBack, 6, 7);
    lab.is_all(&one, 6);
    let turned = turned.expect("it went back");
    assert_eq!((lab.launched(turned, 1), lab.launched(turned, 2)), (3, 0));
    told.said("going back to acmeinc/web 1.0.0");
}

/// What was gone back to was as bad, and it was launched over and over; other engines guard against a revert to the same by name only.
#[test]
fn terraform_aws_34189_a_way_back_that_does_not_work_has_an_end() {
    let lab = Lab::new(4);
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    lab.cloud.never_healthy(&two);
    lab.cloud.never_healthy(&one);
    let strategy = Strategy::rolling().max_surge(0).max_unavailable(1).rollback_attempts(3);
    let told = lab.play(&two, strategy);
    let why = "3 of its instances failed on the way back, 3 are tried; the last: the health check fails";
    assert_eq!(told.outcome(), &Outcome::Needs(Need::BaselineUnlaunchable { why: why.into() }), "{told}");
    told.keeps(3, 4);
    assert_eq!(lab.launched(told.began, 1), 3, "{told}");
    assert_eq!(lab.running(&one), 3, "who serves goes on");
}

/// A revert stopped the healthy allocations first, and then started what was to replace them.
#[test]
fn nomad_3836_a_way_back_does_not_first_kill_what_serves() {
    let lab = Lab::new(6);
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let mut asked = false;
    let told = lab.watched(&two, Strategy::rolling().max_surge(2), async |rollout, report| {
        if once(&mut asked, report.counts.ready >= 5) {
            rollout.abort(AbortTo::Back, "ann").await.unwrap();
        }
        ON
    });
    told.ends(&Outcome::RolledBack, 6, 8);
    lab.is_all(&one, 6);
}

/// With half of the allocations replaced at once, new ones that failed cost the healthy ones their place.
#[test]
fn nomad_6864_new_ones_that_fail_cost_at_most_the_room_of_one() {
    for (surge, floor) in [(0, 5), (1, 6)] {
        let lab = Lab::new(6);
        let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
        lab.cloud.never_healthy(&two);
        let told = lab.play(&two, Strategy::rolling().max_surge(surge).max_unavailable(3));
        told.ends(&Outcome::RolledBack, floor, 6 + surge);
        assert_eq!(lab.launched(told.began, 2), 1, "one was tried\n{told}");
        lab.is_all(&one, 6);
    }
}

/// While it was promoting there was no way back, whatever happened then. So #1591.
#[test]
fn flagger_1588_there_is_a_way_back_after_the_last_gate() {
    for late in [false, true] {
        let lab = Lab::behind(4, WEIGHTED, |options| options);
        let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
        let mut asked = false;
        let told = lab.watched(&two, Strategy::blue_green().keep_old(MINUTE * 10), async |rollout, report| {
            let keeps = waits(report, |blocker| matches!(blocker, Blocker::KeepsOld { .. }));
            let bakes = waits(report, |blocker| matches!(blocker, Blocker::Bake { .. }));
            if once(&mut asked, if late { keeps } else { bakes }) {
                assert_eq!(report.rollback, Feasibility::Instant);
                rollout.abort(AbortTo::Back, "ann").await.unwrap();
            }
            ON
        });
        told.ends(&Outcome::RolledBack, 4, 8);
        assert_eq!(lab.ill_served(told.began, 4), None);
        assert_eq!(lab.launched(told.began, 1), 0, "what was kept was enough\n{told}");
        lab.is_all(&one, 4);
    }
}

/// A migration cannot be undone, and the controller rolled back; the same was said in nomad #10882.
#[test]
fn flagger_1186_across_what_cannot_be_undone_it_asks() {
    let lab = Lab::new(4);
    let one = lab.proven("1.0.0");
    let built = Built::new(Provenance::new("test", "1.1.0")).irreversible("schema 12");
    let two = Artifact::new(one.name().clone(), "1.1.0".parse().unwrap(), built).unwrap();
    let two = lab.cloud.import(&two).unwrap();
    let mut told_at = None;
    let told = lab.watched(&two, Strategy::rolling().max_surge(1), async |_, report| {
        if report.counts.ready == 2 {
            lab.cloud.never_healthy(&two);
            told_at = told_at.or(Some(report.at));
        }
        ON
    });
    assert!(matches!(told.outcome(), Outcome::Needs(Need::Irreversible { mark, .. }) if &**mark == "schema 12"), "{told}");
    told.keeps(4, 5);
    told.said("rollback now would be impossible: there is no way back from it, schema 12");
    let calls = lab.cloud.calls();
    lab.pass(MINUTE * 60);
    assert_eq!(calls, lab.cloud.calls(), "nothing moves until somebody decides");
    assert!(lab.running(&two) >= 2 && lab.running(&one) >= 2);
}

/// Promoted by hand and aborted after that, the abort was ignored.
#[test]
fn argo_4461_an_abort_after_a_promotion_is_an_abort() {
    let lab = Lab::new(6);
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let (mut promoted, mut asked) = (false, false);
    let canary = Strategy::canary([percent(20)]).bake(MINUTE * 60).max_surge(1);
    let told = lab.watched(&two, canary, async |rollout, report| {
        if once(&mut promoted, waits(report, |blocker| matches!(blocker, Blocker::Bake { .. }))) {
            rollout.promote(StepIx(1), "ann").await.unwrap();
        }
        if once(&mut asked, report.counts.ready >= 4) {
            rollout.abort(AbortTo::Back, "ann").await.unwrap();
        }
        ON
    });
    assert!(promoted && asked);
    told.ends(&Outcome::RolledBack, 6, 7);
    lab.is_all(&one, 6);
}

/// To retry what was aborted got stuck.
#[test]
fn argo_3120_what_was_aborted_can_be_tried_again() {
    let lab = Lab::new(4);
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let mut asked = false;
    let told = lab.watched(&two, Strategy::rolling().max_surge(1), async |rollout, report| {
        if once(&mut asked, report.counts.ready == 2) {
            rollout.abort(AbortTo::Back, "ann").await.unwrap();
        }
        ON
    });
    told.ends(&Outcome::RolledBack, 4, 5);
    lab.is_all(&one, 4);
    lab.play(&two, Strategy::rolling().max_surge(1)).ends(&Outcome::Succeeded, 4, 5);
    lab.is_all(&two, 4);
}

/// Aborted after its end, it was reconciled in a hot loop.
#[test]
fn argo_3064_an_abort_after_the_end_moves_nothing() {
    let lab = Lab::new(3);
    let (_, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let plan = lab.plan(&two, Strategy::rolling().max_surge(1)).unwrap();
    let rollout = lab.clock.run(lab.controller.start(plan)).unwrap();
    assert_eq!(lab.clock.run(rollout.drive()).unwrap(), Outcome::Succeeded);
    let (calls, written) = (lab.cloud.calls(), lab.clock.run(lab.controller.history(lab.fleet.id())).unwrap().len());
    lab.clock.run(rollout.abort(AbortTo::Back, "ann")).unwrap();
    assert_eq!(lab.clock.run(rollout.drive()).unwrap(), Outcome::Succeeded);
    assert_eq!(calls, lab.cloud.calls());
    assert_eq!(written, lab.clock.run(lab.controller.history(lab.fleet.id())).unwrap().len());
    lab.is_all(&two, 3);
}

/// A canary that was bad ran on after the abort.
#[test]
fn argo_1593_of_a_bad_canary_nothing_is_left() {
    let lab = Lab::behind(5, WEIGHTED, |options| options);
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let lab = Lab { controller: lab.controller.clone().judge("errors", says(Judgement::fail("too many"))), ..lab };
    let told = lab.play(&two, Strategy::canary([percent(40)]).gate(Analyse::by("errors")));
    told.ends(&Outcome::RolledBack, 5, 7);
    lab.is_all(&one, 5);
    assert_eq!(lab.cloud.in_force(&"web".into()).unwrap().keys().copied().collect::<Vec<_>>(), [GenerationId(1)]);
}

/// Both colours were active after a deployment that failed.
#[test]
fn cf_deployer_39_after_a_failure_one_colour_is_there() {
    let lab = Lab::behind(3, WEIGHTED, |options| options);
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    lab.cloud.never_boots(&two);
    let told = lab.play(&two, Strategy::blue_green());
    told.ends(&Outcome::RolledBack, 3, 6);
    assert_eq!(lab.ill_served(told.began, 3), None);
    lab.is_all(&one, 3);
}

/// It ran into its timeout, and the group was left as large as it had been made for the time being.
#[test]
fn bouncer_57_a_timeout_leaves_the_size_that_was() {
    let lab = Lab::new(4);
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    lab.cloud.capacity(4);
    let told = lab.play(&two, Strategy::rolling().max_surge(4).progress_deadline(MINUTE * 15));
    told.ends(&Outcome::RolledBack, 4, 8);
    told.said("no progress within the deadline");
    lab.is_all(&one, 4);
    lab.cloud.capacity(None);
    lab.pass(MINUTE * 10);
    lab.is_all(&one, 4);
}

/// The alarm that had stopped the deployment stopped its rollback as well, unless it was overridden.
#[test]
fn codedeploy_the_alarm_that_turned_it_does_not_stop_its_way_back() {
    let lab = Lab::new(4);
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let lab = Lab { controller: lab.controller.clone().judge("alarm", says(Judgement::fail("it rings"))), ..lab };
    let told = lab.play(&two, Strategy::rolling().max_surge(1).gate(Analyse::by("alarm").lasting(MINUTE * 5)));
    told.ends(&Outcome::RolledBack, 4, 5);
    told.said("`alarm` says no: it rings");
    lab.is_all(&one, 4);
    assert!(told.took() < MINUTE * 30, "it does not wait for the alarm to be over\n{told}");
}

/// What was to be gone back to had been deleted from the registry by its life-cycle rule.
#[test]
fn edge_case_14_a_way_back_whose_image_is_gone_is_said_and_costs_nobody_who_serves() {
    let lab = Lab::new(4);
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let mut asked = false;
    let told = lab.watched(&two, Strategy::rolling().max_surge(1), async |rollout, report| {
        if once(&mut asked, report.counts.ready == 3) {
            lab.cloud.delete_image(&one);
            rollout.abort(AbortTo::Back, "ann").await.unwrap();
        }
        ON
    });
    assert!(matches!(told.outcome(), Outcome::Needs(Need::BaselineUnlaunchable { .. })), "{told}");
    told.keeps(4, 5);
    assert!(told.outcome().to_string().contains("it cannot be launched"), "{told}");
    assert_eq!(lab.running(&one) + lab.running(&two), 4, "{told}");
}

/// The old is gone for good: to run it again is a rollout like any other, with its gates.
#[test]
fn edge_case_15_after_the_end_the_way_back_is_a_rollout_with_all_its_gates() {
    let lab = Lab::new(4);
    let (one, two) = (lab.proven("1.0.0"), lab.proven("1.1.0"));
    let approve = Approve::by(["ann"]).within(MINUTE * 5).otherwise(Otherwise::Back);
    let told = lab.play(&one, Strategy::canary([percent(25)]).gate(approve));
    told.ends(&Outcome::RolledBack, 4, 5);
    told.said("1 of ann to approve");
    lab.is_all(&two, 4);
    let plan = lab.plan(&two, Strategy::rolling().max_surge(1)).unwrap();
    let began = plan.to().version.clone();
    assert_eq!(began.to_string(), "1.1.0");
    let calls = lab.cloud.calls();
    lab.play(&two, Strategy::rolling().max_surge(1)).ends(&Outcome::Succeeded, 4, 5);
    assert_eq!(calls, lab.cloud.calls(), "what is as it should be is left alone");
}

/// Rolled back on the way back: a third takes its place, and the first is what both go back to.
#[test]
fn edge_case_14_a_rollback_of_a_rollback_goes_to_what_is_proven() {
    let lab = Lab::new(4);
    let (one, two, three) = (lab.proven("1.0.0"), lab.bake("1.1.0"), lab.bake("1.2.0"));
    lab.cloud.never_healthy(&three);
    let (mut asked, mut next) = (false, false);
    let told = lab.watched(&two, Strategy::rolling().max_surge(1), async |rollout, report| {
        if once(&mut asked, report.counts.ready == 3) {
            rollout.abort(AbortTo::Back, "ann").await.unwrap();
        }
        if once(&mut next, report.back.is_some() && lab.running(&one) == 2) {
            let strategy = Strategy::rolling().max_surge(1).supersede(Supersede::Replace);
            let plan = lab.controller.plan(&lab.fleet, &three, strategy).await.unwrap();
            lab.controller.start(plan).await.unwrap();
        }
        ON
    });
    assert!(matches!(told.outcomes[..], [Outcome::Superseded { .. }, Outcome::RolledBack]), "{told}");
    told.keeps(4, 5);
    lab.is_all(&one, 4);
}

/// Nobody names a machine to leave on the way back whose place has not been taken.
#[test]
fn nomad_3836_also_behind_a_pool_and_with_nobody_left_of_the_old() {
    let lab = Lab::behind(3, WEIGHTED, |options| options.settle(seconds(30)));
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let steps = [Step::scale(all()), Step::bake(MINUTE)];
    let mut asked = false;
    let told = lab.watched(&two, Strategy::new(steps).max_surge(1), async |rollout, report| {
        if once(&mut asked, waits(report, |blocker| matches!(blocker, Blocker::Bake { .. }))) {
            assert_eq!((lab.running(&one), report.rollback.clone()), (0, Feasibility::Replace));
            rollout.abort(AbortTo::Back, "ann").await.unwrap();
        }
        ON
    });
    told.ends(&Outcome::RolledBack, 3, 4);
    assert_eq!(lab.ill_served(told.began, 3), None);
    let drained = lab.count(told.began, |effect| ours(effect) && matches!(effect.what, What::Draining(..)));
    assert!(drained >= 6, "who serves finishes its requests, forth and back\n{told}");
    lab.is_all(&one, 3);
}
