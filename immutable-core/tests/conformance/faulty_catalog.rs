//! Each fault does to a catalog what it says.

use std::sync::Arc;
use std::time::Duration;

use immutable_core::conformance::{Call, Fault, Faults, Faulty};
use immutable_core::fleet::Coverage;
use immutable_core::memory::{MemoryCloud, MemoryOptions};
use immutable_core::provider::{Availability, Deleted, ImageCatalog, ImageStage};
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Applied, ErrorKind, ImageRef};

const MINUTE: Duration = Duration::from_secs(60);

/// A faulty wire to a cloud with an image that nobody uses.
struct Wired {
    clock: VirtualClock,
    cloud: MemoryCloud,
    faulty: Faulty<MemoryCloud>,
    image: ImageRef,
}

impl Wired {
    fn new() -> Self {
        let clock = crate::clock();
        let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()));
        let image = cloud.bake("acmeinc/web", "1.0.0").unwrap().image_in(&cloud.place()).unwrap().clone();
        let faulty = Faulty::new(Arc::new(cloud.clone()), Arc::new(clock.clone()), 1, Faults::none());
        Self { clock, cloud, faulty, image }
    }

    /// The stage in truth.
    fn stage(&self) -> ImageStage {
        self.clock.run(self.cloud.describe(std::slice::from_ref(&self.image))).unwrap()[0].stage
    }
}

#[test]
fn a_delete_is_refused_lost_or_done_unknown() {
    let wired = Wired::new();
    wired.faulty.next(Call::Delete, Fault::Error(ErrorKind::Denied));
    let error = wired.clock.run(wired.faulty.delete(&wired.image)).unwrap_err();
    assert_eq!((error.kind(), error.applied(), wired.stage()), (ErrorKind::Denied, Applied::No, ImageStage::Active));
    for (fault, stage) in [(Fault::LostRequest, ImageStage::Active), (Fault::LostReply, ImageStage::Gone)] {
        wired.faulty.next(Call::Delete, fault);
        let sent = wired.clock.now();
        let error = wired.clock.run(wired.faulty.delete(&wired.image)).unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Unreachable, Applied::Unknown));
        assert_eq!(error.echo_until(), Some(sent + MINUTE), "the two must not be told apart");
        assert_eq!(wired.stage(), stage, "{fault:?}");
    }
    assert_eq!(wired.clock.run(wired.faulty.delete(&wired.image)).unwrap(), Deleted::Gone);
}

#[test]
fn a_late_stage_overtakes_a_later_one() {
    let wired = Wired::new();
    wired.faulty.next(Call::SetStage, Fault::Late(MINUTE / 2));
    wired.clock.run(wired.faulty.set_stage(&wired.image, Availability::Disabled)).unwrap_err();
    wired.clock.run(wired.faulty.set_stage(&wired.image, Availability::Deprecated)).unwrap();
    assert_eq!(wired.stage(), ImageStage::Deprecated);
    wired.clock.run(wired.faulty.settle());
    assert_eq!(wired.stage(), ImageStage::Disabled, "it is for the caller to wait until no copy can arrive");
}

#[test]
fn what_cannot_tell_of_a_copy_is_not_doubled() {
    let wired = Wired::new();
    for call in [Call::SetStage, Call::Replicate, Call::Delete] {
        wired.faulty.next(call, Fault::Doubled(MINUTE));
    }
    wired.clock.run(wired.faulty.set_stage(&wired.image, Availability::Deprecated)).unwrap();
    wired.clock.run(wired.faulty.replicate(&wired.image, wired.image.place())).unwrap();
    wired.clock.run(wired.faulty.delete(&wired.image)).unwrap();
    assert_eq!((wired.faulty.on_their_way(), wired.faulty.happened()), (0, vec![]));
    let calls = wired.cloud.calls();
    assert_eq!((calls.set_stage, calls.replicate, calls.delete, calls.total()), (1, 1, 1, 3));
}

#[test]
fn an_answer_in_part_is_no_leave_to_delete() {
    let wired = Wired::new();
    wired.faulty.next(Call::Uses, Fault::Partial);
    let uses = wired.clock.run(wired.faulty.uses(&wired.image)).unwrap();
    assert!(uses.by.is_empty() && matches!(uses.coverage, Coverage::Part(_)), "{uses:?}");
    assert!(!uses.none());
    assert!(wired.clock.run(wired.faulty.uses(&wired.image)).unwrap().none());
}

#[test]
fn a_look_that_is_lost_says_that_it_did_nothing() {
    let wired = Wired::new();
    for call in [Call::Describe, Call::ResolveBase, Call::Uses] {
        wired.faulty.next(call, Fault::LostReply);
    }
    let name = wired.image.id().as_str().into();
    let errors = [
        wired.clock.run(wired.faulty.describe(&[])).unwrap_err(),
        wired.clock.run(wired.faulty.resolve_base(&name)).unwrap_err(),
        wired.clock.run(wired.faulty.uses(&wired.image)).unwrap_err(),
    ];
    assert!(errors.iter().all(|error| (error.kind(), error.applied()) == (ErrorKind::Unreachable, Applied::No)), "{errors:?}");
    assert_eq!(wired.clock.run(wired.faulty.resolve_base(&name)).unwrap().image, wired.image);
}
