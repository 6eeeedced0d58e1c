//! The fake of Azure Resource Manager, driven by hand-written requests: one test for each rule.

mod balancers;
mod beside;
mod common;
mod faults;
mod flows;
mod galleries;
mod health;
mod images;
mod lists;
mod machines;
mod market;
mod members;
mod metrics;
mod operations;
mod profiles;
mod scale_sets;
mod served;
mod shortage;
mod tokens;
mod uniform;
mod wire;
