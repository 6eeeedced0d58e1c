//! A fleet's history for people.

use std::fmt;

use crate::id::{OwnerId, StreamVersion};
use crate::rollout::event::{Event, Recorded};

/// A fleet's [history](crate::Controller::history) for people: its rollouts as chapters, in them a line for each record: its version, when, who, what.
///
/// ```
/// # use immutable_core::memory::MemoryOptions;
/// # use immutable_core::time::VirtualClock;
/// # use immutable_core::{Fleet, MemoryCloud, Strategy};
/// use immutable_core::rollout::Story;
///
/// # let clock = VirtualClock::default();
/// # let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()));
/// # let (controller, fleet) = (cloud.controller().owner("deployer"), Fleet::new("web", cloud.place()).size(3));
/// # clock.run(async {
/// # let web = cloud.bake("acmeinc/web", "1.0.0")?;
/// # let plan = controller.plan(&fleet, &web, Strategy::rolling()).await?;
/// # let _ = controller.run(plan).await?;
/// let history = controller.history(fleet.id()).await?;
/// let story = Story::of(&history).to_string();
/// assert!(story.starts_with("rollout 1: acmeinc/web 1.0.0, the first, 3 instances\n"));
/// assert!(story.contains("deployer: call 1 is owed: make generation 0001 of acmeinc/web 1.0.0\n"));
/// assert!(story.ends_with("deployer: the rollout ended: succeeded\n"));
/// # Ok::<(), immutable_core::Error>(())
/// # })?;
/// # Ok::<(), immutable_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Story<'a> {
    records: &'a [(StreamVersion, Recorded)],
}

impl<'a> Story<'a> {
    /// Of these records, all of a fleet or any run of them.
    pub fn of(records: &'a [(StreamVersion, Recorded)]) -> Self {
        Self { records }
    }
}

impl fmt::Display for Story<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut owner: Option<&OwnerId> = None;
        for (version, Recorded { at, event, .. }) in self.records {
            if let Event::Opened { .. } = event {
                let chapter = event.to_string().replacen(" begins", "", 1);
                writeln!(f, "{}{chapter}", if version.0 > 1 { "\n" } else { "" })?;
            }
            if let Event::Claimed { owner: claims, .. } = event {
                owner = Some(claims);
            }
            write!(f, "{version:>6}  {at}  ")?;
            match (event, owner) {
                // Who says it is in the line.
                (Event::Opened { rollout, .. }, _) => writeln!(f, "rollout {rollout} begins")?,
                (Event::Claimed { .. } | Event::Heard { .. } | Event::Approved { .. }, _)
                | (Event::Condemned { .. } | Event::Adopting { .. } | Event::Adopted { .. }, _)
                | (_, None) => writeln!(f, "{event}")?,
                (_, Some(owner)) => writeln!(f, "{owner}: {event}")?,
            }
        }
        Ok(())
    }
}
