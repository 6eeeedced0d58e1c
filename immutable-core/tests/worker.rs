//! Workers: each takes the fleets that nobody else has, and what one leaves behind, dead, frozen or on purpose, another carries on.

#[path = "worker/kit.rs"]
mod kit;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use immutable_core::analysis::Judgement;
use immutable_core::fleet::{GenerationId, Op};
use immutable_core::id::{StreamId, StreamVersion, WriteId};
use immutable_core::journal::{After, Append, Appended, Compact, Journal, Loaded, MemoryJournal};
use immutable_core::provider::{FleetProvider, judge_fn};
use immutable_core::rollout::{Call, Check, Event, Percent, Step};
use immutable_core::time::Clock;
use immutable_core::{Controller, Outcome, Strategy};

use kit::{Process, SECOND, Stage, Thawed, beside};

#[test]
fn what_is_begun_is_driven_and_what_is_proven_is_kept() {
    let stage = Stage::new();
    stage.clock.run(async {
        let one = Process::of(stage.worker("one"));
        beside(&[one], async {
            stage.pass(60).await;
            stage.start("web", &stage.web).await;
            stage.pass(900).await;
            assert_eq!(stage.last("web").await, Some(Outcome::Succeeded));
            assert_eq!(stage.run(&stage.web), 3);
            let group = *stage.cloud.sizes(stage.fleet("web").id()).keys().next().unwrap();
            stage.cloud.set_size(stage.fleet("web").id(), group, 1).unwrap();
            stage.pass(900).await;
            assert_eq!(stage.run(&stage.web), 3, "somebody in a console");
        })
        .await;
        assert_eq!(stage.owners("web").await, ["one"]);
    });
}

#[test]
fn while_nothing_is_amiss_only_signs_of_life_are_written() {
    let stage = Stage::new();
    stage.clock.run(async {
        stage.start("web", &stage.web).await;
        beside(&[Process::of(stage.worker("one"))], async {
            stage.pass(900).await;
            let (calls, records) =
                (stage.cloud.calls(), stage.cloud.controller().history(stage.fleet("web").id()).await.unwrap().len());
            stage.pass(6 * 3600).await;
            assert_eq!(stage.cloud.calls(), calls);
            assert_eq!(stage.cloud.controller().history(stage.fleet("web").id()).await.unwrap().len(), records);
        })
        .await;
    });
}

#[test]
fn who_leaves_hands_its_fleets_over_at_once() {
    let stage = Stage::new();
    stage.clock.run(async {
        stage.start("web", &stage.web).await;
        let one = stage.worker("one");
        one.work(stage.clock.sleep_until(stage.clock.now() + 90 * SECOND)).await.unwrap();
        let left = stage.clock.now();
        let state = stage.cloud.controller().state(stage.fleet("web").id()).await.unwrap();
        assert!(state.rollout().is_some());
        beside(&[Process::of(stage.worker("two"))], async {
            stage.pass(6).await;
            assert_eq!(stage.owners("web").await, ["one", "two"], "{left}: nobody waits for a lease");
            stage.pass(900).await;
            assert_eq!(stage.last("web").await, Some(Outcome::Succeeded));
        })
        .await;
    });
}

#[test]
fn who_dies_is_taken_for_dead_once_its_lease_is_over_and_not_before() {
    let stage = Stage::new();
    stage.clock.run(async {
        stage.start("web", &stage.web).await;
        let (one, two) = (Process::of(stage.worker("one")), Process::of(stage.worker("two")));
        beside(&[one.clone(), two], async {
            stage.pass(70).await;
            let [first] = &stage.owners("web").await[..] else { panic!("one has it") };
            assert_eq!(first, "one");
            one.kill();
            stage.pass(15).await;
            assert_eq!(stage.owners("web").await, ["one"], "it may live");
            stage.pass(30).await;
            assert_eq!(stage.owners("web").await, ["one", "two"]);
            stage.pass(900).await;
            assert_eq!(stage.last("web").await, Some(Outcome::Succeeded));
        })
        .await;
    });
}

#[test]
fn who_thaws_does_no_more_than_who_never_slept_wherever_it_froze() {
    let awake = Thawed::after(0, 0, |worker| worker);
    assert_eq!(awake.last, Some(Outcome::Succeeded));
    assert_eq!(awake.running.values().copied().collect::<Vec<_>>(), [3]);
    for (froze_after, sleeps) in Thawed::moments() {
        let thawed = Thawed::after(froze_after, sleeps, |worker| worker);
        assert_eq!(thawed, awake, "frozen after {froze_after} s for {sleeps} s");
    }
}

#[test]
fn who_comes_back_under_its_old_name_waits_for_who_went_as_anybody_does() {
    let stage = Stage::new();
    stage.clock.run(async {
        stage.start("web", &stage.web).await;
        let (first, again) = (Process::of(stage.worker("one")), Process::of(stage.worker("one")));
        again.freeze();
        beside(&[first.clone(), again.clone()], async {
            stage.pass(70).await;
            first.kill();
            again.thaw();
            let claims = async || stage.cloud.controller().state(stage.fleet("web").id()).await.unwrap().epoch();
            let before = claims().await;
            stage.pass(15).await;
            assert_eq!(claims().await, before, "who went may only be frozen");
            stage.pass(900).await;
            assert_eq!(stage.last("web").await, Some(Outcome::Succeeded));
        })
        .await;
    });
}

/// Numbers that follow from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[test]
fn ten_workers_that_die_and_freeze_bring_a_thousand_fleets_to_their_end() {
    let stage = Stage::booting(20);
    let (fleets, mut random) = (1000, Random(7));
    let name = |nth: u64| format!("web-{nth}");
    stage.clock.run(async {
        for nth in 0..fleets {
            stage.start(&name(nth), &stage.web).await;
        }
        let crew: Vec<_> =
            (0..40).map(|nth| Process::of(stage.worker(&format!("worker-{nth}")).at_once(150).poll(15 * SECOND))).collect();
        // Ten at a time: whoever dies is replaced by the next.
        crew[10..].iter().for_each(|process| process.freeze());
        beside(&crew, async {
            let (mut at_work, mut next): (Vec<usize>, usize) = ((0..10).collect(), 10);
            for _ in 0..60 {
                stage.pass(10 + random.below(10)).await;
                let seat = random.below(10) as usize;
                if next < crew.len() && random.below(2) == 0 {
                    crew[at_work[seat]].kill();
                    at_work[seat] = next;
                    crew[next].thaw();
                    next += 1;
                } else {
                    crew[at_work[seat]].freeze();
                    stage.pass(random.below(90)).await;
                    crew[at_work[seat]].thaw();
                }
            }
            assert!(next > 20, "{next} have worked");
            stage.pass(600).await;
        })
        .await;
        for nth in 0..fleets {
            assert_eq!(stage.last(&name(nth)).await, Some(Outcome::Succeeded), "{nth}");
            assert_eq!(stage.cloud.sizes(stage.fleet(&name(nth)).id()).into_values().collect::<Vec<_>>(), [3], "{nth}");
        }
        assert_eq!(stage.run(&stage.web), 3000);
        // Each machine that is launched has the next number: none was launched but these.
        let machines = (0..fleets).flat_map(|nth| stage.cloud.instances(stage.fleet(&name(nth)).id()));
        let last = machines.filter_map(|machine| machine.key.incarnation.as_ref()?.as_str().parse::<u32>().ok()).max();
        assert_eq!(last, Some(3000));
        let mut taken_over = 0;
        for nth in 0..fleets {
            taken_over += stage.owners(&name(nth)).await.len() - 1;
        }
        assert!(taken_over > 500, "{taken_over} times another has taken a fleet");
    });
}

/// A journal that counts how often a fleet is read.
struct Reads(MemoryJournal, Arc<AtomicUsize>);

#[async_trait::async_trait]
impl Journal for Reads {
    async fn load(&self, stream: &StreamId, after: After) -> immutable_core::Result<Loaded> {
        self.1.fetch_add(usize::from(stream.as_str().starts_with("fleet/")), Ordering::Relaxed);
        self.0.load(stream, after).await
    }

    async fn append(&self, append: Append) -> immutable_core::Result<Appended> {
        self.0.append(append).await
    }

    async fn wrote(&self, stream: &StreamId, write: WriteId) -> immutable_core::Result<Option<StreamVersion>> {
        self.0.wrote(stream, write).await
    }

    async fn compact(&self, compact: Compact) -> immutable_core::Result<()> {
        self.0.compact(compact).await
    }

    async fn list(&self, prefix: &str, after: Option<&StreamId>, limit: usize) -> immutable_core::Result<Vec<StreamId>> {
        self.0.list(prefix, after, limit).await
    }
}

#[test]
fn what_another_worker_has_is_read_only_now_and_then() {
    let stage = Stage::new();
    stage.clock.run(async {
        for nth in 0..20 {
            stage.start(&format!("web-{nth}"), &stage.web).await;
        }
        let has = Process::of(stage.worker("has"));
        beside(std::slice::from_ref(&has), stage.pass(300)).await;
        let reads = Arc::new(AtomicUsize::new(0));
        let journal = Reads(stage.cloud.journal(), reads.clone());
        let stands_by = Controller::new(&stage.cloud, journal).with_clock(stage.cloud.clock()).owner("stands by");
        let both = [has, Process::of(stands_by)];
        beside(&both, async {
            stage.pass(60).await;
            let before = reads.load(Ordering::Relaxed);
            stage.pass(600).await;
            let each = (reads.load(Ordering::Relaxed) - before) as f64 / 20.0;
            assert!((18.0..=22.0).contains(&each), "each was read {each} times in ten minutes: every 30 s, not every 5");
            both[0].kill();
            stage.pass(45).await;
            for nth in 0..20 {
                assert_eq!(
                    stage.owners(&format!("web-{nth}")).await.last().unwrap(),
                    "stands by",
                    "and taken soon after that died"
                );
            }
        })
        .await;
    });
}

fn percent(percent: u32) -> Percent {
    Percent::new(percent).unwrap()
}

#[test]
fn a_fleet_goes_to_whoever_can_drive_it() {
    let stage = Stage::new();
    let judged = |controller: Controller| controller.judge("watch", judge_fn(|_| async { Ok(Judgement::pass("it is well")) }));
    let workers = [Process::of(stage.worker("unable")), Process::of(judged(stage.worker("able")))];
    stage.clock.run(async {
        stage.start("web", &stage.web).await;
        beside(&workers[..1], stage.pass(300)).await;
        assert_eq!((stage.last("web").await, stage.owners("web").await.len()), (Some(Outcome::Succeeded), 1), "and keeps it");
        beside(&workers, async {
            let next = stage.cloud.bake("acmeinc/web", "1.1.0").unwrap();
            let person = judged(stage.cloud.controller());
            let check = Strategy::new([Step::scale(percent(100)), Check::by("watch").into()]).max_surge(1);
            let plan = person.plan(&stage.fleet("web"), &next, check).await.unwrap();
            person.start(plan).await.unwrap();
            stage.pass(900).await;
            assert_eq!((stage.run(&next), stage.last("web").await), (3, Some(Outcome::Succeeded)));
            assert_eq!(stage.owners("web").await, ["unable", "able"], "who could not has let it go");
        })
        .await;
    });
}

#[test]
fn what_stands_still_holds_up_no_other() {
    let stage = Stage::new();
    stage.clock.run(async {
        let names = ["paused", "bakes", "moves"];
        for name in names {
            stage.start(name, &stage.web).await;
        }
        beside(&[Process::of(stage.worker("one"))], stage.pass(600)).await;
        let (next, person) = (stage.cloud.bake("acmeinc/web", "1.1.0").unwrap(), stage.cloud.controller());
        let bakes = Strategy::new([Step::scale(percent(50)), Step::bake(3600 * SECOND), Step::scale(percent(100))]);
        for (name, strategy) in names.into_iter().zip([Strategy::rolling(), bakes, Strategy::rolling()]) {
            let plan = person.plan(&stage.fleet(name), &next, strategy.max_surge(1)).await.unwrap();
            let rollout = person.start(plan).await.unwrap();
            if name == "paused" {
                rollout.pause("ann").await.unwrap();
            }
        }
        beside(&[Process::of(stage.worker("two").at_once(1))], async {
            stage.pass(1800).await;
            assert_eq!(stage.last("moves").await, Some(Outcome::Succeeded));
            assert_eq!((stage.last("paused").await, stage.last("bakes").await), (None, None));
            stage.pass(3600).await;
            assert_eq!(stage.last("bakes").await, Some(Outcome::Succeeded), "and is driven on in its time");
        })
        .await;
    });
}

/// Nothing can stop what slept between the last look at the lease and the wire: only the provider could. What it does is drift.
#[test]
fn a_copy_that_slept_after_the_last_look_at_the_lease_is_seen_and_set_right() {
    let mut harmed = 0;
    for late in (0..900).step_by(30) {
        let stage = Stage::new();
        stage.clock.run(async {
            stage.start("web", &stage.web).await;
            let two = Process::of(stage.worker("two"));
            beside(&[Process::of(stage.worker("one"))], stage.pass(300)).await;
            let next = stage.cloud.bake("acmeinc/web", "1.1.0").unwrap();
            stage.start("web", &next).await;
            let fleet = stage.fleet("web");
            // Who has it dies when this is journaled, and a copy of it is on its way for as long as the wire likes.
            let mut raise = None;
            let found = async {
                while raise.is_none() {
                    stage.pass(1).await;
                    let history = stage.cloud.controller().history(fleet.id()).await.unwrap();
                    raise = history.iter().find_map(|(_, recorded)| match &recorded.event {
                        Event::Owed { op, call: Call::Resize(resize), .. }
                            if resize.group().generation == GenerationId(2) && resize.from() == 1 =>
                        {
                            Some((Op::new(fleet.id(), *op, recorded.epoch), resize.clone()))
                        }
                        _ => None,
                    });
                }
            };
            beside(&[Process::of(stage.worker("one"))], found).await;
            let (op, resize) = raise.unwrap();
            beside(&[two], async {
                stage.pass(late).await;
                let before = stage.cloud.sizes(fleet.id());
                let came = stage.cloud.resize(&op, &resize).await;
                harmed += usize::from(came.is_ok() && stage.cloud.sizes(fleet.id()) != before);
                stage.pass(1800).await;
                // Who takes machines away takes them from the release that has them: it may be given up for that.
                let runs = match stage.last("web").await {
                    Some(Outcome::Succeeded) => &next,
                    Some(Outcome::RolledBack) => &stage.web,
                    other => panic!("{late} s late: {other:?}"),
                };
                let sizes: Vec<_> = stage.cloud.sizes(fleet.id()).into_values().collect();
                assert_eq!((stage.run(runs), sizes), (3, vec![3]), "{late} s late: {came:?}");
            })
            .await;
        });
    }
    assert!(harmed > 5, "it did something {harmed} times");
}
