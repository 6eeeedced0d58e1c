//! The fake of Azure Resource Manager, driven by hand-written requests: one test for each rule.

mod common;
mod faults;
mod health;
mod lists;
mod machines;
mod members;
mod operations;
mod scale_sets;
mod served;
mod shortage;
mod tokens;
mod wire;
