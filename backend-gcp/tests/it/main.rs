//! The fleets of Google Cloud over a fake of its API, on one thread and in virtual time.

mod account;
mod beside;
mod calls;
mod hand;
mod images;
mod live;
mod lost;
mod operations;
mod policy;
mod pools;
mod refused;
mod seeds;
mod shortage;
mod signing;
mod suites;
mod sweep;
mod turns;
mod walk;
mod world;
