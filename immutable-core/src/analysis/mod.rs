//! Judgements: what a judge says of a release, and limits over metrics that say it. Pure: no clock, no I/O, no randomness.
//!
//! - [`Judgement`]: pass, fail or inconclusive, why, and by what.
//! - [`Thresholds`]: limits over named metrics, absolute or relative to the old generation. They judge [`Readings`].
//!
//! **No data is never a pass.** Every source of metrics has an answer that looks like success and holds nothing: an empty list, a NaN, a
//! value of long ago. Whatever cannot be told is [`Inconclusive`](Says::Inconclusive).
//!
//! ```
//! use immutable_core::analysis::{Limit, Reading, Readings, Says, Thresholds};
//! use immutable_core::Timestamp;
//! use std::time::Duration;
//!
//! let thresholds = Thresholds::new([
//!     Limit::at_most("error_rate", 0.01),
//!     Limit::at_most_times_old("latency_p99_ms", 1.2),
//! ])?
//! .least_samples(100);
//!
//! let since = Timestamp::default();
//! let until = since + Duration::from_secs(300);
//! let readings = Readings::between(since, until)
//!     .of_new("error_rate", Reading::new(0.002, 5_000, until))
//!     .of_new("latency_p99_ms", Reading::new(480.0, 5_000, until))
//!     .of_old("latency_p99_ms", Reading::new(300.0, 45_000, until));
//!
//! let judgement = thresholds.judge(&readings);
//! assert_eq!(judgement.says, Says::Fail);
//! assert_eq!(&*judgement.why, "latency_p99_ms is 480, more than 1.2 times the old generation's 300");
//! # Ok::<(), immutable_core::Error>(())
//! ```
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::iter_over_hash_type)]

mod judgement;
mod limit;
mod reading;
mod thresholds;

pub use judgement::{Judgement, Says};
pub use limit::Limit;
pub use reading::{Reading, Readings};
pub use thresholds::Thresholds;
