//! The fleets of Azure over a fake of its API, on one thread and in virtual time.

mod account;
mod hand;
mod seeds;
mod suites;
mod sweep;
mod world;
