//! Whole rollouts that begin with a scale set that others made: adopted, replaced, gone back to.

use std::time::Duration;

use immutable_core::id::NativeRef;
use immutable_core::{Error, Outcome, Result, Strategy};
use immutable_fakes::play::{self, Played, Script, Stage, World};
use serde_json::json;

use crate::world::{Microsoft, Requests, world};

/// A world where somebody's scale set runs the first artifact, and has been for long.
async fn begin(mode: &str, size: u32, script: Script) -> Result<World<Microsoft>> {
    let world = world(Requests::Somewhere, size, script).await?;
    let account = &world.stage.account;
    let (fake, id) = (&account.fake, account.fake.id("Microsoft.Compute/virtualMachineScaleSets", "legacy"));
    let (image, capacity) = (account.image("1.0.0"), usize::try_from(size).unwrap());
    let made = match mode {
        "Uniform" => fake.meddle_uniform(&id, image.id().as_str(), capacity),
        _ => fake.meddle_scale_set(&id, image.id().as_str(), capacity),
    };
    assert!(made);
    // Its machines are made after this.
    fake.by_hand(&id, |body| {
        body["properties"]["virtualMachineProfile"]["extensionProfile"] = json!({"extensions": [{"name": "health", "properties": {
            "publisher": "Microsoft.ManagedServices", "type": "ApplicationHealthLinux", "typeHandlerVersion": "2.0",
            "settings": {"protocol": "http", "port": 8080, "requestPath": "health"},
        }}]});
    });
    account.wait(Duration::from_secs(600)).await;
    Ok(world)
}

async fn adopt(world: &mut World<Microsoft>) -> Result<()> {
    let before = names(world);
    world.adopt(&NativeRef::new("legacy")).await?;
    assert_eq!(names(world), before, "nobody came and nobody went");
    Ok(())
}

fn names(world: &World<Microsoft>) -> Vec<String> {
    world.stage.live().into_iter().map(|one| one.what.split(':').next().unwrap_or_default().to_owned()).collect()
}

fn scale_sets(world: &World<Microsoft>) -> Vec<String> {
    let all = world.stage.account.fake.truth().scale_sets;
    all.keys().map(|id| id.rsplit('/').next().unwrap_or_default().to_owned()).collect()
}

fn each(of: impl AsyncFn(&'static str) -> Result<()>) {
    for mode in ["Uniform", "Flexible"] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(of(mode)).unwrap_or_else(|error| panic!("{mode}: {error}"));
    }
}

#[test]
fn it_is_replaced_and_removed() {
    each(async |mode| {
        let mut world = begin(mode, 3, Script::default()).await?;
        adopt(&mut world).await?;
        let next = world.next.clone();
        assert_eq!(world.deploy(&next, Strategy::rolling().max_surge(1)).await?, Outcome::Succeeded);
        world.end(&next)?;
        assert_eq!(scale_sets(&world), ["web-0002-0"], "{mode}");
        assert_eq!(world.stage.account.fake.violations(), Vec::<String>::new());
        Ok(())
    });
}

#[test]
fn what_is_bad_goes_back_to_it() {
    each(async |mode| {
        let mut world = begin(mode, 3, Script::default()).await?;
        adopt(&mut world).await?;
        let (before, first, next) = (names(&world), world.first.clone(), world.next.clone());
        world.stage.spoil(next.images().next().unwrap().id().as_str());
        assert_eq!(world.deploy(&next, Strategy::rolling().max_surge(1)).await?, Outcome::RolledBack);
        world.end(&first)?;
        assert_eq!((scale_sets(&world), names(&world)), (vec!["legacy".to_owned()], before), "{mode}");
        Ok(())
    });
}

/// Half of it is replaced by then: whoever has left comes again, of the same model.
#[test]
fn what_turns_out_bad_later_is_filled_up_again_from_it() {
    each(async |mode| {
        let mut world = begin(mode, 4, Script::default()).await?;
        world.stage.account.fake.numbers_again(true);
        adopt(&mut world).await?;
        let (first, next) = (world.first.clone(), world.next.clone());
        let image = next.images().next().unwrap().id().as_str().to_owned();
        let fake = world.stage.account.fake.clone();
        let clock = world.stage.clock();
        // The first is well; those that come after it are not.
        let spoil = async {
            loop {
                clock.sleep_until(clock.now() + Duration::from_secs(5)).await;
                let truth = fake.truth();
                let left =
                    truth.machines.values().any(|machine| machine.name.starts_with("legacy_") && machine.leaves_at.is_some());
                if left {
                    fake.fate(&image, immutable_fakes::arm::Fate::Sick);
                    std::future::pending::<()>().await;
                }
            }
        };
        let outcome = {
            use futures_util::future::{Either, select};
            let deploy = std::pin::pin!(world.deploy(&next, Strategy::rolling().max_surge(1)));
            match select(deploy, std::pin::pin!(spoil)).await {
                Either::Left((outcome, _)) => outcome?,
                Either::Right(_) => return Err(Error::invalid("it never ends")),
            }
        };
        assert_eq!(outcome, Outcome::RolledBack, "{mode}");
        world.end(&first)?;
        assert_eq!(scale_sets(&world), ["legacy"]);
        Ok(())
    });
}

fn play(mode: &str, script: Script) -> Result<Played> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut world = begin(mode, 2, script).await?;
        adopt(&mut world).await?;
        let next = world.next.clone();
        let outcome = world.deploy(&next, Strategy::rolling().max_surge(1)).await?;
        if outcome != Outcome::Succeeded {
            return Err(Error::invalid(format!("it came to {outcome}")));
        }
        world.end(&next)?;
        Ok(Played { launches: world.stage.launches(), writes: world.script.writes(), hit: world.script.hit() })
    })
}

/// Whatever happens to one call, the adoption's own included.
#[test]
fn a_call_that_goes_wrong_changes_nothing_of_it() -> Result<(), String> {
    play::sweep("Uniform, adopted", 4, 4, |script| play("Uniform", script))?;
    play::sweep("Flexible, adopted", 4, 5, |script| play("Flexible", script))
}
