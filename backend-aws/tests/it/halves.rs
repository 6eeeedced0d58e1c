//! Calls of which a part was done.

use std::sync::Arc;
use std::time::Duration;

use backend_aws::{AsgFleet, Terminate};
use immutable_core::fleet::{Refusal, Resize};
use immutable_core::id::InstanceKey;
use immutable_core::{Applied, ErrorKind};
use immutable_fakes::aws::Fault;

use crate::hand::{GROUP, Hand, play};

/// A group of so many that run.
async fn of(hand: &Hand, size: u32) -> Vec<InstanceKey> {
    hand.ensure(&hand.good()).await.unwrap();
    // A fleet of plain instances may launch into one zone at a time: here all of them in one call.
    hand.raise(0, size).await.unwrap();
    hand.account.wait(Duration::from_secs(300)).await;
    let members = hand.members().await.unwrap();
    assert_eq!(members.len(), size as usize);
    members
}

#[test]
fn a_lower_that_was_stopped_half_way_does_not_say_that_nothing_was_done() {
    play(async |account| {
        let mut hand = Hand::groups(&account);
        hand.fleets = Arc::new(AsgFleet::new(&account.aws).terminate(Terminate::One));
        let members = of(&hand, 3).await;
        account.fake.faults().nth("TerminateInstanceInAutoScalingGroup", 2, Fault::Throttled);
        let (op, leave) = (hand.op(), members[..2].iter().cloned().collect());
        let lower = Resize::Lower { group: GROUP, from: 3, leave };
        let error = hand.fleets.resize(&op, &lower).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Throttled, Applied::Unknown), "{error}");
        // Sent again, it goes on where it was.
        let resized = hand.fleets.resize(&op, &lower).await.unwrap();
        assert_eq!((resized.size, resized.refused), (1, Vec::new()));
    });
}

#[test]
fn one_who_is_no_member_does_not_keep_a_batch_from_leaving() {
    play(async |account| {
        let hand = Hand::groups(&account);
        let members = of(&hand, 3).await;
        let stranger = InstanceKey::named("i-00000000000000000");
        let resized = hand.lower(3, &[members[0].clone(), members[1].clone(), stranger.clone()]).await.unwrap();
        assert_eq!((resized.size, resized.refused), (1, vec![(stranger, Refusal::NotMember)]));
    });
}

#[test]
fn a_launch_that_is_all_shown_is_not_sent_again() {
    play(async |account| {
        let hand = Hand::plain(&account);
        hand.ensure(&hand.good()).await.unwrap();
        let (op, raise) = (hand.op(), Resize::Raise { group: GROUP, from: 0, to: 2 });
        assert_eq!(hand.fleets.resize(&op, &raise).await.unwrap().size, 2);
        account.wait(Duration::from_secs(3600)).await;
        assert_eq!(hand.fleets.resize(&op, &raise).await.unwrap().size, 2);
        assert_eq!(account.fake.count("RunInstances"), 1);
    });
}
