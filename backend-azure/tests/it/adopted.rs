//! What a scale set is once it was adopted: a group as any other, found by its tags.

use std::sync::Arc;
use std::time::Duration;

use backend_azure::{APPLICATION_HEALTH, Aggregate, AzureMetrics, Measure, SCALE_SET, VmssFleet, VmssTemplate};
use immutable_core::fleet::{
    Coverage, Destroyed, Evidence, GenerationId, GenerationSpec, GroupId, GroupState, Refusal, Resize, Upkeep, Verdict, Working,
};
use immutable_core::id::{ImageId, InstanceKey, NativeRef, RolloutId, StepIx};
use immutable_core::provider::{FleetProvider, Metrics, Side, Trial};
use immutable_core::time::Clock;
use immutable_core::{Applied, Digest, ErrorKind, Timestamp};
use immutable_fakes::arm::Fault;
use serde_json::{Value, json};

use crate::account::Account;
use crate::adoption::{LEGACY, adopt, adopted, another, each, id, live, read, refused, theirs};
use crate::hand::{GENERATION, GROUP, Hand, play};

#[test]
fn it_is_seen_and_resized_and_destroyed_as_any_other() {
    for again in [false, true] {
        each(async |account, mode| {
            account.fake.numbers_again(again);
            let first = adopted(&account, mode).await;
            // By who adopted it, and by who only knows the tags.
            for hand in [first, another(&account).await] {
                hand.pass(60).await;
                let seen = hand.look().await.unwrap();
                let spec = read(&hand).await;
                let upkeep = Some(Upkeep::NONE);
                let state = GroupState::Present { size: 3, working: Working::Idle, spec: Some(spec.digest()), upkeep };
                assert_eq!(seen.state, state, "{mode}");
                assert_eq!(seen.instances.len(), 3);
                for instance in seen.instances.iter() {
                    assert_eq!(instance.runs, Evidence::Instance(ImageId::new(account.image("1.0.0").id().as_str())));
                    let said: Vec<_> = instance.health.iter().map(|one| (one.source.as_str(), one.verdict)).collect();
                    assert_eq!(said, [(SCALE_SET, Verdict::Healthy)]);
                }
                if mode == "Uniform" {
                    let names: Vec<&str> = seen.instances.iter().map(|instance| instance.key.name.as_str()).collect();
                    assert!(names.iter().all(|name| name.starts_with("legacy_")), "{names:?}");
                }
                // Up by a number, down by names.
                assert_eq!(hand.raise(3, 4).await.unwrap().size, 4);
                hand.pass(60).await;
                let members = hand.members().await.unwrap();
                let before = live(&account);
                let leaves = [members[1].clone()];
                let lowered = hand.lower(4, &leaves).await.unwrap();
                assert_eq!((lowered.size, lowered.refused), (3, Vec::new()));
                let gone: Vec<String> = before.difference(&live(&account)).cloned().collect();
                assert_eq!(gone, [leaves[0].name.as_str()], "{mode}: exactly who was named");
                // Again it is done, also when they are gone.
                assert_eq!(hand.lower(4, &leaves).await.unwrap().size, 3);
                hand.pass(60).await;
                assert_eq!(hand.lower(4, &leaves).await.unwrap().size, 3);
            }
            let hand = another(&account).await;
            let destroy = async || hand.fleets.destroy_generation(&hand.op(), GENERATION).await.unwrap();
            assert_eq!(destroy().await, Destroyed::StillHas(3));
            let members = hand.members().await.unwrap();
            hand.lower(3, &members).await.unwrap();
            hand.pass(120).await;
            assert!(hand.members().await.unwrap().is_empty());
            assert_eq!(destroy().await, Destroyed::Gone);
            assert_eq!(hand.look().await.unwrap().state, GroupState::Absent);
            assert_eq!((destroy().await, account.fake.truth().scale_sets.len()), (Destroyed::Gone, 0));
        });
    }
}

#[test]
fn what_never_comes_is_given_up() {
    each(async |account, mode| {
        let hand = adopted(&account, mode).await;
        account.fake.capacity("", Some(3));
        hand.raise(3, 5).await.unwrap();
        hand.pass(120).await;
        let seen = hand.fleets.observe(&hand.fleet, &[GROUP].into()).await.unwrap();
        assert_eq!((seen.groups[0].instances.len(), seen.incidents.len()), (3, 1), "{mode}: {:?}", seen.incidents);
        let before = live(&account);
        let resized = hand.fleets.resize(&hand.op(), &Resize::GiveUp { group: GROUP, from: 5, to: 3 }).await.unwrap();
        hand.pass(60).await;
        assert_eq!((resized.size, live(&account)), (3, before));
    });
}

#[test]
fn a_number_that_is_given_again_is_another_machine() {
    play(async |account: Account| {
        account.fake.numbers_again(true);
        let hand = adopted(&account, "Uniform").await;
        let members = hand.members().await.unwrap();
        hand.lower(3, &members[..1]).await.unwrap();
        hand.pass(120).await;
        hand.raise(2, 3).await.unwrap();
        hand.pass(120).await;
        let now = hand.members().await.unwrap();
        let names = |keys: &[InstanceKey]| keys.iter().map(|key| key.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&now), names(&members), "the number is back");
        assert_ne!(now[0], members[0]);
        // Whoever had it is not whoever has it.
        let (deletions, before) = (account.fake.count("virtualMachineScaleSets.deleteInstances"), live(&account));
        let lowered = hand.lower(3, &members[..1]).await.unwrap();
        assert_eq!((lowered.size, lowered.refused), (3, vec![(members[0].clone(), Refusal::NotMember)]));
        assert_eq!((account.fake.count("virtualMachineScaleSets.deleteInstances"), live(&account)), (deletions, before));
    });
}

#[test]
fn a_deletion_by_number_may_come_late_and_says_so() {
    play(async |account: Account| {
        let hand = adopted(&account, "Uniform").await;
        let members = hand.members().await.unwrap();
        account.fake.faults().next("virtualMachineScaleSets.deleteInstances", Fault::LostReply);
        let begun = account.clock.now();
        let error = hand.lower(3, &members[..1]).await.unwrap_err();
        assert_eq!(error.applied(), Applied::Unknown);
        assert!(error.echo_until().is_some_and(|until| until >= begun + Duration::from_secs(60)), "{:?}", error.echo_until());
    });
}

/// "Instance Protection for Azure Virtual Machine Scale Set instances": "User-initiated instance operations (including instance delete) are not blocked".
#[test]
fn who_is_protected_from_the_scale_set_leaves_when_named() {
    play(async |account: Account| {
        let hand = adopted(&account, "Uniform").await;
        account.fake.meddle_protect("legacy_1");
        let seen = hand.look().await.unwrap();
        assert!(seen.instances.iter().all(|instance| instance.held.is_none()), "it can be named");
        hand.lower(3, &[seen.instances[1].key.clone()]).await.unwrap();
        assert_eq!(live(&account), ["legacy_0", "legacy_2"].map(str::to_owned).into());
    });
}

#[test]
fn the_health_extension_is_heard() {
    play(async |account: Account| {
        let image = account.image("1.0.0");
        assert!(account.fake.meddle_uniform(&id(&account, LEGACY), image.id().as_str(), 0));
        account.wait(Duration::from_secs(60)).await;
        account.fake.by_hand(&id(&account, LEGACY), |body| {
            body["properties"]["virtualMachineProfile"]["extensionProfile"] = json!({"extensions": [{"name": "health", "properties": {
                "publisher": "Microsoft.ManagedServices", "type": "ApplicationHealthLinux", "typeHandlerVersion": "2.0",
                "settings": {"protocol": "tcp", "port": 80},
            }}]});
        });
        assert!(account.fake.meddle_capacity(&id(&account, LEGACY), 2));
        account.wait(Duration::from_secs(120)).await;
        let hand = Hand::new(&account);
        let spec = read(&hand).await;
        adopt(&hand, &spec).await.unwrap();
        let seen = hand.look().await.unwrap();
        let said: Vec<Verdict> = seen
            .instances
            .iter()
            .map(|one| one.health.iter().find(|health| health.source.as_str() == APPLICATION_HEALTH).unwrap().verdict)
            .collect();
        assert_eq!(said, [Verdict::Healthy, Verdict::Healthy]);
    });
}

#[test]
fn a_list_that_is_late_never_hides_it() {
    each(async |account, mode| {
        theirs(&account, mode, LEGACY).await;
        let hand = Hand::new(&account);
        let spec = read(&hand).await;
        // Whoever asks is shown the tags and no tags by turns.
        account.fake.lists_take_turns(Duration::from_secs(600));
        adopt(&hand, &spec).await.unwrap();
        let present = async |hand: &Hand| matches!(hand.look().await.unwrap().state, GroupState::Present { .. });
        for _ in 0..4 {
            assert!(present(&hand).await, "{mode}");
            // Not even who was never shown it takes one list for the truth.
            assert!(present(&another(&account).await).await, "{mode}: a new process");
        }
        for _ in 0..2 {
            hand.raise(3, 3).await.unwrap();
            another(&account).await.raise(3, 3).await.unwrap();
            let left = another(&account).await.fleets.destroy_generation(&hand.op(), GENERATION).await.unwrap();
            assert_eq!(left, Destroyed::StillHas(3));
        }
    });
}

#[test]
fn it_is_done_once_it_is_listed() {
    play(async |account: Account| {
        theirs(&account, "Uniform", LEGACY).await;
        let hand = Hand::new(&account);
        let (spec, begun) = (read(&hand).await, account.now_ms());
        account.fake.late_lists(Duration::from_secs(4));
        adopt(&hand, &spec).await.unwrap();
        assert!(account.now_ms() - begun >= 9000, "{}", account.now_ms() - begun);
        assert!(matches!(another(&account).await.look().await.unwrap().state, GroupState::Present { .. }));
    });
}

#[test]
fn what_is_not_listed_for_long_is_told_of_and_found_later() {
    play(async |account: Account| {
        theirs(&account, "Uniform", LEGACY).await;
        let hand = Hand::new(&account);
        let spec = read(&hand).await;
        account.fake.late_lists(Duration::from_secs(60));
        let error = adopt(&hand, &spec).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::NotYetVisible, Applied::Unknown), "{error}");
        hand.pass(60).await;
        adopt(&hand, &spec).await.unwrap();
        assert_eq!(account.fake.count("virtualMachineScaleSets.update"), 1);
    });
}

#[test]
fn who_has_seen_it_does_not_need_the_list() {
    each(async |account, mode| {
        let hand = adopted(&account, mode).await;
        let seen = another(&account).await;
        seen.look().await.unwrap();
        account.fake.late_lists(Duration::from_secs(600));
        for hand in [hand, seen] {
            assert!(matches!(hand.look().await.unwrap().state, GroupState::Present { .. }), "{mode}");
            assert_eq!(hand.raise(3, 3).await.unwrap().size, 3);
            let left = hand.fleets.destroy_generation(&hand.op(), GENERATION).await.unwrap();
            assert_eq!(left, Destroyed::StillHas(3));
        }
    });
}

#[test]
fn a_copy_of_the_tags_is_a_stranger_and_not_the_group() {
    each(async |account, mode| {
        let hand = adopted(&account, mode).await;
        theirs(&account, mode, "a-copy").await;
        let copied = account.fake.body(&id(&account, LEGACY))["tags"].clone();
        account.fake.by_hand(&id(&account, "a-copy"), |body| body["tags"] = copied.clone());
        let seen = hand.fleets.observe(&hand.fleet, &[GROUP].into()).await.unwrap();
        let names: Vec<&str> = seen.groups[0].instances.iter().map(|one| one.key.name.as_str()).collect();
        assert!(names.len() == 3 && names.iter().all(|name| name.starts_with("legacy_")), "{names:?}");
        let strangers: Vec<_> = seen.strangers.iter().map(|one| (one.what.as_str(), one.claims, one.orphan)).collect();
        assert_eq!(strangers, [("a-copy", Some(GENERATION), None)], "{mode}");
        let spec = read(&hand).await;
        let error = hand.fleets.adopt(&hand.op(), &NativeRef::new("a-copy"), &spec).await.unwrap_err();
        refused(&error, ErrorKind::Taken, &["a-copy", "take them away"]);
        // Once the group itself is gone, the copy is not it.
        let members = hand.members().await.unwrap();
        hand.lower(3, &members).await.unwrap();
        hand.pass(120).await;
        assert_eq!(hand.fleets.destroy_generation(&hand.op(), GENERATION).await.unwrap(), Destroyed::Gone);
        assert_eq!(hand.look().await.unwrap().state, GroupState::Absent);
        assert_eq!(another(&account).await.look().await.unwrap().state, GroupState::Absent);
        assert_eq!(live(&account).len(), 3);
    });
}

#[test]
fn what_nobody_asked_about_is_a_stranger_and_no_orphan() {
    play(async |account: Account| {
        let hand = adopted(&account, "Uniform").await;
        let other = GroupId { generation: GenerationId(2), cell: 0 };
        let seen = hand.fleets.observe(&hand.fleet, &[other].into()).await.unwrap();
        let strangers: Vec<_> = seen.strangers.iter().map(|one| (one.what.as_str(), one.claims, one.orphan)).collect();
        assert_eq!(strangers, [(LEGACY, Some(GENERATION), None)]);
        // Its tags taken away, it is told of by its name.
        hand.look().await.unwrap();
        account.fake.by_hand(&id(&account, LEGACY), |body| body["tags"] = json!({"team": "shop"}));
        // Its machines run still: whoever has seen it does not say that it is absent, however often they look.
        for _ in 0..3 {
            let seen = hand.fleets.observe(&hand.fleet, &[GROUP].into()).await.unwrap();
            let strangers: Vec<_> = seen.strangers.iter().map(|one| (one.what.as_str(), one.claims, one.orphan)).collect();
            assert_eq!(strangers, [(LEGACY, Some(GENERATION), None)]);
            let [group] = &seen.groups[..] else { panic!("{:?}", seen.groups) };
            assert!(matches!(&group.coverage, Coverage::Part(why) if why.contains("give them back")), "{:?}", group.coverage);
            assert!(matches!(group.state, GroupState::Present { size: 3, .. }), "{:?}", group.state);
            hand.pass(30).await;
        }
        assert!(account.fake.delete_by_hand(&id(&account, LEGACY)));
        hand.pass(60).await;
        assert_eq!(hand.look().await.unwrap().state, GroupState::Absent);
    });
}

#[test]
fn nothing_else_is_made_of_its_template() {
    play(async |account: Account| {
        let hand = adopted(&account, "Uniform").await;
        let spec = read(&hand).await;
        let error = hand.ensure(&GenerationSpec { id: GenerationId(2), ..spec }).await.unwrap_err();
        refused(&error, ErrorKind::Invalid, &["from a scale set that others made", "give the fleet a VmssTemplate"]);
        assert_eq!(account.fake.truth().scale_sets.len(), 1);
    });
}

#[test]
fn upkeep_is_set_as_of_any_other() {
    play(async |account: Account| {
        theirs(&account, "Flexible", LEGACY).await;
        account.fake.by_hand(&id(&account, LEGACY), |body| body["zones"] = json!(["1", "2"]));
        let hand = Hand::new(&account);
        let spec = read(&hand).await;
        adopt(&hand, &spec).await.unwrap();
        for rebalance in [true, false] {
            let upkeep = Upkeep { rebalance, ..Upkeep::NONE };
            let hand = another(&account).await;
            hand.fleets.set_upkeep(&hand.op(), GENERATION, upkeep).await.unwrap();
            hand.pass(30).await;
            assert!(matches!(hand.look().await.unwrap().state, GroupState::Present { upkeep: Some(seen), .. } if seen == upkeep));
        }
    });
}

#[test]
fn a_fleet_of_another_process_is_found_by_a_fresh_provider() {
    play(async |account: Account| {
        adopted(&account, "Uniform").await;
        let fleets: Arc<dyn FleetProvider> = Arc::new(VmssFleet::new(&account.azure));
        let seen = fleets.observe(&Hand::new(&account).fleet(), &[GROUP].into()).await.unwrap();
        assert_eq!(seen.groups[0].instances.len(), 3);
    });
}

#[test]
fn what_it_measures_is_found() {
    play(async |account: Account| {
        let hand = adopted(&account, "Uniform").await;
        let (legacy, cpu) = (id(&account, LEGACY), "Percentage CPU");
        account.fake.metric(&legacy, cpu, "Percent", &["VMName"]);
        let since = Timestamp::from_millis((account.clock.now().as_millis().div_euclid(60_000) + 1) * 60_000);
        let until = since + Duration::from_secs(300);
        let side = Side::new(GENERATION, "acmeinc/web".parse().unwrap(), "1.0.0".parse().unwrap(), Digest::of(b"web"));
        let side = side.instances(hand.members().await.unwrap().into_iter().take(2));
        let trial = Trial::new(hand.fleet(), RolloutId(1), StepIx(0), side, since, until);
        for (machine, value) in [("legacy_0", 40.0), ("legacy_1", 60.0), ("legacy_2", 99.0)] {
            let at = u64::try_from((since + Duration::from_secs(70)).as_millis()).unwrap();
            account.fake.sample(&legacy, cpu, &[("VMName", machine)], at, value);
        }
        account.clock.sleep_until(until + Duration::from_secs(181)).await;
        let metrics = AzureMetrics::new(&account.azure).metric("cpu", Measure::of_scale_sets(cpu, Aggregate::Average));
        let reading = metrics.read(&trial.query("cpu", &trial.new)).await.unwrap().unwrap();
        assert!((reading.value - 50.0).abs() < 1e-9, "of those that count: {reading}");
    });
}

#[test]
fn what_others_have_changed_is_not_raised() {
    each(async |account, mode| {
        let hand = adopted(&account, mode).await;
        let legacy = id(&account, LEGACY);
        let said = account.fake.body(&legacy);
        let other = account.image("1.1.0").id().as_str().to_owned();
        let change = |with: &dyn Fn(&mut Value)| assert!(account.fake.by_hand(&legacy, |body| with(&mut body["properties"])));
        type Change<'a> = (&'a dyn Fn(&mut Value), ErrorKind, &'a str);
        let image: Change<'_> = (
            &|it| it["virtualMachineProfile"]["storageProfile"]["imageReference"]["id"] = json!(other),
            ErrorKind::Conflict,
            "its model is another",
        );
        let spot: Change<'_> = (&|it| it["virtualMachineProfile"]["priority"] = json!("Spot"), ErrorKind::Invalid, "evicts");
        let over: Change<'_> = (&|it| it["overprovision"] = json!(true), ErrorKind::Conflict, "overprovision");
        let uniform = (mode == "Uniform").then_some(over);
        for (with, kind, words) in [image, spot].into_iter().chain(uniform) {
            change(with);
            refused(&hand.raise(3, 4).await.unwrap_err(), kind, &[words]);
            change(&|it| *it = said["properties"].clone());
        }
        assert_eq!(hand.raise(3, 4).await.unwrap().size, 4, "{mode}: set back, it is raised");
    });
}

#[test]
fn its_generation_is_made_by_nobody() {
    play(async |account: Account| {
        let hand = adopted(&account, "Uniform").await;
        // As by a journal that begins anew.
        let error = hand.ensure(&hand.good()).await.unwrap_err();
        refused(&error, ErrorKind::Taken, &["web-0001", "legacy was adopted as that generation"]);
        assert_eq!(account.fake.truth().scale_sets.len(), 1);
    });
}

#[test]
fn a_copy_of_a_deletion_by_number_may_come_after_its_answer() {
    each(async |account, mode| {
        let hand = adopted(&account, mode).await;
        let leaves = [hand.members().await.unwrap()[0].clone()];
        for _ in 0..2 {
            let begun = account.clock.now();
            let lowered = hand.lower(3, &leaves).await.unwrap();
            let late = lowered.echo_until.map(|until| until >= begun + Duration::from_secs(60));
            assert_eq!(late, (mode == "Uniform").then_some(true), "{mode}");
            hand.pass(30).await;
        }
    });
}

#[test]
fn what_replaces_it_may_be_in_the_backend_pools_that_it_was_in() {
    play(async |account: Account| {
        account.fake.load_balancer("front", &["web"]);
        let shared = format!("{}/backendAddressPools/shared", account.fake.id("Microsoft.Network/loadBalancers", "front"));
        let template = |template: VmssTemplate| {
            template.backend_pool("front/shared").backend_pool(format!("{shared}-2")).load_balancer("front")
        };
        let hand = Hand::new(&account).with(template);
        hand.ensure(&hand.good()).await.unwrap();
        // The same again finds the same.
        hand.ensure(&hand.good()).await.unwrap();
        let body = account.fake.body(&id(&account, "web-0001-0"));
        let path = "/properties/virtualMachineProfile/networkProfile/networkInterfaceConfigurations/0/properties/ipConfigurations/0/properties";
        let pools = body.pointer(path).unwrap()["loadBalancerBackendAddressPools"].as_array().unwrap();
        let names: Vec<_> = pools.iter().filter_map(|pool| pool["id"].as_str()?.rsplit('/').next()).collect();
        assert_eq!(names, ["shared", "shared-2", "web-0001"]);
        assert!(pools[0]["id"].as_str().unwrap().eq_ignore_ascii_case(&shared));
    });
}
