//! Everything that can happen to a call, at every call. All of it, for fleets of up to six, takes a release build:
//! `cargo run --release --example simulate -- --sweep --instances 1..6`.

use immutable_core::simulation::{Patience, Script, Simulation, Swept};

fn sweep(scripts: impl IntoIterator<Item = Script>) -> Swept {
    let mut swept = Swept::default();
    for script in scripts {
        swept += Simulation::new().sweep(&script).unwrap_or_else(|failure| panic!("{failure}"));
    }
    swept
}

#[test]
fn whatever_happens_to_one_call_a_rollout_of_one_ends_the_same() {
    let swept = sweep(Simulation::new().instances(1..=1).cases().into_iter().step_by(13));
    assert!(swept.points >= 150 && swept.runs > swept.points * 6, "{swept:?}");
}

#[test]
fn whatever_happens_to_one_call_a_rollout_of_three_ends_the_same() {
    let swept = sweep(Simulation::new().instances(3..=3).cases().into_iter().skip(12).step_by(11));
    assert!(swept.points >= 120 && swept.runs > swept.points * 6, "{swept:?}");
}

#[test]
fn every_call_of_a_script_is_a_point_of_its_sweep() {
    let simulation = Simulation::new();
    let script = simulation.clone().instances(2..=2).cases().remove(0);
    let played = simulation.play(&script, Patience::Configured).unwrap();
    let calls: usize = played.calls.iter().map(Vec::len).sum();
    assert_eq!(sweep([script]).points as usize, calls);
}
