//! Suites for those who implement a [`FleetProvider`](crate::provider::FleetProvider), a [`TrafficSwitch`](crate::provider::TrafficSwitch), an
//! [`ImageCatalog`](crate::provider::ImageCatalog) or a [`Journal`](crate::journal::Journal), and [`Faulty`], which breaks the wire to any of them on purpose.
//!
//! A suite is one `#[test]` per line of the contract, each on a fresh subject:
//!
//! ```
//! # mod example {
//! use immutable_core::conformance::journal::Subject;
//! use immutable_core::journal::{Journal, MemoryJournal};
//! use immutable_core::Result;
//! use std::future::ready;
//! use std::sync::Arc;
//!
//! async fn fresh() -> Result<Subject> {
//!     let store = MemoryJournal::new(); // its clones share it, as processes share a file
//!     let open = move || Arc::new(store.clone()) as Arc<dyn Journal>;
//!     Ok(Subject::new(open()).reopen(move || ready(Ok(open()))))
//! }
//!
//! immutable_core::journal_conformance!(fresh);
//! # }
//! ```
//!
//! An emulator that gets a line wrong is listed with the reason, `known: { "odd_bytes_come_back": "it trims white space" }`. Such a
//! case must fail: on the day it passes, the test says so, and the line goes.
//!
//! What a subject cannot show is not passed over: a switch without weights has no weight of 0, and the case that is about it says *not applicable*, which
//! is a failure until the case is listed, with the reason, in `cannot: { … }`; on the day it applies, the test says so. Only the suites of
//! [switches](switch) and [catalogs](catalog) have such cases.
//!
//! The tests are made in the module that the macro stands in: give each suite a module of its own.

#[macro_use]
mod macros;

pub mod catalog;
mod faulty;
pub mod fleets;
pub mod journal;
mod patience;
mod suite;
pub mod switch;

pub use faulty::{Call, Fault, Faults, Faulty, Happened};
pub use suite::{Failure, Time};
