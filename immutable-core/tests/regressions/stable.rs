//! What is proven does not work any more, or not all of it: the fix must get through, and nobody who serves is lost to it.

use immutable_core::fleet::Heals;
use immutable_core::rollout::Amount;
use immutable_core::{Outcome, Strategy};

use super::kit::{Lab, MINUTE, ON, once, percent, seconds};

/// A fleet of which some are ill for good when its fix is rolled out.
struct Ill {
    size: u32,
    ill: usize,
    surge: Amount,
    unavailable: Amount,
    heals: Heals,
}

impl Ill {
    fn of(size: u32, ill: usize) -> Self {
        Self { size, ill, surge: Amount::Count(1), unavailable: Amount::Count(0), heals: Heals::Never }
    }

    /// The fix is rolled out under the budget, never with fewer ready than there were, and in the time that the healthy would take.
    #[track_caller]
    fn gets_its_fix(self) {
        let lab = Lab::with(self.size, |options| options.heals(self.heals));
        let one = lab.proven("1.0.0");
        lab.cloud.never_healthy(&one);
        lab.names(&one).iter().take(self.ill).for_each(|name| lab.cloud.sicken(name).unwrap());
        lab.pass(MINUTE / 6);
        let strategy = Strategy::rolling().max_surge(self.surge).max_unavailable(self.unavailable);
        let budget = strategy.budget(self.size);
        let two = lab.bake("1.1.0");
        let told = lab.play(&two, strategy);
        let serve = u32::try_from(lab.machines().len()).unwrap() - u32::try_from(self.ill).unwrap();
        told.ends(&Outcome::Succeeded, serve.min(budget.floor), budget.ceiling);
        lab.is_all(&two, self.size as usize);
        assert!(told.took() < seconds(150) * (self.size + 2), "{told}");
    }
}

/// A rollout of the fix waited for the stable replica set to be available, which it never was. So did #995 and #3110.
#[test]
fn argo_1774_a_bad_stable_does_not_block_the_fix() {
    Ill::of(5, 5).gets_its_fix();
}

/// The canary was never begun, since the primary was not ready.
#[test]
fn flagger_639_a_primary_that_is_not_ready_does_not_keep_the_canary_from_beginning() {
    Ill::of(1, 1).gets_its_fix();
}

/// The broken old replicas counted as those that must be available, and the new waited for room behind them.
#[test]
fn kubernetes_16737_the_broken_old_make_room_first() {
    Ill { surge: Amount::Count(0), unavailable: Amount::Count(3), ..Ill::of(6, 3) }.gets_its_fix();
}

/// With all that may be unavailable in a crash loop nothing was replaced any more.
#[test]
fn kubernetes_18435_as_many_broken_as_may_be_unavailable_are_no_deadlock() {
    Ill { surge: Amount::Count(0), unavailable: Amount::Count(2), ..Ill::of(6, 2) }.gets_its_fix();
}

/// A managed group with unhealthy instances could not be updated; so #10792.
#[test]
fn terraform_google_10648_a_group_with_unhealthy_instances_can_be_updated() {
    Ill { surge: percent(25).into(), ..Ill::of(4, 2) }.gets_its_fix();
}

/// The cluster was to be valid before the first node was replaced, and the nodes to be replaced were what was not.
#[test]
fn kops_11367_what_is_to_be_replaced_need_not_be_valid() {
    Ill { surge: Amount::Count(0), unavailable: Amount::Count(1), ..Ill::of(3, 3) }.gets_its_fix();
}

/// More broken than may be unavailable, and no surge: its planner breaks its own budget by one to get out of this.
#[test]
fn cluster_api_pr_13020_more_broken_than_may_be_is_no_deadlock_and_costs_nobody_who_serves() {
    Ill { surge: Amount::Count(0), unavailable: Amount::Count(1), ..Ill::of(5, 3) }.gets_its_fix();
}

/// The provider replaced what was ill by the like of it while the fix was rolled out.
#[test]
fn kubernetes_crash_loops_that_are_restarted_all_the_while_do_not_outrun_the_fix() {
    Ill { heals: Heals::Switchable, ..Ill::of(5, 5) }.gets_its_fix();
}

/// Old machines that failed during a rollout were not remediated.
#[test]
fn cluster_api_13800_an_old_one_that_fails_meanwhile_is_replaced() {
    let lab = Lab::with(5, |options| options.heals(Heals::Switchable));
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let (mut killed, mut back) = (false, false);
    let told = lab.watched(&two, Strategy::canary([percent(20)]).bake(MINUTE * 20), async |_, report| {
        let bakes = report.to_string().contains("the bake to be over");
        back |= killed && bakes && lab.running(&one) == 4;
        if once(&mut killed, bakes) {
            lab.cloud.kill(&lab.names(&one)[0]).unwrap();
        }
        ON
    });
    assert!(back, "it is replaced while the gate is waited for\n{told}");
    told.ends(&Outcome::Succeeded, 4, 7);
    lab.is_all(&two, 5);
}

/// The node of an old allocation was drained while a canary had failed: what came in its place was the canary's version.
#[test]
fn nomad_5619_who_is_lost_comes_back_as_what_it_was() {
    let lab = Lab::with(5, |options| options.heals(Heals::Switchable));
    let (one, two) = (lab.proven("1.0.0"), lab.bake("1.1.0"));
    let mut lost = 0;
    let told = lab.watched(&two, Strategy::canary([percent(20)]).bake(MINUTE * 10), async |_, report| {
        if lost < 3 && report.to_string().contains("the bake to be over") && lab.running(&one) == 4 {
            lost += 1;
            lab.cloud.kill(&lab.names(&one)[lost]).unwrap();
            lab.cloud.never_healthy(&two);
        }
        ON
    });
    assert_eq!(lost, 3, "{told}");
    // What was lost in the second half of the rollout is of the old as long as it is the old's place.
    let old = lab.launched(told.began, 1);
    assert!(old >= 3, "{old} of the old were launched\n{told}");
    assert_eq!(told.outcome(), &Outcome::RolledBack, "{told}");
    lab.is_all(&one, 5);
}
