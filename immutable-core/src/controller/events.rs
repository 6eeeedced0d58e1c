//! Watching fleets and rollouts: their events from the journal, and what the engine says of itself.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::select;
use futures_util::stream::{self, Stream, StreamExt};

use super::{Controller, Rollout, load};
use crate::error::{Result, Retry};
use crate::fleet::FleetId;
use crate::id::StreamVersion;
use crate::rollout::{Event, Recorded, Report};

macro_rules! streams {
    ($($(#[$doc:meta])* $name:ident -> $item:ty),* $(,)?) => { $(
        $(#[$doc])*
        pub struct $name(Pin<Box<dyn Stream<Item = $item> + Send>>);

        impl Stream for $name {
            type Item = $item;

            fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<$item>> {
                self.0.as_mut().poll_next(context)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )* };
}

streams! {
    /// A fleet's records, each with the version of the stream after it. See [`Controller::events`] and [`Rollout::events`].
    Events -> Result<(StreamVersion, Recorded)>,
    /// What the engine says of itself. See [`Rollout::reports`].
    Reports -> Arc<Report>,
}

impl Controller {
    /// Everything journaled of a fleet after a version (0 for all), then what comes, over all its rollouts and while none runs. Works in any process: what
    /// others write is read at the next [poll](Self::poll).
    ///
    /// Ends when it is dropped, or after an error that [stays](Retry::Never) one, such as a record of a newer version of this library. After any other it goes
    /// on from where it was.
    ///
    /// ```
    /// # use futures_util::StreamExt;
    /// # use immutable_core::id::StreamVersion;
    /// # use immutable_core::memory::MemoryOptions;
    /// # use immutable_core::rollout::Event;
    /// # use immutable_core::time::VirtualClock;
    /// # use immutable_core::{Fleet, MemoryCloud, Strategy};
    /// # let clock = VirtualClock::default();
    /// # let cloud = MemoryCloud::with(MemoryOptions::seeded(7).clock(clock.clone()));
    /// # let (controller, fleet) = (cloud.controller(), Fleet::new("web", cloud.place()).size(3));
    /// # clock.run(async {
    /// let mut events = controller.events(fleet.id(), StreamVersion(0)); // before there was anything
    /// # let web = cloud.bake("acmeinc/web", "1.0.0")?;
    /// # let plan = controller.plan(&fleet, &web, Strategy::rolling()).await?;
    /// # let _ = controller.run(plan).await?;
    /// while let Some(event) = events.next().await {
    ///     let (version, recorded) = event?; // keep the version: from there it goes on after a restart
    ///     println!("{version} {recorded}");
    ///     if let Event::Ended { .. } = recorded.event {
    ///         break; // or wait for the next rollout
    ///     }
    /// }
    /// # Ok::<(), immutable_core::Error>(())
    /// # })?;
    /// # Ok::<(), immutable_core::Error>(())
    /// ```
    pub fn events(&self, fleet: &FleetId, after: StreamVersion) -> Events {
        struct Tail {
            controller: Controller,
            fleet: FleetId,
            next: StreamVersion,
            ended: bool,
            /// Whether it waits before it reads again.
            waits: bool,
        }
        let tail = Tail { controller: self.clone(), fleet: fleet.clone(), next: after, ended: false, waits: false };
        let batches = stream::unfold(tail, |mut tail| async move {
            let (controller, fleet) = (tail.controller.clone(), tail.fleet.clone());
            let mut news = controller.news.watch(&fleet);
            loop {
                if tail.ended {
                    return None;
                }
                if tail.waits {
                    // Others of this process tell; of other processes nobody does.
                    let later = controller.clock.sleep_until(controller.clock.now() + controller.poll);
                    select(Box::pin(news.changed()), later).await;
                }
                news.mark_unchanged();
                match load::records(&controller.journal, &fleet.stream(), tail.next).await {
                    Ok(records) => match records.last() {
                        None => tail.waits = true,
                        Some((version, _)) => {
                            (tail.next, tail.waits) = (*version, false);
                            return Some((records.into_iter().map(Ok).collect(), tail));
                        }
                    },
                    Err(error) => {
                        (tail.ended, tail.waits) = (error.retry() == Retry::Never, true);
                        return Some((vec![Err(error)], tail));
                    }
                }
            }
        });
        Events(Box::pin(batches.flat_map(stream::iter)))
    }
}

impl Rollout {
    /// Everything journaled of its fleet after a version (0 for all), then what comes, until this rollout has ended. Works in any
    /// process, also while nobody drives. [`Controller::events`] goes on.
    pub fn events(&self, after: StreamVersion) -> Events {
        struct Tail {
            rollout: Rollout,
            next: StreamVersion,
            ended: bool,
            /// Whether it is certain that the end is still to come.
            runs: bool,
        }
        let tail = Tail { rollout: self.clone(), next: after, ended: false, runs: false };
        let batches = stream::unfold(tail, |mut tail| async move {
            loop {
                if tail.ended {
                    return None;
                }
                let controller = &tail.rollout.controller;
                let mut news = controller.news.watch(&tail.rollout.fleet);
                news.mark_unchanged();
                match load::records(&controller.journal, &tail.rollout.fleet.stream(), tail.next).await {
                    Err(error) => {
                        tail.ended = true;
                        return Some((vec![Err(error)], tail));
                    }
                    Ok(records) if records.is_empty() && !tail.runs => {
                        match controller.load(&tail.rollout.fleet).await {
                            Ok(loaded) => {
                                tail.runs = loaded.state.rollout().is_some_and(|running| running.id == tail.rollout.id);
                                // It may have ended, or gone on, since its records were read.
                                tail.ended = !tail.runs && loaded.head <= tail.next;
                            }
                            Err(error) => {
                                tail.ended = true;
                                return Some((vec![Err(error)], tail));
                            }
                        }
                    }
                    Ok(records) if records.is_empty() => {
                        // Others of this process tell; of other processes nobody does.
                        let later = controller.clock.sleep_until(controller.clock.now() + controller.poll);
                        select(Box::pin(news.changed()), later).await;
                    }
                    Ok(records) => {
                        let mut batch = Vec::new();
                        for (version, recorded) in records {
                            tail.next = version;
                            let ended = version > tail.rollout.since && matches!(recorded.event, Event::Ended { .. });
                            batch.push(Ok((version, recorded)));
                            if ended {
                                tail.ended = true;
                                break;
                            }
                        }
                        return Some((batch, tail));
                    }
                }
            }
        });
        Events(Box::pin(batches.flat_map(stream::iter)))
    }

    /// What the engine says at each look, from now on, if the rollout is driven by this controller or a clone of it. A slow reader gets
    /// the latest. Ends when nobody can report any more.
    pub fn reports(&self) -> Reports {
        let mut news = self.controller.news.watch(&self.fleet);
        let heard = news.borrow_and_update().reports;
        let reports = stream::unfold((news, heard), |(mut news, heard)| async move {
            loop {
                news.changed().await.ok()?;
                let (report, said) = {
                    let news = news.borrow_and_update();
                    (news.report.clone(), news.reports)
                };
                if let Some(report) = report.filter(|_| said > heard) {
                    return Some((report, (news, said)));
                }
            }
        });
        Reports(Box::pin(reports))
    }
}
