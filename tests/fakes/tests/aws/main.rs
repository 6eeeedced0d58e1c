//! The fake of AWS, driven by hand-written requests: one test for each rule.

mod access;
mod autoscaling;
mod balancing;
mod faults;
mod groups;
mod images;
mod instances;
mod queries;
mod skins;
mod steps;
mod targets;
mod templates;
mod wire;
