//! Readers of what the tools around this crate write: files in, values out.

pub mod packer;
