//! Whole rollouts in virtual time, through the public API.
use criterion::{Criterion, criterion_group, criterion_main};
fn b(_: &mut Criterion) {}
criterion_group!(benches, b);
criterion_main!(benches);
