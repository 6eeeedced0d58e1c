//! The fleets of Azure over a fake of its API, on one thread and in virtual time.

mod account;
mod applications;
mod beside;
mod bodies;
mod calls;
mod doubt;
mod hand;
mod images;
mod live;
mod lost;
mod metrics;
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
mod uses;
mod walk;
mod world;
