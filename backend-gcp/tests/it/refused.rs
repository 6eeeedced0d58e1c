//! What cannot work, and how it is told: of which kind, whether it was done, and in which words.

use std::fmt::Debug;

use backend_gcp::{Gcp, Machine, MigTemplate};
use immutable_core::fleet::{GenerationId, GenerationSpec, Placement};
use immutable_core::id::{InstanceKey, NativeRef, Zone};
use immutable_core::{Applied, Error, ErrorKind, ImageRef, LaunchTemplate, Place};
use immutable_fakes::gce::Fault;

use crate::account::{Account, PROJECT, REGION};
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

fn in_zone(spec: GenerationSpec, zone: &str) -> GenerationSpec {
    let mut spec = spec;
    spec.groups[0].placement = Placement::Zone(Zone::new(zone));
    spec
}

/// Nothing of what is refused is there afterwards.
fn nothing_was_made(account: &Account) {
    let truth = account.fake.truth();
    assert!(truth.groups.is_empty() && truth.templates.is_empty(), "{truth:?}");
}

mod connecting {
    use super::*;

    async fn connect(project: &str, region: &str) -> Result<Gcp, Error> {
        Gcp::builder(project, region).endpoint("http://127.0.0.1:1").anonymous().connect().await
    }

    #[test]
    fn what_is_no_project_or_region_is_said_before_anything_is_called() {
        play(async |_| {
            refused(connect("Acme Production", REGION).await, ErrorKind::Invalid, &["`Acme Production`", "acme-prod"]);
            refused(connect("123456789", REGION).await, ErrorKind::Invalid, &["`123456789`"]);
            refused(connect("", REGION).await, ErrorKind::Invalid, &["no project's id"]);
            refused(
                connect(PROJECT, "europe-west1-b").await,
                ErrorKind::Invalid,
                &["`europe-west1-b`", "without a zone's letter"],
            );
            refused(connect(PROJECT, "").await, ErrorKind::Invalid, &["no region"]);
        });
    }

    #[test]
    fn what_is_no_endpoint_or_key_is_said() {
        play(async |_| {
            let builder = || Gcp::builder(PROJECT, REGION);
            refused(
                builder().endpoint("localhost:8080").anonymous().connect().await,
                ErrorKind::Invalid,
                &["`localhost:8080`", "http://"],
            );
            refused(builder().service_account_key("{").connect().await, ErrorKind::Invalid, &["key is not JSON"]);
            refused(builder().service_account_key("{}").connect().await, ErrorKind::Denied, &["service account's key"]);
        });
    }

    #[test]
    fn where_nobody_listens_nothing_was_done() {
        play(async |account: Account| {
            let gcp = Gcp::builder(PROJECT, REGION)
                .endpoint("http://127.0.0.1:1")
                .anonymous()
                .clock(account.clock.clone())
                .connect()
                .await
                .unwrap();
            let hand = Hand::new(&Account { gcp, ..account.clone() });
            refused(hand.ensure(&hand.good()).await, ErrorKind::Unreachable, &["there is no connection"]);
        });
    }

    #[test]
    fn a_token_that_cannot_be_had_is_said_of_the_call() {
        play(async |account: Account| {
            let token = || async { Err::<String, _>(Error::new(ErrorKind::Denied, "the vault is sealed")) };
            let builder = Gcp::builder(PROJECT, REGION).endpoint("http://127.0.0.1:1").access_token(token);
            let gcp = builder.clock(account.clock.clone()).connect().await.unwrap();
            let hand = Hand::new(&Account { gcp, ..account.clone() });
            refused(hand.ensure(&hand.good()).await, ErrorKind::Denied, &["want of credentials"]);
        });
    }
}

mod specs {
    use super::*;

    #[test]
    fn an_image_of_another_place_is_refused() {
        play(async |account: Account| {
            let hand = Hand::new(&account);
            let elsewhere =
                ImageRef::new(Place::new("gcp", "other", "global").unwrap(), "projects/other/global/images/web-1-0-0");
            refused(hand.ensure(&hand.spec(elsewhere)).await, ErrorKind::Invalid, &["gcp/other/global", "copy it there first"]);
            nothing_was_made(&account);
        });
    }

    #[test]
    fn a_zone_of_another_region_is_refused() {
        play(async |account: Account| {
            let hand = Hand::new(&account);
            // The last is of a region whose name begins as this one's.
            for zone in ["us-central1-a", "europe-west10-a"] {
                refused(hand.ensure(&in_zone(hand.good(), zone)).await, ErrorKind::Invalid, &[zone, REGION]);
            }
            nothing_was_made(&account);
        });
    }

    #[test]
    fn a_name_that_google_does_not_take_is_refused() {
        play(async |account: Account| {
            let long = Hand::new(&account).named(&"a".repeat(50));
            refused(long.ensure(&long.good()).await, ErrorKind::Invalid, &["too long", "name the fleet shorter"]);
            let digit = Hand::new(&account).named("4web");
            refused(digit.ensure(&digit.good()).await, ErrorKind::Invalid, &["4web-0001-0", "begin with a letter"]);
            nothing_was_made(&account);
        });
    }

    #[test]
    fn a_template_that_cannot_work_is_refused() {
        play(async |account: Account| {
            let of = |machine| Hand::new(&account).with(|_| machine);
            let hand = of(Machine::new("zones/europe-west1-b/machineTypes/e2-small"));
            refused(hand.ensure(&hand.good()).await, ErrorKind::Invalid, &["without its zone"]);
            let hand = of(Machine::new("e2-small").startup_script("x".repeat(300_000)));
            refused(hand.ensure(&hand.good()).await, ErrorKind::Invalid, &["300000 bytes"]);
            let mut hand = Hand::new(&account);
            hand.template =
                LaunchTemplate::of(&serde_json::json!({"machine": {"machine_type": "e2-small", "subnet": "x"}})).unwrap();
            refused(hand.ensure(&hand.good()).await, ErrorKind::Invalid, &["unknown field `subnet`"]);
            nothing_was_made(&account);
        });
    }

    #[test]
    fn what_would_keep_it_from_launching_is_found_before() {
        play(async |account: Account| {
            let find = async |hand: &Hand, spec: &GenerationSpec| {
                let findings = hand.fleets.preflight(spec, 5).await.unwrap();
                findings.into_iter().map(|finding| (finding.what, finding.blocks)).collect::<Vec<_>>()
            };
            let hand = Hand::new(&account);
            assert_eq!(find(&hand, &hand.good()).await, []);
            let absent = Hand::new(&account).with(|_| Machine::new("e2-nonsense"));
            let found = find(&absent, &absent.good()).await;
            assert!(found.iter().any(|(what, blocks)| what.contains("e2-nonsense") && *blocks), "{found:?}");
            let mut zones = Hand::new(&account);
            let template = MigTemplate::new(account.machine()).zones(["europe-west1-x"]);
            zones.template = LaunchTemplate::of(&template).unwrap();
            let found = find(&zones, &zones.good()).await;
            assert!(found.iter().any(|(what, blocks)| what.contains("europe-west1-x") && *blocks), "{found:?}");
            account.fake.quota(Some(3));
            let found = find(&hand, &hand.good()).await;
            assert!(found.iter().any(|(what, blocks)| what.contains("INSTANCES") && !*blocks), "{found:?}");
        });
    }
}

mod names {
    use super::*;

    const PATH: &str = "projects/acme/regions/europe-west1/instanceGroupManagers/web-0001-0";

    #[test]
    fn a_group_that_is_not_ours_is_left_alone() {
        play(async |account: Account| {
            let hand = Hand::new(&account);
            account.fake.image("theirs");
            assert!(account.fake.meddle_group(PATH, "projects/acme/global/images/theirs", "made by hand"));
            let (before, templates) = (account.fake.truth().groups, account.fake.truth().templates);
            refused(hand.ensure(&hand.good()).await, ErrorKind::Taken, &["web-0001-0", "does not bear this fleet's mark"]);
            refused(hand.raise(1, 3).await, ErrorKind::Taken, &["web-0001-0"]);
            refused(hand.lower(1, &[InstanceKey::named("web-0001-0-x")]).await, ErrorKind::Taken, &["web-0001-0"]);
            let upkeep = immutable_core::fleet::Upkeep::NONE;
            refused(hand.fleets.set_upkeep(&hand.op(), GenerationId(1), upkeep).await, ErrorKind::NotFound, &["web-0001"]);
            hand.fleets.destroy_generation(&hand.op(), GenerationId(1)).await.unwrap();
            assert_eq!(account.fake.truth().groups, before);
            assert_eq!(account.fake.truth().templates, templates, "nothing was begun");
        });
    }

    #[test]
    fn a_name_is_one_groups_in_all_of_the_region() {
        play(async |account: Account| {
            let hand = Hand::new(&account);
            let spec = hand.good();
            hand.ensure(&in_zone(spec.clone(), "europe-west1-b")).await.unwrap();
            refused(hand.ensure(&in_zone(spec.clone(), "europe-west1-c")).await, ErrorKind::Taken, &["another place"]);
            refused(hand.ensure(&spec).await, ErrorKind::Taken, &["another place"]);
            assert_eq!(account.fake.truth().groups.len(), 1);
        });
    }

    #[test]
    fn a_template_of_our_name_that_launches_otherwise_is_not_used() {
        let (name, mut body) = play(async |account: Account| {
            let hand = Hand::new(&account);
            hand.ensure(&hand.good()).await.unwrap();
            let path = account.fake.truth().templates.keys().next().unwrap().clone();
            let body = account.read(&path);
            (
                path,
                serde_json::json!({ "name": body["name"], "description": body["description"], "properties": body["properties"] }),
            )
        });
        let list = name.rsplit_once('/').unwrap().0.to_owned();
        for (field, other) in [
            ("/properties/machineType", "e2-medium"),
            ("/properties/disks/0/initializeParams/sourceImage", "projects/acme/global/images/other"),
        ] {
            *body.pointer_mut(field).unwrap() = other.into();
            play(async |account: Account| {
                account.fake.image("other");
                assert_eq!(account.send("POST", &list, body.to_string().into_bytes()).status, 200);
                account.wait(std::time::Duration::from_secs(10)).await;
                let hand = Hand::new(&account);
                refused(hand.ensure(&hand.good()).await, ErrorKind::Taken, &["instance template", "differs"]);
                assert!(account.fake.truth().groups.is_empty());
            });
        }
    }

    #[test]
    fn what_nobody_made_is_not_taken_over() {
        play(async |account: Account| {
            let hand = Hand::new(&account);
            refused(hand.fleets.inspect(&NativeRef::new("web")).await, ErrorKind::Invalid, &["cannot be taken over"]);
            refused(hand.raise(0, 1).await, ErrorKind::NotFound, &["there is no managed instance group web-0001-0"]);
        });
    }
}

mod permissions {
    use super::*;

    #[test]
    fn what_is_lacking_is_named() {
        play(async |account: Account| {
            let hand = Hand::new(&account);
            account.fake.deny("regionInstanceTemplates.insert");
            refused(
                hand.ensure(&hand.good()).await,
                ErrorKind::Denied,
                &["compute.regionInstanceTemplates.insert", "allow it in their role"],
            );
            nothing_was_made(&account);
            account.fake.allow("regionInstanceTemplates.insert");
            account.fake.deny("instanceGroupManagers.aggregatedList");
            refused(hand.ensure(&hand.good()).await, ErrorKind::Denied, &["aggregatedList"]);
        });
    }

    #[test]
    fn a_lower_of_nobody_is_refused() {
        play(async |account: Account| {
            let hand = Hand::new(&account);
            hand.ensure(&hand.good()).await.unwrap();
            refused(hand.lower(0, &[]).await, ErrorKind::Invalid, &["names nobody"]);
        });
    }

    #[test]
    fn a_server_that_fails_for_long_leaves_it_open_what_was_done() {
        play(async |account: Account| {
            let hand = Hand::new(&account);
            hand.ensure(&hand.good()).await.unwrap();
            account.fake.faults().always("regionInstanceGroupManagers.resize", Fault::ServerErrorBefore(503));
            let error = hand.raise(0, 1).await.unwrap_err();
            assert_eq!((error.kind(), error.applied()), (ErrorKind::Internal, Applied::Unknown), "{error}");
        });
    }
}
