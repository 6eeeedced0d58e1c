//! The fake of Compute Engine, driven by hand-written requests: one test for each rule.

mod autoscalers;
mod faults;
mod groups;
mod images;
mod lists;
mod operations;
mod served;
mod services;
mod templates;
mod url_maps;
mod wire;
