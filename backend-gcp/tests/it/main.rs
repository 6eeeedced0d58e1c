//! The fleets of Google Cloud over a fake of its API, on one thread and in virtual time.

mod account;
mod images;
mod suites;
