//! One writer: what is accepted, what is refused, and with which words.

use immutable_core::artifact::{Built, Provenance};
use immutable_core::id::{StreamId, StreamVersion, WriteId};
use immutable_core::journal::{Append, Journal};
use immutable_core::memory::MemoryOptions;
use immutable_core::registry::{ImageRegistry, Publication, Status};
use immutable_core::{Applied, Artifact, ErrorKind, Fleet, MemoryCloud, MemoryJournal, Plan, Result, Strategy};

use crate::{artifact, clock, image, place, registry, revoke, to, web};

#[test]
fn a_version_is_published_once_and_never_changes() {
    let clock = clock();
    clock.run(async {
        let registry = registry(MemoryJournal::new(), &clock);
        let (first, other) = (artifact("1.0.0", "a"), artifact("1.0.0", "b"));
        assert_eq!(registry.publish(&first, &"ci".into()).await.unwrap(), Publication::New);
        assert_eq!(registry.publish(&first, &"ci".into()).await.unwrap(), Publication::Known);
        let error = registry.publish(&other, &"ci".into()).await.unwrap_err();
        assert_eq!((error.kind(), error.applied()), (ErrorKind::Conflict, Applied::No));
        assert_eq!(
            error.to_string(),
            format!(
                "acmeinc/web 1.0.0 is published as {}, it cannot be {} as well; publish that under another version",
                first.digest(),
                other.digest()
            )
        );
        let view = registry.view(&web()).await.unwrap();
        assert_eq!((view.stream_version(), view.entries().count()), (StreamVersion(1), 1));
        assert_eq!(view.version(&"1.0.0".parse().unwrap()).unwrap().by, "ci".into());
    });
}

#[test]
fn copies_are_recorded_with_the_artifact_they_are_of() {
    let clock = clock();
    clock.run(async {
        let registry = registry(MemoryJournal::new(), &clock);
        let first = artifact("1.0.0", "a");
        registry.publish(&first, &"ci".into()).await.unwrap();
        let copied = first.clone().with_copy(image("us-west-2", "ami-copy")).unwrap();
        assert_eq!(registry.publish(&copied, &"ci".into()).await.unwrap(), Publication::Copied);
        assert_eq!(registry.publish(&first, &"ci".into()).await.unwrap(), Publication::Known, "fewer images take none away");
        let view = registry.view(&web()).await.unwrap();
        let known = view.resolve(&"1.0.0".parse().unwrap()).unwrap();
        assert_eq!(known.image_in(&place("us-west-2")), Some(&image("us-west-2", "ami-copy")));

        let otherwise = first.with_copy(image("us-west-2", "ami-other")).unwrap();
        let error = registry.publish(&otherwise, &"ci".into()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "acmeinc/web 1.0.0 is ami-copy in aws/123456789012/us-west-2 already, it cannot be ami-other as well"
        );
    });
}

#[test]
fn a_mark_of_no_way_back_is_kept_and_comes_with_the_plan() {
    let clock = clock();
    clock.run(async {
        let cloud = MemoryCloud::with(MemoryOptions::seeded(0).clock(clock.clone()));
        let controller = cloud.controller();
        let built = || Built::new(Provenance::new("amazon-ebs", "run-12"));
        let version = |text: &str| text.parse().unwrap();
        let plain = Artifact::new(web(), version("1.0.0"), built()).unwrap();
        let marked =
            Artifact::new(web(), version("1.1.0"), built().irreversible("schema 12: old versions cannot read it")).unwrap();
        for (artifact, why) in [(&plain, None), (&marked, Some("schema 12: old versions cannot read it"))] {
            let artifact = cloud.import(artifact).unwrap();
            controller.registry().publish(&artifact, &"ci".into()).await.unwrap();
            let view = controller.registry().view(&web()).await.unwrap();
            let kept = view.resolve(&artifact.version().to_string().parse().unwrap()).unwrap();
            assert_eq!((kept.irreversible(), kept.digest()), (why, artifact.digest()));

            let plan = controller.plan(&Fleet::new("web", cloud.place()).size(3), kept, Strategy::rolling()).await.unwrap();
            assert_eq!(plan.to().irreversible.as_deref(), why);
            let json = serde_json::to_string(&plan).unwrap();
            assert_eq!(json.contains("irreversible"), why.is_some(), "{json}");
            assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
        }
    });
}

#[test]
fn every_way_to_name_an_artifact() {
    let clock = clock();
    clock.run(async {
        let registry = registry(MemoryJournal::new(), &clock);
        let versions = ["1.2.0", "1.10.0", "1.11.0-rc.1", "2.0.0-rc.1", "1.9.0"];
        for version in versions {
            registry.publish(&artifact(version, version), &"ci".into()).await.unwrap();
        }
        registry.set_channel(to("production", None, "1.9.0")).await.unwrap();
        registry.revoke(revoke(&artifact("1.10.0", "1.10.0"), "it leaks")).await.unwrap();
        let view = registry.view(&web()).await.unwrap();
        let digest = |version: &str| artifact(version, version).digest().to_string();
        for (selector, version) in [
            ("1.2.0", "1.2.0"),
            ("2.0.0-rc.1", "2.0.0-rc.1"),
            ("^1.2", "1.9.0"),
            ("~1.2", "1.2.0"),
            ("*", "1.9.0"),
            (">=1.11.0-rc.0", "1.11.0-rc.1"),
            (&digest("1.2.0"), "1.2.0"),
            ("@production", "1.9.0"),
        ] {
            let found = view.resolve(&selector.parse().unwrap()).unwrap();
            assert_eq!(found.version().to_string(), version, "{selector}");
        }
        let nothing = digest("7.7.7");
        let has = "it has 2.0.0-rc.1, 1.11.0-rc.1, 1.10.0 (revoked), 1.9.0, 1.2.0";
        let revoked = "revoked by bob at 2026-11-21T03:50:27.000Z: it leaks; the highest version that is not revoked is 1.9.0";
        for (selector, kind, message) in [
            ("1.3.0", ErrorKind::NotFound, format!("acmeinc/web has no version 1.3.0; {has}")),
            ("^2", ErrorKind::NotFound, format!("acmeinc/web has no version that meets ^2 and is not revoked; {has}")),
            ("=1.10.0", ErrorKind::NotFound, format!("acmeinc/web has no version that meets =1.10.0 and is not revoked; {has}")),
            (&nothing, ErrorKind::NotFound, format!("acmeinc/web has no artifact {nothing}; {has}")),
            ("@canary", ErrorKind::NotFound, "acmeinc/web has no channel canary; it has production".to_owned()),
            ("1.10.0", ErrorKind::Denied, format!("acmeinc/web 1.10.0 is {revoked}")),
            (&digest("1.10.0"), ErrorKind::Denied, format!("acmeinc/web 1.10.0 is {revoked}")),
        ] {
            let error = view.resolve(&selector.parse().unwrap()).unwrap_err();
            assert_eq!((error.kind(), error.to_string()), (kind, message));
        }
        registry.publish(&artifact("0.1.0", "0.1.0"), &"ci".into()).await.unwrap();
        let view = registry.view(&web()).await.unwrap();
        let error = view.resolve(&"3.0.0".parse().unwrap()).unwrap_err().to_string();
        assert_eq!(error, format!("acmeinc/web has no version 3.0.0; {has} and 1 older"));
    });
}

#[test]
fn an_unused_name_is_an_empty_view() {
    let clock = clock();
    clock.run(async {
        let view = registry(MemoryJournal::new(), &clock).view(&web()).await.unwrap();
        assert_eq!((view.stream_version(), view.entries().count(), view.channels().count()), (StreamVersion(0), 0, 0));
        let error = |selector: &str| view.resolve(&selector.parse().unwrap()).unwrap_err().to_string();
        assert_eq!(error("1.0.0"), "acmeinc/web has no version 1.0.0; nothing is published under that name");
        assert_eq!(error("@stable"), "acmeinc/web has no channel stable; it has none");
    });
}

#[test]
fn a_channel_moves_only_from_where_it_is_believed_to_be() {
    let clock = clock();
    clock.run(async {
        let registry = registry(MemoryJournal::new(), &clock);
        for version in ["1.0.0", "1.1.0"] {
            registry.publish(&artifact(version, version), &"ci".into()).await.unwrap();
        }
        let refused = async |request| {
            let error = registry.set_channel(request).await.unwrap_err();
            assert_eq!(error.applied(), Applied::No);
            (error.kind(), error.to_string())
        };
        assert_eq!(
            refused(to("stable", Some("1.0.0"), "1.1.0")).await,
            (
                ErrorKind::Conflict,
                "there is no channel stable of acmeinc/web, it was expected to point to 1.0.0; look again before moving it to 1.1.0"
                    .to_owned()
            )
        );
        registry.set_channel(to("stable", None, "1.0.0")).await.unwrap();
        assert_eq!(
            refused(to("stable", None, "1.1.0")).await.1,
            "channel stable of acmeinc/web points to 1.0.0, it was expected not to exist; look again before moving it to 1.1.0"
        );
        assert_eq!(
            refused(to("stable", Some("1.1.0"), "1.0.0")).await.1,
            "channel stable of acmeinc/web points to 1.0.0, it was expected to point to 1.1.0; look again before moving it to 1.0.0"
        );
        assert_eq!(
            refused(to("stable", Some("1.0.0"), "9.0.0")).await,
            (
                ErrorKind::NotFound,
                "channel stable of acmeinc/web cannot point to 9.0.0, which is not published; it has 1.1.0, 1.0.0".to_owned()
            )
        );
        registry.set_channel(to("stable", Some("1.0.0"), "1.0.0")).await.unwrap();
        registry.set_channel(to("stable", Some("1.0.0"), "1.1.0")).await.unwrap();
        registry.set_channel(to("stable", Some("1.1.0"), "1.0.0")).await.unwrap();
        let view = registry.view(&web()).await.unwrap();
        let moves: Vec<_> = view
            .channel("stable")
            .unwrap()
            .history()
            .iter()
            .map(|moved| (moved.from.as_ref().map(ToString::to_string), moved.to.to_string(), moved.by.as_str(), &*moved.why))
            .collect();
        let (one, two) = (|| "1.0.0".to_owned(), || "1.1.0".to_owned());
        assert_eq!(
            moves,
            [
                (None, one(), "ann", "it is proven"),
                (Some(one()), two(), "ann", "it is proven"),
                (Some(two()), one(), "ann", "it is proven")
            ]
        );
    });
}

#[test]
fn what_is_revoked_is_not_handed_out_and_says_why() {
    let clock = clock();
    clock.run(async {
        let registry = registry(MemoryJournal::new(), &clock);
        let (candidate, release) = (artifact("1.1.0-rc.1", "b"), artifact("1.1.0", "b"));
        registry.publish(&artifact("1.0.0", "a"), &"ci".into()).await.unwrap();
        for of_one_build in [&candidate, &release] {
            assert_eq!(registry.publish(of_one_build, &"ci".into()).await.unwrap(), Publication::New);
        }
        registry.set_channel(to("stable", None, "1.1.0")).await.unwrap();
        registry.revoke(revoke(&candidate, "it leaks")).await.unwrap();
        registry.revoke(revoke(&release, "again")).await.unwrap();

        let view = registry.view(&web()).await.unwrap();
        let Status::Known { revoked: Some(revocation) } = view.status(release.digest()) else { panic!("not revoked") };
        assert_eq!((revocation.by.as_str(), &*revocation.why), ("bob", "it leaks"), "the first reason stands");
        assert_eq!(view.status(artifact("1.0.0", "a").digest()), Status::Known { revoked: None });
        assert_eq!(view.status(artifact("1.0.0", "z").digest()), Status::Unknown);
        assert_eq!(view.digest(release.digest()).count(), 2, "one build, two versions");

        let why = "revoked by bob at 2026-11-21T03:50:27.000Z: it leaks";
        let error = view.resolve(&"@stable".parse().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert_eq!(
            error.to_string(),
            format!(
                "channel stable of acmeinc/web points to 1.1.0, which is {why}; the highest version that is not revoked is 1.0.0"
            )
        );
        let error = registry.set_channel(to("beta", None, "1.1.0-rc.1")).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "channel beta of acmeinc/web cannot point to 1.1.0-rc.1, {why}; the highest version that is not revoked is 1.0.0"
            )
        );
        let error = registry.publish(&artifact("1.1.1", "b"), &"ci".into()).await.unwrap_err();
        assert_eq!(error.to_string(), format!("acmeinc/web 1.1.1 is the same build as 1.1.0-rc.1, {why}; build it anew"));
        assert_eq!(registry.publish(&release, &"ci".into()).await.unwrap(), Publication::Known);

        registry.revoke(revoke(&artifact("1.0.0", "a"), "old")).await.unwrap();
        let view = registry.view(&web()).await.unwrap();
        let error = view.resolve(&"@stable".parse().unwrap()).unwrap_err().to_string();
        assert!(error.ends_with("it leaks; no version of it is left; publish another"), "{error}");
        let unknown = artifact("1.0.0", "z");
        let error = registry.revoke(revoke(&unknown, "why not")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().starts_with(&format!("acmeinc/web has no artifact {} to revoke; it has", unknown.digest())));
    });
}

#[test]
fn who_and_why_are_not_left_out() {
    let clock = clock();
    clock.run(async {
        let registry = registry(MemoryJournal::new(), &clock);
        let web = artifact("1.0.0", "a");
        let error = registry.publish(&web, &" ".into()).await.unwrap_err();
        assert_eq!(error.to_string(), "publishing acmeinc/web 1.0.0 needs to say by whom");
        registry.publish(&web, &"ci".into()).await.unwrap();
        let error = registry.revoke(revoke(&web, "")).await.unwrap_err();
        assert_eq!(error.to_string(), format!("revoking {} of acmeinc/web needs a reason", web.digest()));
        let mut silent = to("stable", None, "1.0.0");
        silent.why = "".into();
        let error = registry.set_channel(silent).await.unwrap_err();
        assert_eq!(error.to_string(), "moving channel stable of acmeinc/web needs a reason");
    });
}

#[test]
fn a_view_does_not_change_and_a_history_does_not_go_back_in_time() {
    let clock = clock();
    clock.run(async {
        let journal = MemoryJournal::new();
        let (ahead, behind) = (registry(journal.clone(), &clock), registry(journal, &crate::clock()));
        use immutable_core::time::Clock;
        clock.sleep_until(clock.now() + std::time::Duration::from_secs(60)).await;
        ahead.publish(&artifact("1.0.0", "a"), &"ci".into()).await.unwrap();
        let before = behind.view(&web()).await.unwrap();
        behind.publish(&artifact("1.1.0", "b"), &"ci".into()).await.unwrap();
        let after = ahead.view(&web()).await.unwrap();
        assert_eq!((before.entries().count(), after.entries().count()), (1, 2));
        assert_eq!(after.as_of(), clock.now());
        let times: Vec<_> = after.entries().map(|entry| entry.at).collect();
        assert_eq!(times, [clock.now(), clock.now()], "the second writer's clock was a minute behind");
    });
}

#[test]
fn ancestry_follows_bases_across_names() -> Result<()> {
    let clock = clock();
    clock.run(async {
        let registry = registry(MemoryJournal::new(), &clock);
        let unpublished = artifact("0.0.1", "debian").digest();
        let of = |name: &str, version: &str, base| {
            let built = Built::new(Provenance::new("amazon-ebs", name).base(base));
            Artifact::new(name.parse()?, version.parse()?, built)
        };
        let base = of("acmeinc/base", "12.0.0", unpublished)?;
        let parent = of("acmeinc/web", "1.0.0", base.digest())?;
        let child = of("acmeinc/web", "1.1.0", parent.digest())?;
        for artifact in [&base, &parent, &child] {
            registry.publish(artifact, &"ci".into()).await?;
        }
        registry.revoke(revoke(&base, "an old kernel")).await?;

        let view = registry.view(&web()).await?;
        assert_eq!(view.ancestry(child.digest()), [child.digest(), parent.digest(), base.digest()]);
        assert!(view.ancestry(unpublished).is_empty());

        let links = registry.ancestry(child.digest()).await?;
        let told: Vec<_> = links
            .iter()
            .map(|link| link.entries.iter().map(|entry| format!("{} {}", entry.artifact, entry.revoked.is_some())).collect())
            .collect::<Vec<Vec<_>>>();
        assert_eq!(
            told,
            [vec!["acmeinc/web 1.1.0 false"], vec!["acmeinc/web 1.0.0 false"], vec!["acmeinc/base 12.0.0 true"], vec![]]
        );
        assert_eq!(links[3].digest, unpublished);
        let error = registry.ancestry(unpublished).await.unwrap_err();
        assert_eq!(error.to_string(), format!("{unpublished} is published under none of 2 names"));
        assert_eq!(registry.names().await?, ["acmeinc/base".parse()?, "acmeinc/web".parse()?]);
        Ok(())
    })
}

#[test]
fn what_cannot_be_read_is_corrupt_and_nothing_is_written_after_it() {
    let clock = clock();
    clock.run(async {
        for (record, why) in [
            (r#"{"v":2}"#, "has format 2; this version reads format 1"),
            (
                r#"{"v":1,"at":"2026-11-21T03:50:27Z","event":{"channel_moved":{"channel":"a","from":"1.0.0","to":"1.0.0","by":"x","why":"y"}}}"#,
                "moves channel a from where it was not",
            ),
            (
                r#"{"v":1,"at":"2026-11-21T03:50:27Z","event":{"channel_moved":{"channel":"a","from":null,"to":"9.0.0","by":"x","why":"y"}}}"#,
                "moves channel a to 9.0.0, which is unknown or revoked",
            ),
        ] {
            let journal = MemoryJournal::new();
            let registry = registry(journal.clone(), &clock);
            registry.publish(&artifact("1.0.0", "a"), &"ci".into()).await.unwrap();
            let append = Append {
                stream: StreamId::new("registry/acmeinc/web"),
                expected: StreamVersion(1),
                write: WriteId([7; 16]),
                records: vec![record.as_bytes().into()],
            };
            journal.append(append).await.unwrap();
            let error = registry.view(&web()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert_eq!(error.to_string(), format!("record 2 of registry/acmeinc/web {why}"));
            assert!(registry.publish(&artifact("2.0.0", "b"), &"ci".into()).await.is_err());
        }
    });
}
