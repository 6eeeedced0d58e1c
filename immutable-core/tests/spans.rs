//! Each call to a provider is a span inside of its rollout's. Alone in its process: which spans are of interest is known for all of its threads at once,
//! and one without a subscriber would have them forgotten.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use immutable_core::memory::MemoryOptions;
use immutable_core::time::VirtualClock;
use immutable_core::{Fleet, MemoryCloud, Outcome, Strategy, Timestamp};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

/// Collects spans, each with what it is inside of.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Collected>>);

#[derive(Default)]
struct Collected {
    spans: Vec<Seen>,
    inside: Vec<usize>,
}

struct Seen {
    name: &'static str,
    fields: BTreeMap<&'static str, String>,
    inside: Option<usize>,
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}

impl Subscriber for Spans {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let Collected { spans, inside } = &mut *self.0.lock().unwrap();
        let mut seen = Seen { name: span.metadata().name(), fields: BTreeMap::new(), inside: inside.last().copied() };
        span.record(&mut seen);
        spans.push(seen);
        Id::from_u64(spans.len() as u64)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &tracing::Event<'_>) {}

    fn enter(&self, span: &Id) {
        self.0.lock().unwrap().inside.push(span.into_u64() as usize - 1);
    }

    fn exit(&self, span: &Id) {
        assert_eq!(self.0.lock().unwrap().inside.pop(), Some(span.into_u64() as usize - 1));
    }
}

#[test]
fn each_call_is_inside_of_its_rollout() {
    let spans = Spans::default();
    tracing::subscriber::set_global_default(spans.clone()).unwrap();
    let clock = VirtualClock::new(Timestamp::from_millis(1_795_233_600_000));
    let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()).boot(Duration::from_secs(60)));
    let (fleet, controller) = (Fleet::new("web", cloud.place()).size(3), cloud.controller());
    clock.run(async {
        for version in ["1.0.0", "1.1.0"] {
            let artifact = cloud.bake("acmeinc/web", version).unwrap();
            let plan = controller.plan(&fleet, &artifact, Strategy::rolling().max_surge(1)).await.unwrap();
            assert_eq!(controller.run(plan).await.unwrap(), Outcome::Succeeded);
        }
    });
    let Collected { spans, inside } = &*spans.0.lock().unwrap();
    assert!(inside.is_empty());
    let rollouts: Vec<_> = spans.iter().filter(|span| span.name == "rollout").collect();
    assert_eq!(rollouts.len(), 2);
    for (number, rollout) in (1..).zip(&rollouts) {
        assert_eq!(rollout.fields["fleet"], "memory/local/local/web");
        assert_eq!(rollout.fields["rollout"], number.to_string());
        assert_eq!(rollout.inside, None);
    }
    let calls: Vec<_> = spans.iter().filter(|span| span.name == "call").collect();
    assert!(calls.len() > 10);
    for call in &calls {
        assert_eq!(call.inside.map(|at| spans[at].name), Some("rollout"));
        assert!(call.fields.contains_key("op") && call.fields.contains_key("generation"), "{:?}", call.fields);
    }
    let said = |call: &Seen| (call.fields["generation"].clone(), call.fields["op"].clone(), call.fields["what"].clone());
    assert_eq!(said(calls[0]), ("0001".into(), "1".into(), "make generation 0001 of acmeinc/web 1.0.0".into()));
    assert_eq!(spans[calls[calls.len() - 1].inside.unwrap()].fields["rollout"], "2");
}
