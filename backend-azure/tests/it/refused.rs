//! What cannot work, and how it is told: of which kind, whether it was done, and in which words.

use std::fmt::Debug;

use backend_azure::{Azure, LoadBalancerTraffic, Machine, Pool, TrafficManagerTraffic, WeightedPool};
use immutable_core::fleet::{GenerationId, GenerationSpec, Placement, Upkeep};
use immutable_core::id::{InstanceKey, NativeRef, Zone};
use immutable_core::{Applied, Error, ErrorKind, ImageRef, LaunchTemplate, Place};
use immutable_fakes::arm::Fault;
use serde_json::json;

use crate::account::{AUTHORITY, Account, GROUP, REGION, SUBSCRIPTION};
use crate::hand::{Hand, play};

/// A refusal of which it is certain that nothing was done.
#[track_caller]
fn refused<T: Debug>(result: Result<T, Error>, kind: ErrorKind, words: &[&str]) {
    let error = result.expect_err("it must be refused");
    assert_eq!((error.kind(), error.applied()), (kind, Applied::No), "{error}");
    let text = error.to_string();
    for words in words {
        assert!(text.contains(words), "`{words}` is not in: {text}");
    }
}

/// Nothing of what is refused is there afterwards.
fn nothing_was_made(account: &Account) {
    assert_eq!(account.fake.truth().scale_sets.keys().collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(account.fake.violations(), Vec::<String>::new());
}

fn scale_set(account: &Account) -> String {
    account.fake.id("Microsoft.Compute/virtualMachineScaleSets", "web-0001-0")
}

mod connecting {
    use super::*;

    async fn connect(subscription: &str, group: &str, region: &str) -> Result<Azure, Error> {
        let builder = Azure::builder(subscription, group, region).endpoint("https://127.0.0.1:1");
        builder.access_token(|| async { Ok("t0ken".to_owned()) }).connect().await
    }

    #[test]
    fn what_is_no_subscription_group_or_region_is_said_before_anything_is_called() {
        play(async |_| {
            for subscription in ["Acme Production", "", "/subscriptions/1"] {
                let words = ["no subscription's id", "a UUID"];
                refused(connect(subscription, GROUP, REGION).await, ErrorKind::Invalid, &words);
            }
            for group in ["", "acme/prod", "acme.", &"a".repeat(91)] {
                refused(connect(SUBSCRIPTION, group, REGION).await, ErrorKind::Invalid, &["no resource group's name"]);
            }
            for region in ["", "West Europe", "west-europe"] {
                refused(connect(SUBSCRIPTION, GROUP, region).await, ErrorKind::Invalid, &["no region", "`westeurope`"]);
            }
        });
    }

    #[test]
    fn what_is_no_endpoint_or_authority_is_said() {
        play(async |account: Account| {
            // A token is sent over nothing else.
            for endpoint in ["http://127.0.0.1:1", "management.azure.com", "https://127.0.0.1:1/proxy"] {
                let connected = account.signed(|builder| builder.endpoint(endpoint)).await;
                refused(connected, ErrorKind::Invalid, &[endpoint, "by https"]);
            }
            for pem in ["", "ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
                let connected = account.signed(|builder| builder.certificate_authority(pem)).await;
                refused(connected, ErrorKind::Invalid, &[]);
            }
            let plain = account.signed(|builder| {
                let client = account.fake.client();
                builder.authority("http://127.0.0.1:1").client_secret(client.tenant, client.id, client.secret)
            });
            refused(plain.await, ErrorKind::Denied, &["no credentials", "HTTPS"]);
            assert!(account.signed(|builder| builder.certificate_authority(&AUTHORITY.ca_pem)).await.is_ok());
        });
    }

    #[test]
    fn where_nobody_listens_nothing_was_done() {
        play(async |account: Account| {
            let azure = connect(SUBSCRIPTION, GROUP, REGION).await.unwrap();
            let hand = Hand::new(&account.by(azure));
            refused(hand.ensure(&hand.good()).await, ErrorKind::Unreachable, &["there is no connection"]);
        });
    }

    #[test]
    fn who_has_the_wrong_secret_is_told_in_microsofts_words() {
        play(async |account: Account| {
            let client = account.fake.client();
            let wrong = |builder: backend_azure::Builder| builder.client_secret(client.tenant, client.id, "hunter2");
            let hand = Hand::new(&account.by(account.signed(wrong).await.unwrap()));
            let ensured = hand.ensure(&hand.good()).await;
            assert!(!format!("{ensured:?}").contains("hunter2"), "{ensured:?}");
            refused(ensured, ErrorKind::Denied, &["want of credentials", "AADSTS7000215"]);
            assert_eq!(account.fake.count("token"), 1, "it is not tried again");
            nothing_was_made(&account);
        });
    }

    #[test]
    fn a_token_that_cannot_be_had_is_said_of_the_call() {
        play(async |account: Account| {
            let token = || async { Err::<String, _>(Error::new(ErrorKind::Denied, "the vault is sealed")) };
            let azure = account.signed(|builder| builder.access_token(token)).await.unwrap();
            let hand = Hand::new(&account.by(azure));
            refused(hand.ensure(&hand.good()).await, ErrorKind::Denied, &["want of credentials", "the vault is sealed"]);
        });
    }

    #[test]
    fn a_resource_group_that_is_not_there_is_named() {
        play(async |account: Account| {
            let azure = account.of_group("elsewhere").await.unwrap();
            let hand = Hand::new(&account.by(azure));
            refused(hand.ensure(&hand.good()).await, ErrorKind::NotFound, &["ResourceGroupNotFound", "elsewhere"]);
        });
    }
}

mod specs {
    use super::*;

    #[test]
    fn an_image_of_another_place_is_refused() {
        play(async |account: Account| {
            let hand = Hand::new(&account);
            let id = account.image("1.0.0").id().as_str().to_owned();
            for (subscription, region) in [(SUBSCRIPTION, "northeurope"), ("00000000-0000-0000-0000-000000000002", REGION)] {
                let elsewhere = ImageRef::new(Place::new("azure", subscription, region).unwrap(), id.clone());
                let place = format!("azure/{subscription}/{region}");
                refused(hand.ensure(&hand.spec(elsewhere)).await, ErrorKind::Invalid, &[&place, "copy it there first"]);
            }
            nothing_was_made(&account);
        });
    }

    #[test]
    fn what_is_not_one_image_is_refused() {
        play(async |account: Account| {
            let hand = Hand::new(&account);
            let exact = account.image("1.0.0").id().as_str().to_owned();
            let latest = exact.replace("1.0.0", "latest");
            let definition = exact.replace("/versions/1.0.0", "");
            for moving in [latest.as_str(), &definition, "Canonical:ubuntu-24_04-lts:server:latest"] {
                let image = ImageRef::new(account.place(), moving);
                refused(hand.ensure(&hand.spec(image)).await, ErrorKind::Invalid, &[moving, "name a version"]);
            }
            let image = ImageRef::new(account.place(), "ami-1");
            refused(hand.ensure(&hand.spec(image)).await, ErrorKind::Invalid, &["`ami-1` is no image"]);
            nothing_was_made(&account);
        });
    }

    #[test]
    fn names_and_labels_that_azure_does_not_take_are_refused() {
        play(async |account: Account| {
            let long = Hand::new(&account).named(&"a".repeat(50));
            refused(long.ensure(&long.good()).await, ErrorKind::Invalid, &["too long", "name the fleet shorter"]);
            let hand = Hand::new(&account);
            let labelled = |key: &str, value: &str| {
                let labels = [(key.into(), value.into())].into();
                GenerationSpec { labels, ..hand.good() }
            };
            refused(hand.ensure(&labelled("a/b", "x")).await, ErrorKind::Invalid, &["a/b", "can be no tag"]);
            refused(hand.ensure(&labelled("team", &"x".repeat(257))).await, ErrorKind::Invalid, &["team", "at most 256"]);
            let many = (0..46).map(|at| (format!("label-{at}").into(), "x".into())).collect();
            let many = GenerationSpec { labels: many, ..hand.good() };
            refused(hand.ensure(&many).await, ErrorKind::Invalid, &["46 labels", "at most 50 tags"]);
            nothing_was_made(&account);
        });
    }

    #[test]
    fn a_template_that_cannot_work_is_refused() {
        play(async |account: Account| {
            let of = |machine| Hand::new(&account).with_machine(|_| machine);
            let hand = of(Machine::linux("Standard_B2s", "web", "azureuser", "ssh-ed25519 AAAA ops"));
            refused(hand.ensure(&hand.good()).await, ErrorKind::Invalid, &["`web` is no subnet", "network/subnet"]);
            let hand = Hand::new(&account).with_machine(|machine| machine.custom_data("x".repeat(70_000)));
            refused(hand.ensure(&hand.good()).await, ErrorKind::Invalid, &["65535 bytes"]);
            let hand = Hand::new(&account).with_machine(Machine::windows);
            refused(hand.ensure(&hand.good()).await, ErrorKind::Invalid, &["no place for one"]);
            let mut hand = Hand::new(&account);
            hand.template = LaunchTemplate::of(&json!({"machine": {"size": "s", "subnet": "a/b", "password": "x"}})).unwrap();
            refused(hand.ensure(&hand.good()).await, ErrorKind::Invalid, &["unknown field `password`"]);
            nothing_was_made(&account);
        });
    }

    #[test]
    fn a_pool_needs_a_load_balancer_in_the_template() {
        play(async |account: Account| {
            let hand = Hand::new(&account);
            let pooled = GenerationSpec { pool: Some("web".into()), ..hand.good() };
            refused(hand.ensure(&pooled).await, ErrorKind::Invalid, &["names no load balancer", "VmssTemplate::load_balancer"]);
            let absent = Hand::new(&account).with(|template| template.load_balancer("absent"));
            refused(absent.ensure(&absent.good()).await, ErrorKind::NotFound, &["absent"]);
            nothing_was_made(&account);
        });
    }

    #[test]
    fn an_application_needs_a_base_image_and_an_image_wants_none() {
        play(async |account: Account| {
            let hand = Hand::new(&account);
            let application = ImageRef::new(account.place(), account.fake.application("web-app", "1.0.0"));
            let spec = hand.spec(application);
            refused(hand.ensure(&spec).await, ErrorKind::Invalid, &["is an application", "VmssTemplate::base_image"]);
            let base = account.image("1.0.0").id().as_str().to_owned();
            let based = Hand::new(&account).with(|template| template.base_image(base.clone()));
            refused(based.ensure(&based.good()).await, ErrorKind::Invalid, &["leave one of them out"]);
            let image = Hand::new(&account).with(|template| template.application(base.clone()));
            refused(image.ensure(&image.good()).await, ErrorKind::Invalid, &["no version of a VM application"]);
            nothing_was_made(&account);
        });
    }

    #[test]
    fn pools_that_cannot_work_are_refused_before_anything_is_called() {
        play(async |account: Account| {
            let rules = |pool: Pool| LoadBalancerTraffic::new(&account.azure).pool("web", pool);
            refused(rules(Pool::load_balancer("", ["web"])), ErrorKind::Invalid, &[]);
            refused(rules(Pool::load_balancer("front", Vec::<String>::new())), ErrorKind::Invalid, &[]);
            let slots = |slots: &[(&str, &str)]| {
                let pool = WeightedPool::traffic_manager("web", "front", slots.to_vec());
                TrafficManagerTraffic::new(&account.azure).pool("web", pool)
            };
            refused(slots(&[("blue", "blue")]), ErrorKind::Invalid, &[]);
            refused(slots(&[("blue", "one"), ("green", "one")]), ErrorKind::Invalid, &[]);
            assert_eq!(account.fake.calls().len(), 0);
        });
    }

    #[test]
    fn what_would_keep_it_from_launching_is_found_before() {
        play(async |account: Account| {
            let find = async |hand: &Hand, spec: &GenerationSpec| {
                let findings = hand.fleets.preflight(spec, 5).await.unwrap();
                findings.into_iter().map(|finding| (finding.what, finding.blocks)).collect::<Vec<_>>()
            };
            let told = |found: &[(String, bool)], words: &str, blocks: bool| {
                assert!(found.iter().any(|(what, does)| what.contains(words) && *does == blocks), "`{words}`: {found:?}");
            };
            let hand = Hand::new(&account);
            assert_eq!(find(&hand, &hand.good()).await, []);
            let of = |size: &str| Machine::linux(size, "net/web", "azureuser", "ssh-ed25519 AAAA ops");
            let absent = Hand::new(&account).with_machine(|_| of("Standard_Nonsense"));
            told(&find(&absent, &absent.good()).await, "no size Standard_Nonsense in westeurope", true);
            let zones = Hand::new(&account).with(|template| template.zones(["4"]));
            told(&find(&zones, &zones.good()).await, "zone 4 of westeurope; zones with it: 1, 2, 3", true);
            let mut zonal = hand.good();
            zonal.groups[0].placement = Placement::Zone(Zone::new("9"));
            told(&find(&hand, &zonal).await, "zone 9", true);

            account.fake.size_withheld("Standard_B2s", &["2"]);
            assert_eq!(find(&hand, &hand.good()).await, [], "in no zone it can be launched");
            let zones = Hand::new(&account).with(|template| template.zones(["1", "2"]));
            told(&find(&zones, &zones.good()).await, "may not launch size Standard_B2s in zone 2", true);
            account.fake.size_withheld("Standard_B2s", &["1", "2", "3"]);
            told(&find(&hand, &hand.good()).await, "may not launch size Standard_B2s in westeurope", true);
            account.fake.size_withheld("Standard_B2s", &[]);

            account.fake.usage("standardBSFamily", 95, 100);
            told(&find(&hand, &hand.good()).await, "room for 5 more cores (quota standardBSFamily: 100)", false);

            let base = account.image("1.0.0").id().as_str().replace("1.0.0", "9.9.9");
            let application = ImageRef::new(account.place(), account.fake.application("web-app", "1.0.0"));
            let based = Hand::new(&account).with(|template| template.base_image(base.clone()));
            told(&find(&based, &based.spec(application)).await, &format!("there is no {base}"), true);
            let both = Hand::new(&account).with(|template| template.base_image(account.image("1.0.0").id().as_str()));
            told(&find(&both, &both.good()).await, "leave one of them out", true);
            assert!(account.fake.calls().iter().all(|call| call.body.is_null() || call.method == "token"), "it only reads");
        });
    }
}

mod names {
    use super::*;

    #[test]
    fn a_scale_set_that_is_not_ours_is_left_alone() {
        play(async |account: Account| {
            let hand = Hand::new(&account);
            let theirs = account.image("9.9.9");
            assert!(account.fake.meddle_scale_set(&scale_set(&account), theirs.id().as_str(), 3));
            account.fake.advance(account.now_ms() + 60_000);
            let machines: Vec<InstanceKey> =
                account.fake.truth().machines.iter().map(|(id, one)| InstanceKey::named(&*one.name).incarnation(&**id)).collect();
            let before = account.fake.truth();
            refused(hand.ensure(&hand.good()).await, ErrorKind::Taken, &["web-0001-0", "does not bear this fleet's tags"]);
            refused(hand.raise(3, 4).await, ErrorKind::Taken, &["web-0001-0"]);
            refused(hand.lower(3, &machines[..1]).await, ErrorKind::Taken, &["web-0001-0"]);
            refused(hand.fleets.set_upkeep(&hand.op(), GenerationId(1), Upkeep::NONE).await, ErrorKind::NotFound, &["web-0001"]);
            hand.fleets.destroy_generation(&hand.op(), GenerationId(1)).await.unwrap();
            let after = account.fake.truth();
            assert_eq!((after.scale_sets, after.machines), (before.scale_sets, before.machines));
            let seen = hand.fleets.observe(&hand.fleet(), &[crate::hand::GROUP].into()).await.unwrap();
            assert!(seen.groups[0].instances.is_empty(), "its machines are not counted as ours");
        });
    }

    #[test]
    fn one_of_another_spec_is_not_used() {
        play(async |account: Account| {
            let hand = Hand::new(&account);
            hand.ensure(&hand.good()).await.unwrap();
            let other = hand.spec(account.image("1.1.0"));
            refused(hand.ensure(&other).await, ErrorKind::Taken, &["web-0001-0", "made of another spec"]);
            let mut zonal = hand.good();
            zonal.groups[0].placement = Placement::Zone(Zone::new("1"));
            refused(hand.ensure(&zonal).await, ErrorKind::Taken, &["web-0001-0"]);
            assert_eq!(account.fake.count("virtualMachineScaleSets.createOrUpdate"), 1);
        });
    }

    #[test]
    fn one_that_somebody_has_changed_is_not_used() {
        for (at, value) in [
            ("/properties/virtualMachineProfile/storageProfile/imageReference/id", json!("/subscriptions/x/other")),
            ("/properties/virtualMachineProfile/osProfile/adminUsername", json!("mallory")),
            ("/sku/name", json!("Standard_D4s_v5")),
            ("/properties/orchestrationMode", json!("Uniform")),
        ] {
            play(async |account: Account| {
                let hand = Hand::new(&account);
                hand.ensure(&hand.good()).await.unwrap();
                assert!(account.fake.by_hand(&scale_set(&account), |body| *body.pointer_mut(at).unwrap() = value.clone()));
                let what = format!("its {} is another", &at[1..]);
                refused(hand.ensure(&hand.good()).await, ErrorKind::Taken, &["web-0001-0", &what]);
            });
        }
    }

    #[test]
    fn what_is_not_there_is_not_taken_over() {
        play(async |account: Account| {
            let hand = Hand::new(&account);
            refused(hand.fleets.inspect(&NativeRef::new("legacy")).await, ErrorKind::NotFound, &["no scale set legacy"]);
            refused(hand.raise(0, 1).await, ErrorKind::NotFound, &["there is no scale set web-0001-0"]);
            let legacy = account.fake.id("Microsoft.Compute/virtualMachineScaleSets", "legacy");
            let moving = account.image("1.0.0").id().as_str().replace("/versions/1.0.0", "");
            assert!(account.fake.meddle_uniform(&legacy, account.image("1.0.0").id().as_str(), 0));
            let spec = hand.fleets.inspect(&NativeRef::new("legacy")).await.unwrap();
            assert_eq!((spec.fleet.name(), spec.image), ("legacy", account.image("1.0.0")));
            account.fake.by_hand(&legacy, |body| {
                body["properties"]["virtualMachineProfile"]["storageProfile"]["imageReference"] = json!({ "id": moving });
            });
            let words = ["legacy cannot be a baseline", "name a version"];
            refused(hand.fleets.inspect(&NativeRef::new("legacy")).await, ErrorKind::Invalid, &words);
        });
    }
}

mod sizes {
    use super::*;

    #[test]
    fn a_lower_of_nobody_is_refused() {
        play(async |account: Account| {
            let hand = Hand::new(&account);
            hand.ensure(&hand.good()).await.unwrap();
            hand.raise(0, 2).await.unwrap();
            refused(hand.lower(2, &[]).await, ErrorKind::Invalid, &["names nobody"]);
            assert_eq!(account.fake.count("virtualMachineScaleSets.deleteInstances"), 0, "by which all would go");
        });
    }

    #[test]
    fn a_size_that_is_another_is_told() {
        play(async |account: Account| {
            let hand = Hand::new(&account);
            hand.ensure(&hand.good()).await.unwrap();
            assert!(account.fake.meddle_capacity(&scale_set(&account), 2));
            let error = hand.raise(0, 3).await.unwrap_err();
            assert_eq!((error.kind(), error.found()), (ErrorKind::Conflict, Some(2)), "{error}");
            assert_eq!(account.fake.count("virtualMachineScaleSets.update"), 0);
        });
    }
}

mod permissions {
    use super::*;

    #[test]
    fn what_is_lacking_is_named() {
        play(async |account: Account| {
            let hand = Hand::new(&account);
            for call in ["virtualMachineScaleSets.get", "virtualMachineScaleSets.createOrUpdate"] {
                account.fake.deny(call);
                let words = [call, "allow it in their role", "AuthorizationFailed"];
                refused(hand.ensure(&hand.good()).await, ErrorKind::Denied, &words);
                account.fake.allow(call);
            }
            nothing_was_made(&account);
            hand.ensure(&hand.good()).await.unwrap();
            account.fake.deny("virtualMachines.list");
            refused(hand.look().await, ErrorKind::Denied, &["virtualMachines.list"]);
        });
    }

    #[test]
    fn a_server_that_fails_for_long_leaves_it_open_what_was_done() {
        play(async |account: Account| {
            let hand = Hand::new(&account);
            hand.ensure(&hand.good()).await.unwrap();
            account.fake.faults().always("virtualMachineScaleSets.update", Fault::ServerErrorBefore(503));
            let error = hand.raise(0, 1).await.unwrap_err();
            assert_eq!((error.kind(), error.applied()), (ErrorKind::Internal, Applied::Unknown), "{error}");
            assert_eq!(account.fake.count("virtualMachineScaleSets.update"), 1, "what may have been done is not sent again here");
        });
    }
}
