//! Random histories against a model that is too simple to be wrong.

use std::collections::{BTreeMap, BTreeSet};

use immutable_core::artifact::Requirement;
use immutable_core::registry::{ImageRegistry, JournalRegistry, Publication, Selector, Status};
use immutable_core::{Artifact, ErrorKind, MemoryJournal, Version};
use proptest::prelude::*;

use crate::{artifact, clock, registry, revoke, to, web};

const VERSIONS: [&str; 5] = ["1.0.0", "1.1.0-rc.1", "1.1.0", "1.10.0", "2.0.0"];
const BUILDS: [&str; 4] = ["a", "b", "c", "d"];
const CHANNELS: [&str; 2] = ["canary", "stable"];

#[derive(Clone, Debug)]
enum Step {
    Publish {
        version: usize,
        build: usize,
    },
    Revoke {
        build: usize,
    },
    /// `believed`: `None` takes the truth from the model.
    Move {
        channel: usize,
        believed: Option<Option<usize>>,
        to: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let (version, build, channel) = (0..VERSIONS.len(), 0..BUILDS.len(), 0..CHANNELS.len());
    let believed = prop_oneof![3 => Just(None), 1 => proptest::option::of(version.clone()).prop_map(Some)];
    prop_oneof![
        4 => (version.clone(), build.clone()).prop_map(|(version, build)| Step::Publish { version, build }),
        1 => build.prop_map(|build| Step::Revoke { build }),
        4 => (channel, believed, version).prop_map(|(channel, believed, to)| Step::Move { channel, believed, to }),
    ]
}

#[derive(Default)]
struct Model {
    published: BTreeMap<usize, usize>,
    revoked: BTreeSet<usize>,
    moves: BTreeMap<usize, Vec<usize>>,
    written: u64,
}

impl Model {
    fn usable(&self, version: usize) -> bool {
        self.published.get(&version).is_some_and(|build| !self.revoked.contains(build))
    }

    fn current(&self, channel: usize) -> Option<usize> {
        self.moves.get(&channel).and_then(|moves| moves.last().copied())
    }

    fn publish(&mut self, version: usize, build: usize) -> Result<Publication, ErrorKind> {
        match self.published.get(&version) {
            Some(known) if *known == build => Ok(Publication::Known),
            Some(_) => Err(ErrorKind::Conflict),
            None if self.revoked.contains(&build) => Err(ErrorKind::Denied),
            None => {
                self.published.insert(version, build);
                self.written += 1;
                Ok(Publication::New)
            }
        }
    }

    fn revoke(&mut self, build: usize) -> Result<(), ErrorKind> {
        if !self.published.values().any(|known| *known == build) {
            return Err(ErrorKind::NotFound);
        }
        self.written += u64::from(self.revoked.insert(build));
        Ok(())
    }

    fn set(&mut self, channel: usize, believed: Option<usize>, to: usize) -> Result<(), ErrorKind> {
        if self.current(channel) != believed {
            return Err(ErrorKind::Conflict);
        }
        if !self.published.contains_key(&to) {
            return Err(ErrorKind::NotFound);
        }
        if !self.usable(to) {
            return Err(ErrorKind::Denied);
        }
        if believed != Some(to) {
            self.moves.entry(channel).or_default().push(to);
            self.written += 1;
        }
        Ok(())
    }
}

fn build(build: usize) -> Artifact {
    artifact(VERSIONS[0], BUILDS[build])
}

async fn same(registry: &JournalRegistry, model: &Model) {
    let view = registry.view(&web()).await.unwrap();
    assert_eq!(view.stream_version().0, model.written);
    let digest = |version: &usize| model.published.get(version).map(|known| build(*known).digest());
    for (index, text) in VERSIONS.iter().enumerate() {
        let version: Version = text.parse().unwrap();
        assert_eq!(view.version(&version).map(|entry| entry.artifact.digest()), digest(&index));
        let resolved = view.resolve(&Selector::Version(version));
        assert_eq!(resolved.is_ok(), model.usable(index));
    }
    for index in 0..BUILDS.len() {
        let known = model.published.values().any(|known| *known == index);
        match view.status(build(index).digest()) {
            Status::Unknown => assert!(!known),
            Status::Known { revoked } => assert_eq!((known, revoked.is_some()), (true, model.revoked.contains(&index))),
        }
    }
    for (index, name) in CHANNELS.iter().enumerate() {
        let selector: Selector = format!("@{name}").parse().unwrap();
        let expected = model.current(index).filter(|version| model.usable(*version)).and_then(|version| digest(&version));
        assert_eq!(view.resolve(&selector).ok().map(Artifact::digest), expected);
        let moves: Vec<_> =
            view.channel(name).iter().flat_map(|channel| channel.history()).map(|moved| moved.to.to_string()).collect();
        let wanted: Vec<_> = model.moves.get(&index).into_iter().flatten().map(|version| VERSIONS[*version].to_owned()).collect();
        assert_eq!(moves, wanted);
    }
    // VERSIONS is in ascending order; 1.1.0-rc.1 is never met by a requirement that names no pre-release.
    for (requirement, meets) in [("*", &[0, 2, 3, 4][..]), ("^1", &[0, 2, 3]), ("~1.1", &[2]), (">=1.1.0-rc.0, <1.1.0", &[1])] {
        let highest = meets.iter().rev().find(|version| model.usable(**version));
        let found = view.highest(&requirement.parse::<Requirement>().unwrap());
        assert_eq!(found.map(|entry| entry.artifact.version().to_string()), highest.map(|version| VERSIONS[*version].to_owned()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn histories_fold_to_what_was_done(steps in proptest::collection::vec(step(), 0..40)) {
        let clock = clock();
        clock.run(async {
            let journal = MemoryJournal::new();
            // Two registries take turns, so that each must learn of the other's writes.
            let pair = [registry(journal.clone(), &clock), registry(journal.clone(), &clock)];
            let mut model = Model::default();
            for (turn, step) in steps.into_iter().enumerate() {
                let registry = &pair[turn % 2];
                match step {
                    Step::Publish { version, build } => {
                        let result = registry.publish(&artifact(VERSIONS[version], BUILDS[build]), &"ci".into()).await;
                        assert_eq!(result.map_err(|error| error.kind()), model.publish(version, build));
                    }
                    Step::Revoke { build: index } => {
                        let result = registry.revoke(revoke(&build(index), "it leaks")).await;
                        assert_eq!(result.map_err(|error| error.kind()), model.revoke(index));
                    }
                    Step::Move { channel, believed, to: index } => {
                        let believed = believed.unwrap_or(model.current(channel));
                        let request = to(CHANNELS[channel], believed.map(|version| VERSIONS[version]), VERSIONS[index]);
                        let result = registry.set_channel(request).await;
                        assert_eq!(result.map_err(|error| error.kind()), model.set(channel, believed, index));
                    }
                }
            }
            for registry in pair.iter().chain([&registry(journal, &clock)]) {
                same(registry, &model).await;
            }
        });
    }
}
