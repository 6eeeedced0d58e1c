//! The fake of Compute Engine, driven by hand-written requests: one test for each rule.

mod groups;
mod wire;
