//! The registry in a journal, as its users see it: what it accepts, what it refuses and with which words, and what many writers and
//! lost replies do to it.

mod registry {
    mod faults;
    mod journals;
    mod model;
    mod table;
}

use std::sync::Arc;

use immutable_core::artifact::{Built, Provenance};
use immutable_core::journal::Journal;
use immutable_core::registry::{JournalRegistry, Revoke, SetChannel};
use immutable_core::time::{Timestamp, VirtualClock};
use immutable_core::{Artifact, ArtifactName, ImageRef, Place};

fn web() -> ArtifactName {
    "acmeinc/web".parse().unwrap()
}

fn place(region: &str) -> Place {
    Place::new("aws", "123456789012", region).unwrap()
}

fn image(region: &str, id: &str) -> ImageRef {
    ImageRef::new(place(region), id)
}

/// `acmeinc/web` in a version; builds of other names have other digests.
fn artifact(version: &str, build: &str) -> Artifact {
    let built = Built::new(Provenance::new("amazon-ebs", build)).image(image("us-east-1", &format!("ami-{build}")));
    Artifact::new(web(), version.parse().unwrap(), built).unwrap()
}

fn clock() -> VirtualClock {
    VirtualClock::new(Timestamp::from_millis(1_795_233_027_000))
}

fn registry(journal: impl Journal + 'static, clock: &VirtualClock) -> JournalRegistry {
    JournalRegistry::new(Arc::new(journal), Arc::new(clock.clone()))
}

fn to(channel: &str, expected: Option<&str>, to: &str) -> SetChannel {
    SetChannel {
        name: web(),
        channel: channel.parse().unwrap(),
        expected: expected.map(|version| version.parse().unwrap()),
        to: to.parse().unwrap(),
        by: "ann".into(),
        why: "it is proven".into(),
    }
}

fn revoke(artifact: &Artifact, why: &str) -> Revoke {
    Revoke { name: artifact.name().clone(), digest: artifact.digest(), by: "bob".into(), why: why.into() }
}
