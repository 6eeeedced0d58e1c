//! The fleets of Google Cloud over a fake of its API, on one thread and in virtual time.

mod account;
mod hand;
mod images;
mod lost;
mod operations;
mod pools;
mod refused;
mod seeds;
mod shortage;
mod suites;
mod sweep;
mod world;
