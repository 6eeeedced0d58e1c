//! What cannot work, and how it is told: of which kind, whether it was done, and in which words.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use backend_aws::{AsgTemplate, Aws, Machine};
use immutable_core::fleet::{GenerationSpec, Placement};
use immutable_core::time::{Clock, Sleep, VirtualClock};
use immutable_core::{Applied, Error, ErrorKind, ImageRef, LaunchTemplate, Place, Timestamp};
use immutable_fakes::aws::http::Http;
use immutable_fakes::aws::{FakeAws, Fault, Service};

use crate::account::{Account, START};
use crate::hand::{Hand, play};
use crate::walk;

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

mod images {
    use super::*;

    /// Every way in which an image is not to be had.
    fn unlaunchable(account: &Account) -> Vec<(&'static str, String)> {
        let (fake, of) = (&account.fake, |name: &str| account.fake.image(name));
        let [pending, failed, disabled, gone] = ["pending", "failed", "disabled", "gone"].map(of);
        fake.image_pending(&pending, Duration::from_secs(86_400));
        fake.image_failed(&failed);
        fake.meddle_disable_image(&disabled, true);
        fake.meddle_deregister_image(&gone);
        let foreign = fake.foreign_image("foreign", "999999999999", false);
        let elsewhere = fake.region("eu-west-1").image("elsewhere");
        vec![
            ("pending", pending),
            ("failed", failed),
            ("disabled", disabled),
            ("deregistered", gone),
            ("not shared", foreign),
            ("of another region", elsewhere),
            ("not there", "ami-0123456789abcdef0".to_owned()),
        ]
    }

    #[test]
    fn one_that_cannot_be_launched_blocks_the_plan() {
        Hand::both(async |hand| {
            for (what, id) in unlaunchable(&hand.account) {
                let spec = hand.spec(ImageRef::new(hand.account.place(), &*id));
                let findings = hand.fleets.preflight(&spec, 1).await.unwrap();
                let found = findings.iter().find(|finding| finding.blocks);
                let found = found.unwrap_or_else(|| panic!("nothing blocks an image that is {what}"));
                assert!(found.what.contains(&id) && found.what.contains("cannot be launched: "), "{what}: {}", found.what);
            }
        });
    }

    #[test]
    fn one_that_goes_after_the_plan_is_an_error_that_names_it() {
        play(async |account: Account| {
            for (at, (what, id)) in unlaunchable(&account).into_iter().enumerate() {
                let hand = Hand::groups(&account).named(&format!("groups-{at}"));
                let spec = hand.spec(ImageRef::new(account.place(), &*id));
                let error = hand.ensure(&spec).await.expect_err(what);
                assert_eq!((error.kind(), error.applied()), (ErrorKind::Invalid, Applied::No), "{what}: {error}");
                assert!(error.to_string().contains(&id), "{what}: {error}");
                // A plain fleet's template is made all the same: only a launch looks at the image.
                let hand = Hand::plain(&account).named(&format!("plain-{at}"));
                hand.ensure(&hand.spec(ImageRef::new(account.place(), &*id))).await.unwrap();
                refused(hand.raise(0, 1).await, ErrorKind::Invalid, &[&id, "ec2:RunInstances"]);
            }
        });
    }

    #[test]
    fn one_of_another_place_is_not_looked_for() {
        Hand::both(async |hand| {
            let place = Place::new("aws", "123456789012", "eu-west-1").unwrap();
            let spec = hand.spec(ImageRef::new(place, hand.account.fake.region("eu-west-1").image("web")));
            let findings = hand.fleets.preflight(&spec, 1).await.unwrap();
            assert!(findings.iter().any(|finding| finding.blocks && finding.what.contains("eu-west-1")), "{findings:?}");
            let before = hand.account.fake.count("CreateLaunchTemplate");
            refused(hand.ensure(&spec).await, ErrorKind::Invalid, &["is not in aws/123456789012/us-east-1", "copy it there"]);
            assert_eq!(hand.account.fake.count("CreateLaunchTemplate"), before, "nothing is made for it");
        });
    }
}

mod names {
    use super::*;

    #[test]
    fn a_group_of_somebody_else_is_not_touched() {
        play(async |account: Account| {
            let (hand, image) = (Hand::groups(&account), account.fake.image("theirs"));
            assert!(account.fake.meddle_group("web-0001-0", &image, &[("team", "others")]));
            let before = account.fake.truth().groups;
            let words = ["web-0001-0", "belongs to something else", "name the fleet otherwise"];
            refused(hand.ensure(&hand.good()).await, ErrorKind::Taken, &words);
            refused(hand.raise(0, 1).await, ErrorKind::Taken, &words);
            assert_eq!(account.fake.truth().groups, before);
        });
    }

    #[test]
    fn a_group_that_somebody_else_makes_meanwhile_is_not_touched_either() {
        play(async |account: Account| {
            let (hand, image) = (Hand::groups(&account), account.fake.image("theirs"));
            let spec = hand.good();
            // It comes after the look and before the call: while the launch template is made, whose answer is slow.
            account.fake.faults().next("CreateLaunchTemplate", Fault::SlowReply { takes: Duration::from_secs(5) });
            let meddle = async {
                hand.pass(2).await;
                assert!(account.fake.meddle_group("web-0001-0", &image, &[]));
            };
            let (made, ()) = futures_util::future::join(hand.ensure(&spec), meddle).await;
            refused(made, ErrorKind::Taken, &["web-0001-0", "does not bear this fleet's tags"]);
            assert_eq!(account.fake.count("CreateAutoScalingGroup"), 1, "it was tried, and was too late");
            assert_eq!(account.fake.truth().groups["web-0001-0"].suspended, Vec::<String>::new());
        });
    }

    /// Somebody makes the launch template that a generation would make, of another content or of the same.
    fn meddle_template(hand: &Hand, spec: &GenerationSpec, image: &str) -> String {
        let digest = spec.digest().to_string();
        let name = format!("web-0001-0-{}", &digest.rsplit(':').next().unwrap()[..12]);
        let form = format!(
            "Action=CreateLaunchTemplate&LaunchTemplateName={name}&LaunchTemplateData.ImageId={image}&LaunchTemplateData.InstanceType=t3.micro"
        );
        hand.account.by_hand(Service::Ec2, &form, "launchTemplateId");
        name
    }

    #[test]
    fn a_launch_template_of_somebody_else_is_not_launched_from() {
        Hand::both(async |hand| {
            let (spec, image) = (hand.good(), hand.account.fake.image("theirs"));
            let name = meddle_template(&hand, &spec, &image);
            refused(hand.ensure(&spec).await, ErrorKind::Taken, &["the image of launch template", &name, "delete it"]);
        });
    }

    #[test]
    fn nor_one_that_is_alike_and_bears_no_tags_of_ours() {
        Hand::both(async |hand| {
            let spec = hand.good();
            let name = meddle_template(&hand, &spec, spec.image.id().as_str());
            refused(hand.ensure(&spec).await, ErrorKind::Taken, &["launch template", &name, "tags", "delete it"]);
        });
    }
}

mod permissions {
    use super::*;

    /// Walks once as it likes, and once more without each of the actions that it took.
    fn each_is_named(way: impl AsyncFn(&Account) -> Result<(), Error>, also: &[&str]) {
        let free = play(async |account: Account| {
            way(&account).await.unwrap();
            walk::called(&account)
        });
        // Load balancers and their like are made by hand.
        let free = free.iter().map(String::as_str).filter(|action| !action.starts_with("elasticloadbalancing:Create"));
        for action in free.chain(also.iter().copied()) {
            let error = play(async |account: Account| {
                account.fake.deny(action);
                way(&account).await
            });
            let error = error.expect_err(action);
            assert_eq!((error.kind(), error.applied()), (ErrorKind::Denied, Applied::No), "{action}: {error}");
            let text = error.to_string();
            assert!(text.contains(&format!("may not call {action}")) && text.contains("allow it"), "{action}: {text}");
        }
    }

    #[test]
    fn each_that_lacks_to_groups_is_named() {
        each_is_named(async |account| walk::fleet(&Hand::groups(account)).await, &["ec2:CreateTags", "ec2:RunInstances"]);
    }

    #[test]
    fn each_that_lacks_to_plain_instances_is_named() {
        each_is_named(async |account| walk::fleet(&Hand::plain(account)).await, &["ec2:CreateTags"]);
    }

    #[test]
    fn each_that_lacks_to_pools_is_named() {
        let listener = async |account: &Account| {
            let (pool, _) = account.pool("web", 3);
            walk::pool(&Hand::groups(account), "web", pool).await
        };
        each_is_named(listener, &[]);
        each_is_named(async |account| walk::pool(&Hand::groups(account), "web", walk::rule(account, "web")).await, &[]);
    }

    #[test]
    fn a_role_that_may_not_be_passed_is_named() {
        Hand::both(async |hand| {
            let hand = hand.with(|machine| machine.instance_profile("web"));
            hand.account.fake.deny("iam:PassRole");
            let made = hand.ensure(&hand.good()).await;
            let made = if hand.is_of_groups() { made.map(drop) } else { hand.raise(0, 1).await.map(drop) };
            refused(made, ErrorKind::Denied, &["iam:PassRole", "allow it"]);
        });
    }
}

mod credentials {
    use super::*;

    #[test]
    fn that_have_expired_are_told_from_all_else() {
        // EC2 says the same of a clock that is off.
        Hand::both(async |hand| {
            hand.account.fake.expire_credentials(true);
            refused(hand.ensure(&hand.good()).await, ErrorKind::Denied, &["credentials", "expired", "sign in again"]);
            refused(hand.raise(0, 1).await, ErrorKind::Denied, &["credentials", "expired", "sign in again"]);
            hand.account.fake.expire_credentials(false);
            hand.ensure(&hand.good()).await.unwrap();
        });
    }

    /// A clock that goes wrong by so many minutes.
    #[derive(Debug)]
    struct Off(VirtualClock, Duration, bool);

    impl Clock for Off {
        fn now(&self) -> Timestamp {
            let now = self.0.now();
            if self.2 { now + self.1 } else { Timestamp::from_millis(now.as_millis() - self.1.as_millis() as i64) }
        }

        fn sleep_until(&self, until: Timestamp) -> Sleep {
            let pause = until.since(self.now());
            self.0.sleep_until(self.0.now() + pause)
        }
    }

    #[test]
    fn a_clock_that_is_off_is_told_whichever_service_finds_out() {
        for ahead in [true, false] {
            play(async |account: Account| {
                account.fake.check_clocks(true);
                let http = Http::new(account.fake.clone(), Arc::new(account.clock.clone()));
                let off = Off(account.clock.clone(), Duration::from_secs(600), ahead);
                let aws = Aws::builder().region("us-east-1").account("123456789012").keys("AKIDEXAMPLE", "secret");
                let aws = aws.endpoint("http://aws.test").http_client(http).clock(off).connect().await.unwrap();
                let astray = Account { aws, ..account.clone() };
                // EC2 has one code for it, `RequestExpired`; Auto Scaling says that the signature does not match.
                let plain = Hand::plain(&astray);
                refused(plain.ensure(&plain.good()).await, ErrorKind::Denied, &["this machine's clock", "RequestExpired"]);
                let groups = Hand::groups(&astray);
                let words = ["this machine's clock", "SignatureDoesNotMatch"];
                refused(groups.ensure(&groups.good()).await, ErrorKind::Denied, &words);
                assert_eq!(account.fake.truth().templates.len(), 0);
            });
        }
    }

    #[test]
    fn that_are_not_there_are_missed_before_anything_is_sent() {
        play(async |account: Account| {
            let http = Http::new(account.fake.clone(), Arc::new(account.clock.clone()));
            let config = aws_config::SdkConfig::builder()
                .region(aws_config::Region::new("us-east-1"))
                .endpoint_url("http://aws.test")
                .build();
            let builder = || Aws::builder().sdk_config(config.clone()).http_client(http.clone()).clock(account.clock.clone());
            refused(builder().connect().await, ErrorKind::Denied, &["sts:GetCallerIdentity", "want of credentials"]);
            let aws = builder().account("123456789012").connect().await.unwrap();
            let hand = Hand::groups(&Account { aws, ..account.clone() });
            refused(hand.ensure(&hand.good()).await, ErrorKind::Denied, &["was not sent", "want of credentials"]);
            assert_eq!(account.fake.calls().len(), 0);
        });
    }

    #[test]
    fn a_region_that_is_nowhere_said_is_asked_for() {
        play(async |account: Account| {
            let http = Http::new(account.fake.clone(), Arc::new(account.clock.clone()));
            let builder = Aws::builder().sdk_config(aws_config::SdkConfig::builder().build()).http_client(http);
            refused(builder.connect().await, ErrorKind::Invalid, &["no AWS region is set", "AWS_REGION"]);
        });
    }
}

mod templates {
    use super::*;

    #[test]
    fn a_subnet_that_is_not_there_blocks_the_plan_and_fails_the_call() {
        Hand::both(async |hand| {
            let hand = hand.with(|_| Machine::new("t3.micro", ["subnet-0123456789abcdef0"]));
            let findings = hand.fleets.preflight(&hand.good(), 1).await.unwrap();
            let found = findings.iter().find(|finding| finding.blocks).expect("it blocks");
            assert!(found.what.contains("subnet-0123456789abcdef0"), "{found:?}");
            let made = hand.ensure(&hand.good()).await;
            let made = if hand.is_of_groups() { made.map(drop) } else { hand.raise(0, 1).await.map(drop) };
            refused(made, ErrorKind::Invalid, &["subnet-0123456789abcdef0"]);
        });
    }

    #[test]
    fn a_zone_without_a_subnet_is_named() {
        Hand::both(async |hand| {
            let mut spec = hand.good();
            spec.groups[0].placement = Placement::Zone("us-east-1f".into());
            let findings = hand.fleets.preflight(&spec, 1).await.unwrap();
            assert!(findings.iter().any(|found| found.blocks && found.what.contains("zone us-east-1f")), "{findings:?}");
            refused(hand.ensure(&spec).await, ErrorKind::Invalid, &["no subnet", "zone us-east-1f", "name one that is"]);
        });
    }

    #[test]
    fn too_much_user_data_is_refused_before_anything_is_made() {
        Hand::both(async |hand| {
            let hand = hand.with(|machine| machine.user_data("x".repeat(16_385)));
            let words = ["user data has 16385 bytes", "16384", "bake it into the image"];
            refused(hand.fleets.preflight(&hand.good(), 1).await, ErrorKind::Invalid, &words);
            refused(hand.ensure(&hand.good()).await, ErrorKind::Invalid, &words);
            assert_eq!(hand.account.fake.truth().templates.len(), 0);
        });
    }

    #[test]
    fn a_field_that_nobody_knows_is_named() {
        Hand::both(async |hand| {
            let mut json = match hand.is_of_groups() {
                true => serde_json::to_value(AsgTemplate::new(hand.account.machine())).unwrap(),
                false => serde_json::to_value(hand.account.machine()).unwrap(),
            };
            json["user_dat"] = "echo".into();
            let template = LaunchTemplate::of(&json).unwrap();
            let spec = GenerationSpec { template, ..hand.good() };
            refused(hand.fleets.preflight(&spec, 1).await, ErrorKind::Invalid, &["user_dat"]);
            refused(hand.ensure(&spec).await, ErrorKind::Invalid, &["user_dat"]);
        });
    }
}

mod room {
    use super::*;

    async fn plain(account: &Account) -> Hand {
        let hand = Hand::plain(account);
        hand.ensure(&hand.good()).await.unwrap();
        hand
    }

    #[test]
    fn want_of_capacity_and_of_quota_are_told_apart_at_once() {
        play(async |account: Account| {
            let hand = plain(&account).await;
            for (_, zone) in account.fake.subnets() {
                account.fake.capacity(&zone, Some(0));
            }
            let (before, calls) = (account.clock.now(), account.fake.count("RunInstances"));
            refused(hand.raise(0, 1).await, ErrorKind::Capacity, &["InsufficientInstanceCapacity", "do not have sufficient"]);
            assert_eq!(account.fake.count("RunInstances"), calls + 1, "it is the engine's to say when to try again, and where");
            assert!(account.clock.now().since(before) < Duration::from_secs(2));
            for (_, zone) in account.fake.subnets() {
                account.fake.capacity(&zone, None);
            }
            account.fake.instance_limit(Some(0));
            refused(hand.raise(0, 1).await, ErrorKind::Quota, &["ec2:RunInstances"]);
        });
    }

    #[test]
    fn every_code_for_want_of_room_has_its_kind() {
        let codes = [
            ("InsufficientInstanceCapacity", ErrorKind::Capacity),
            ("InsufficientHostCapacity", ErrorKind::Capacity),
            ("InsufficientFreeAddressesInSubnet", ErrorKind::Capacity),
            ("SpotMaxPriceTooLow", ErrorKind::Capacity),
            ("InstanceLimitExceeded", ErrorKind::Quota),
            ("VcpuLimitExceeded", ErrorKind::Quota),
            ("VolumeLimitExceeded", ErrorKind::Quota),
            ("MaxSpotInstanceCountExceeded", ErrorKind::Quota),
        ];
        play(async |account: Account| {
            let hand = plain(&account).await;
            for (code, kind) in codes {
                account.fake.faults().clear().always("RunInstances", Fault::Error { code: code.into(), status: 400 });
                refused(hand.raise(0, 1).await, kind, &[code]);
            }
        });
    }

    #[test]
    fn throttles_are_told_as_throttles_whichever_code_they_have() {
        play(async |account: Account| {
            let (plain, groups) = (plain(&account).await, Hand::groups(&account).named("api"));
            groups.ensure(&groups.good()).await.unwrap();
            account.fake.faults().always("*", Fault::Throttled);
            refused(plain.raise(0, 1).await, ErrorKind::Throttled, &["ec2:Describe", "RequestLimitExceeded"]);
            refused(groups.raise(0, 1).await, ErrorKind::Throttled, &["autoscaling:Describe", "Throttling"]);
            account.fake.faults().clear().always("UpdateAutoScalingGroup", Fault::Throttled);
            refused(groups.raise(0, 1).await, ErrorKind::Throttled, &["autoscaling:UpdateAutoScalingGroup"]);
            account.fake.faults().clear().always("RunInstances", Fault::Throttled);
            refused(plain.raise(0, 1).await, ErrorKind::Throttled, &["ec2:RunInstances", "RequestLimitExceeded"]);
        });
    }

    /// The first copy launched, and its answer was lost: that the second was refused says nothing of it.
    #[test]
    fn what_may_have_been_done_is_not_denied_by_a_refusal_that_comes_later() {
        play(async |account: Account| {
            let hand = plain(&account).await;
            account.fake.faults().next("RunInstances", Fault::LostReply).always("RunInstances", Fault::Throttled);
            let error = hand.raise(0, 2).await.unwrap_err();
            assert_eq!(account.fake.truth().instances.len(), 2);
            assert_eq!(error.applied(), Applied::Unknown, "{error}");
        });
    }
}

/// Where a fake without faults would do, so that what is refused above is refused for its own reason.
#[test]
fn the_same_walk_is_fine_where_nothing_is_amiss() {
    Hand::both(async |hand| walk::fleet(&hand).await.unwrap());
    let clock = VirtualClock::new(START);
    clock.run(async {
        let account = Account::of(FakeAws::new("123456789012", "us-east-1"), clock.clone()).await.unwrap();
        let (pool, _) = account.pool("web", 3);
        walk::pool(&Hand::groups(&account), "web", pool).await.unwrap();
    });
}
