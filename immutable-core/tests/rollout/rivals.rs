//! Several controllers of one fleet, and those who watch: commands through the inbox, fencing, stale plans, streams.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, join, select};
use immutable_core::id::StreamVersion;
use immutable_core::memory::{MemoryCloud, MemoryOptions};
use immutable_core::rollout::{AbortTo, Event, Outcome};
use immutable_core::time::{Clock, VirtualClock};
use immutable_core::{Artifact, Controller, ErrorKind, Fleet, Rollout, Strategy};

struct Lab {
    clock: VirtualClock,
    cloud: MemoryCloud,
    fleet: Fleet,
    one: Artifact,
    two: Artifact,
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Lab {
    /// A cloud whose boots take a minute, and a fleet of three that is not there yet.
    fn new() -> Self {
        let clock = VirtualClock::new("2026-11-21T09:00:00Z".parse().unwrap());
        let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()).boot(seconds(60)).latency(seconds(1)));
        let [one, two] = ["1.0.0", "1.1.0"].map(|version| cloud.bake("acmeinc/web", version).unwrap());
        let fleet = Fleet::new("web", cloud.place()).size(3);
        Self { clock, cloud, fleet, one, two }
    }

    /// And 1.0.0 is proven.
    async fn proven(&self) {
        assert_eq!(self.start(&self.cloud.controller(), &self.one).await.drive().await.unwrap(), Outcome::Succeeded);
    }

    async fn start(&self, controller: &Controller, artifact: &Artifact) -> Rollout {
        let plan = controller.plan(&self.fleet, artifact, Strategy::rolling()).await.unwrap();
        controller.start(plan).await.unwrap()
    }

    async fn pass(&self, more: u64) {
        self.clock.sleep_until(self.clock.now() + seconds(more)).await;
    }

    fn running(&self, artifact: &Artifact) -> usize {
        self.cloud.running().get(&artifact.digest()).copied().unwrap_or(0)
    }
}

/// What another controller asks is heard by whoever drives.
#[test]
fn an_abort_from_elsewhere_is_carried_out() {
    for (to, end) in [(AbortTo::Back, Outcome::RolledBack), (AbortTo::Mixed, Outcome::LeftMixed)] {
        let lab = Lab::new();
        lab.clock.run(async {
            lab.proven().await;
            let rollout = lab.start(&lab.cloud.controller(), &lab.two).await;
            let abort = async {
                lab.pass(100).await;
                let other = lab.cloud.controller().rollout(lab.fleet.id()).await.unwrap().unwrap();
                assert_eq!(other.id(), rollout.id());
                other.abort(to, "sam").await.unwrap()
            };
            let (outcome, command) = join(rollout.drive(), abort).await;
            assert_eq!(outcome.unwrap(), end);
            let history = lab.cloud.controller().history(lab.fleet.id()).await.unwrap();
            let heard = history.iter().find_map(|(_, recorded)| match &recorded.event {
                Event::Heard { command, by, refused, .. } => Some((*command, by.as_str().to_owned(), refused.clone())),
                _ => None,
            });
            assert_eq!(heard, Some((command, "sam".to_owned(), None)));
        });
        assert_eq!(lab.running(&lab.one) + lab.running(&lab.two), 3, "{to:?}");
        assert_eq!(lab.running(&lab.two) > 0, to == AbortTo::Mixed);
    }
}

/// What was asked while nobody drove is heard by the next who does; of another rollout it is refused.
#[test]
fn an_abort_waits_in_the_inbox() {
    let lab = Lab::new();
    lab.clock.run(async {
        let controller = lab.cloud.controller();
        let first = lab.start(&controller, &lab.one).await;
        first.abort(AbortTo::Nothing, "sam").await.unwrap();
        lab.pass(3600).await;
        assert_eq!(first.drive().await.unwrap(), Outcome::TornDown);
        first.abort(AbortTo::Nothing, "sam").await.unwrap();
        let second = lab.start(&controller, &lab.two).await;
        assert_eq!(second.drive().await.unwrap(), Outcome::Succeeded);
        let history = controller.history(lab.fleet.id()).await.unwrap();
        let refused: Vec<_> = history
            .iter()
            .filter_map(|(_, recorded)| match &recorded.event {
                Event::Heard { refused, .. } => Some(refused.as_deref().unwrap_or("-")),
                _ => None,
            })
            .collect();
        assert_eq!(refused, ["-", "it is about rollout 1, rollout 2 runs"]);
    });
}

/// Of two that drive at once the later goes on, and the earlier is told.
#[test]
fn a_later_driver_fences_the_earlier() {
    let lab = Lab::new();
    lab.clock.run(async {
        lab.proven().await;
        let first = lab.start(&lab.cloud.controller(), &lab.two).await;
        let later = async {
            lab.pass(100).await;
            lab.cloud.controller().rollout(lab.fleet.id()).await.unwrap().unwrap().drive().await
        };
        let (fenced, outcome) = join(first.drive(), later).await;
        let fenced = fenced.unwrap_err();
        assert_eq!(fenced.kind(), ErrorKind::Fenced);
        assert!(fenced.to_string().contains("another controller has claimed fleet memory/local/local/web"), "{fenced}");
        assert_eq!(outcome.unwrap(), Outcome::Succeeded);
        assert_eq!(lab.cloud.launched(), 6, "nothing was done twice");
    });
}

/// One controller that drives one rollout twice at the same moment does nothing twice either.
#[test]
fn two_drives_of_one_controller_do_nothing_twice() {
    let lab = Lab::new();
    lab.clock.run(async {
        lab.proven().await;
        let rollout = lab.start(&lab.cloud.controller(), &lab.two).await;
        let (one, other) = join(rollout.drive(), rollout.drive()).await;
        let ends = [one, other].map(|end| end.map_err(|error| error.kind()));
        assert!(ends.contains(&Ok(Outcome::Succeeded)), "{ends:?}");
        assert!(ends.iter().all(|end| matches!(end, Ok(Outcome::Succeeded) | Err(ErrorKind::Fenced))), "{ends:?}");
        assert_eq!((lab.cloud.launched(), lab.running(&lab.two)), (6, 3));
    });
}

#[test]
fn a_second_start_is_busy_and_an_outdated_plan_stale() {
    let lab = Lab::new();
    lab.clock.run(async {
        let controller = lab.cloud.controller();
        let early = controller.plan(&lab.fleet, &lab.two, Strategy::rolling()).await.unwrap();
        let rollout = lab.start(&controller, &lab.one).await;
        let busy = controller.start(early.clone()).await.unwrap_err();
        assert_eq!(
            (busy.kind(), busy.to_string()),
            (
                ErrorKind::Busy,
                "rollout 1 to acmeinc/web 1.0.0 runs in fleet memory/local/local/web; wait for its end, abort it, or take its place with `Strategy::supersede`".to_owned()
            )
        );
        let busy = controller.plan(&lab.fleet, &lab.two, Strategy::rolling()).await.unwrap_err();
        assert_eq!(busy.kind(), ErrorKind::Busy);
        assert_eq!(rollout.drive().await.unwrap(), Outcome::Succeeded);

        let stale = controller.start(early).await.unwrap_err();
        assert_eq!(stale.kind(), ErrorKind::Stale);
        assert!(
            stale.to_string().ends_with("has changed since the plan was made: another release is proven; plan again"),
            "{stale}"
        );
        let larger = lab.fleet.clone().size(4);
        let resize = controller.plan(&larger, &lab.one, Strategy::rolling()).await.unwrap();
        let early = controller.plan(&lab.fleet, &lab.two, Strategy::rolling()).await.unwrap();
        assert_eq!(controller.run(resize).await.unwrap(), Outcome::Succeeded);
        let stale = controller.start(early).await.unwrap_err();
        assert!(stale.to_string().contains("its size is another"), "{stale}");
        assert_eq!(lab.cloud.launched(), 4, "one more of the same, in the generation that is there");
    });
}

#[test]
fn a_revoked_artifact_is_not_planned_nor_started() {
    let lab = Lab::new();
    lab.clock.run(async {
        let controller = lab.cloud.controller();
        let plan = controller.plan(&lab.fleet, &lab.one, Strategy::rolling()).await.unwrap();
        let revoke = immutable_core::registry::Revoke {
            name: lab.one.name().clone(),
            digest: lab.one.digest(),
            by: "sam".into(),
            why: "it leaks".into(),
        };
        controller.registry().revoke(revoke).await.unwrap();
        for error in [
            controller.start(plan).await.unwrap_err(),
            controller.plan(&lab.fleet, &lab.one, Strategy::rolling()).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Denied);
            assert!(error.to_string().contains("it leaks"), "{error}");
        }
        assert_eq!(lab.cloud.calls().total(), 0);
    });
}

/// Watching from elsewhere: all records, as they come, and then the end.
#[test]
fn events_are_all_of_them_and_end() {
    let lab = Lab::new();
    lab.clock.run(async {
        lab.proven().await;
        let rollout = lab.start(&lab.cloud.controller(), &lab.two).await;
        let elsewhere = lab.cloud.controller().rollout(lab.fleet.id()).await.unwrap().unwrap();
        let (outcome, watched) = join(rollout.drive(), elsewhere.events(StreamVersion(0)).collect::<Vec<_>>()).await;
        assert_eq!(outcome.unwrap(), Outcome::Succeeded);
        let watched: Vec<_> = watched.into_iter().map(Result::unwrap).collect();
        let history = lab.cloud.controller().history(lab.fleet.id()).await.unwrap();
        assert_eq!(watched, history);
        assert_eq!(watched.last().map(|(_, recorded)| &recorded.event), Some(&Event::Ended { outcome: Outcome::Succeeded }));

        // Whoever has seen everything has nothing to wait for.
        let last = history.last().map(|(version, _)| *version).unwrap();
        for after in [StreamVersion(last.0 - 1), last] {
            let rest = pin!(elsewhere.events(after).collect::<Vec<_>>());
            let rest = select(rest, lab.clock.sleep_until(lab.clock.now() + seconds(3600))).await;
            let Either::Left((rest, _)) = rest else { panic!("after {after} it never ends") };
            assert_eq!(rest.len() as u64, last.0 - after.0);
        }
    });
}

/// What the engine says of itself, a sentence a look, and nothing of an earlier rollout.
#[test]
fn reports_are_sentences_of_this_rollout() {
    let lab = Lab::new();
    lab.clock.run(async {
        let controller = lab.cloud.controller();
        assert_eq!(lab.start(&controller, &lab.one).await.drive().await.unwrap(), Outcome::Succeeded);
        lab.pass(600).await;
        let begun = lab.clock.now();
        let rollout = lab.start(&controller, &lab.two).await;
        let mut reports = Vec::new();
        let watch = async {
            let mut stream = rollout.reports();
            while let Some(report) = stream.next().await {
                reports.push(report);
            }
        };
        let outcome = match select(pin!(rollout.drive()), pin!(watch)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => panic!("reports end while their controller lives"),
        };
        assert_eq!(outcome.unwrap(), Outcome::Succeeded);
        assert!(reports.iter().all(|report| report.at >= begun), "a report of the rollout before: {}", reports[0]);
        let times: Vec<_> = reports.iter().map(|report| report.at).collect();
        assert!(times.is_sorted_by(|one, other| one < other), "a report is told twice: {times:?}");
        let said: Vec<_> = reports.iter().map(ToString::to_string).collect();
        for sentence in [
            "waiting for the first instance to be ready (boot deadline in 9m 54s); rollback now would be instant",
            "waiting for 2 of 3 to be ready",
        ] {
            assert!(said.iter().any(|said| said.starts_with(sentence)), "{sentence}\n{}", said.join("\n"));
        }
    });
}

/// A name that somebody else has is never adopted, nor removed: nothing begins.
#[test]
fn a_taken_name_is_refused() {
    let lab = Lab::new();
    lab.clock.run(async {
        lab.proven().await;
        lab.cloud.take_name(lab.fleet.id(), immutable_core::fleet::GenerationId(2)).unwrap();
        let rollout = lab.start(&lab.cloud.controller(), &lab.two).await;
        let begun = lab.clock.now();
        let outcome = rollout.drive().await.unwrap();
        let Outcome::Refused(why) = &outcome else { panic!("{outcome}") };
        assert!(why.contains("belongs to"), "{why}");
        assert!(lab.clock.now().since(begun) < seconds(60), "it took {:?}", lab.clock.now().since(begun));
        assert_eq!(lab.cloud.calls().destroy, 0, "what is not ours is not removed");
        // And the next rollout takes the next ordinal.
        let next = lab.start(&lab.cloud.controller(), &lab.two).await;
        assert_eq!(next.drive().await.unwrap(), Outcome::Succeeded);
        assert_eq!(lab.running(&lab.two), 3);
    });
}
