//! The fleets of AWS over a fake of its APIs, in virtual time.

mod account;
mod alarms;
mod calls;
mod halves;
mod hand;
mod images;
mod live;
mod policy;
mod refused;
mod seeds;
mod shortage;
mod suites;
mod sweep;
mod walk;
mod wire;
mod world;
