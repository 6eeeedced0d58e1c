//! The programs of the README, run. That they are the same text is checked here too.

mod in_a_test {
    use immutable_core::{Fleet, MemoryCloud, Outcome, Result, Strategy};

    #[tokio::test(start_paused = true)] // virtual time: no waiting
    async fn a_bad_image_never_takes_the_fleet() -> Result<()> {
        let cloud = MemoryCloud::seeded(7);
        let good = cloud.bake("acmeinc/web", "1.0.0")?;
        let bad = cloud.bake("acmeinc/web", "1.1.0")?;
        cloud.never_healthy(&bad);

        let controller = cloud.controller(); // a journal in memory, the cloud's clock
        let fleet = Fleet::new("web", cloud.place()).size(12);
        let strategy = Strategy::rolling().max_surge(3);

        let plan = controller.plan(&fleet, &good, strategy.clone()).await?;
        assert_eq!(controller.run(plan).await?, Outcome::Succeeded);
        let plan = controller.plan(&fleet, &bad, strategy).await?;
        assert_eq!(controller.run(plan).await?, Outcome::RolledBack);
        assert_eq!(cloud.running(), [(good.digest(), 12)].into());
        Ok(())
    }
}

mod in_a_program {
    use futures_util::StreamExt;
    use immutable_core::pipeline::packer;
    use immutable_core::rollout::AbortTo;
    use immutable_core::{Controller, Fleet, MemoryCloud, MemoryJournal, Outcome, Result, Strategy};

    async fn deploy(cloud: &MemoryCloud, manifest: &str) -> Result<Outcome> {
        let controller = Controller::new(cloud, MemoryJournal::new()).with_clock(cloud.clock());
        let artifact = packer::read(manifest).expect(["amazon-ebs"]).aws_account("123456789012").artifact()?;
        let artifact = cloud.import(&artifact)?; // as another cloud takes a copy: the artifact stays the same
        controller.registry().publish(&artifact, &"ci".into()).await?;

        let fleet = Fleet::new("web", cloud.place()).size(12);
        let plan = controller.plan(&fleet, &artifact, Strategy::rolling()).await?;
        println!("{plan}"); // for people; serde gives it as JSON. Review, confirm

        let rollout = controller.start(plan).await?; // journaled from here on
        let mut reports = rollout.reports(); // what it waits for, and whether a rollback now would be instant
        let watch = async {
            while let Some(report) = reports.next().await {
                println!("{report}")
            }
        };
        let drive = rollout.drive(); // may be dropped at any await and called again, here or in another process
        tokio::select! {
            outcome = drive => outcome,
            () = watch => rollout.drive().await,
        }
    }

    async fn stop(rollout: &immutable_core::Rollout) -> Result<()> {
        rollout.abort(AbortTo::Back, "ann").await?; // from any process: whoever drives it hears it
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn it_deploys_and_can_be_stopped() -> Result<()> {
        let cloud = MemoryCloud::seeded(7);
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/packer-1.6.6-acmeinc-web-1.0.0.json");
        assert_eq!(deploy(&cloud, manifest).await?, Outcome::Succeeded);

        let controller = cloud.controller();
        let web = cloud.bake("acmeinc/web", "2.0.0")?;
        let fleet = Fleet::new("api", cloud.place()).size(2);
        let rollout = controller.start(controller.plan(&fleet, &web, Strategy::rolling()).await?).await?;
        stop(&rollout).await?;
        // Nothing is proven in this fleet, so there is no way back: the command is refused, and the rollout goes on.
        assert_eq!(rollout.drive().await?, Outcome::Succeeded);
        Ok(())
    }
}

mod that_was_there_before {
    use immutable_core::id::NativeRef;
    use immutable_core::{Artifact, Controller, Fleet, Outcome, Result, Strategy};

    async fn take_over(
        controller: &Controller,
        fleet: &Fleet,
        by_hand: &NativeRef,
        runs: &Artifact,
        next: &Artifact,
    ) -> Result<Outcome> {
        let baseline = controller.adopt(fleet, by_hand, runs, "ann").await?; // marks it, and waits until all of it is healthy; touches no machine
        println!("{} instances of {runs} can be gone back to", baseline.instances);
        controller.run(controller.plan(fleet, next, Strategy::rolling()).await?).await // replaces it as any other, and removes it
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_taken_over_and_replaced() -> Result<()> {
        let cloud = immutable_core::MemoryCloud::seeded(7);
        let [runs, next] = ["1.0.0", "1.1.0"].map(|version| cloud.bake("acmeinc/web", version));
        let (runs, next) = (runs?, next?);
        let by_hand = cloud.group_of_others("web-by-hand", &runs, 3)?;
        let fleet = Fleet::new("web", cloud.place()).size(3);
        assert_eq!(take_over(&cloud.controller(), &fleet, &by_hand, &runs, &next).await?, Outcome::Succeeded);
        assert_eq!(cloud.running(), [(next.digest(), 3)].into());
        Ok(())
    }
}

#[cfg(all(feature = "sqlite", feature = "object-store"))]
mod on_a_journal_that_lasts {
    use immutable_core::{Controller, ObjectStoreJournal, Provider, Result, SqliteJournal};
    use object_store::ObjectStore;
    use std::path::Path;
    use std::sync::Arc;

    /// Any number of processes on one machine: one file (feature `sqlite`).
    fn on_one_machine(provider: Provider, path: &Path) -> Result<Controller> {
        Ok(Controller::new(provider, SqliteJournal::open(path)?)) // synced before anything is sent
    }

    /// Any number of machines: your own S3, Azure Blob or Google Cloud Storage (feature `object-store`).
    fn on_many_machines(provider: Provider, bucket: Arc<dyn ObjectStore>) -> Controller {
        Controller::new(provider, ObjectStoreJournal::new(bucket, "journals")) // no lock, no server, no clock compared
    }

    use immutable_core::memory::MemoryOptions;
    use immutable_core::time::ScaledClock;
    use immutable_core::{Fleet, MemoryCloud, Outcome, Strategy, Timestamp};

    #[tokio::test]
    async fn another_process_carries_on() -> Result<()> {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("readme-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (path, bucket) = (folder.join("journal.db"), Arc::new(object_store::memory::InMemory::new()));
        for on_a_file in [true, false] {
            let clock = ScaledClock::new(Timestamp::from_millis(1_800_000_000_000), 1_000);
            let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock));
            let open = || {
                let provider = Provider::from(&cloud);
                let controller =
                    if on_a_file { on_one_machine(provider, &path)? } else { on_many_machines(provider, bucket.clone()) };
                Ok::<_, immutable_core::Error>(controller.with_clock(cloud.clock()))
            };
            let fleet = Fleet::new("web", cloud.place()).size(3);
            for version in ["1.0.0", "1.1.0"] {
                let artifact = cloud.bake("acmeinc/web", version)?;
                let plan = open()?.plan(&fleet, &artifact, Strategy::rolling()).await?;
                // Who starts is not who drives.
                open()?.start(plan).await?;
                let rollout = open()?.rollout(fleet.id()).await?.unwrap();
                assert_eq!(rollout.drive().await?, Outcome::Succeeded);
                assert_eq!(cloud.running(), [(artifact.digest(), 3)].into());
            }
        }
        std::fs::remove_dir_all(folder).unwrap();
        Ok(())
    }
}

mod from_anywhere {
    use futures_util::StreamExt;
    use immutable_core::fleet::FleetId;
    use immutable_core::id::StreamVersion;
    use immutable_core::rollout::Story;
    use immutable_core::{Controller, Result};

    async fn look(controller: &Controller, fleet: &FleetId) -> Result<()> {
        println!("{}", controller.explain(fleet).await?); // what is proven, what it waits for, who is asked what, what would answer
        print!("{}", Story::of(&controller.history(fleet).await?)); // a line for each record: when, who, what
        let mut events = controller.events(fleet, StreamVersion(0)); // all that was, then what comes, rollout after rollout
        while let Some(event) = events.next().await {
            let (version, recorded) = event?;
            println!("{version} {recorded}"); // or send it on; from this version it goes on after a restart
        }
        Ok(())
    }

    use immutable_core::{Fleet, MemoryCloud, Outcome, Strategy};

    #[tokio::test(start_paused = true)]
    async fn whoever_looks_sees_all_of_it() -> Result<()> {
        let cloud = MemoryCloud::new();
        let (controller, web) = (cloud.controller(), cloud.bake("acmeinc/web", "1.0.0")?);
        let fleet = Fleet::new("web", cloud.place()).size(3);
        let plan = controller.plan(&fleet, &web, Strategy::rolling()).await?;
        assert_eq!(controller.run(plan).await?, Outcome::Succeeded);
        // It goes on for as long as anybody listens.
        let listens = tokio::time::timeout(std::time::Duration::from_secs(60), look(&controller, fleet.id())).await;
        assert!(listens.is_err());
        Ok(())
    }
}

mod in_a_worker {
    use immutable_core::{Controller, Result};

    /// In any number of processes: what one leaves behind, killed, frozen or told to stop, another carries on.
    async fn work(controller: Controller, name: &str, shutdown: impl Future<Output = ()> + Send) -> Result<()> {
        controller.owner(name).work(shutdown).await
    }

    use immutable_core::{Fleet, MemoryCloud, Outcome, Strategy};
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn one_carries_on_what_another_has_left() -> Result<()> {
        let cloud = MemoryCloud::new();
        let web = cloud.bake("acmeinc/web", "1.0.0")?;
        let fleet = Fleet::new("web", cloud.place()).size(3);
        let person = cloud.controller();
        let rollout = person.start(person.plan(&fleet, &web, Strategy::rolling()).await?).await?;
        work(cloud.controller(), "worker-1", tokio::time::sleep(Duration::from_secs(20))).await?;
        assert!(person.state(fleet.id()).await?.rollout().is_some());
        work(cloud.controller(), "worker-2", tokio::time::sleep(Duration::from_secs(600))).await?;
        assert_eq!(rollout.drive().await?, Outcome::Succeeded);
        assert_eq!(cloud.running(), [(web.digest(), 3)].into());
        Ok(())
    }
}

#[cfg(feature = "simulation")]
mod in_a_simulation {
    #[test]
    fn a_strategy_of_ones_own_breaks_no_promise() {
        use immutable_core::Strategy;
        use immutable_core::simulation::Simulation;

        let simulation = Simulation::new().instances(1..=4).strategy(Strategy::rolling().max_surge(2));
        for seed in 0..10 {
            if let Err(failure) = simulation.seed(seed) {
                panic!("{}", simulation.shrink(failure));
            }
        }
    }
}

#[test]
fn the_readme_says_the_same() {
    let strip = |text: &str| text.split_whitespace().collect::<String>();
    let (readme, here) = (include_str!("../../README.md"), strip(include_str!("readme.rs")));
    let programs: Vec<_> = readme.split("```rust\n").skip(1).filter_map(|block| block.split("```").next()).collect();
    assert_eq!(programs.len(), 7);
    for program in programs {
        assert!(here.contains(&strip(program)), "the README's program is not the one that is run here:\n{program}");
    }
}
