//! The fleets of AWS over a fake of its APIs, in virtual time.

mod account;
mod suites;
mod sweep;
mod wire;
mod world;
