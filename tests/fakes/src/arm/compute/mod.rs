//! `Microsoft.Compute`: scale sets and virtual machines.

pub(crate) mod machine;
pub(crate) mod scale_set;

/// What the provider keeps beside resources.
#[derive(Debug, Default)]
pub(crate) struct Compute {}

/// Of virtual machines, scale sets and managed images.
pub(crate) const VERSIONS: &[&str] = &["2026-04-01"];
