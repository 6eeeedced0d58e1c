//! The fleets of Azure over a fake of its API, on one thread and in virtual time.

mod account;
mod applications;
mod beside;
mod doubt;
mod hand;
mod images;
mod metrics;
mod pools;
mod seeds;
mod suites;
mod sweep;
mod turns;
mod uses;
mod world;
