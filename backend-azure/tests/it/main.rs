//! The fleets of Azure over a fake of its API, on one thread and in virtual time.

mod account;
mod beside;
mod hand;
mod pools;
mod seeds;
mod suites;
mod sweep;
mod turns;
mod world;
