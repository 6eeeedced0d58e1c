//! The fleets of AWS over a fake of its APIs, in virtual time.

mod account;
mod alarms;
mod images;
mod seeds;
mod suites;
mod sweep;
mod wire;
mod world;
