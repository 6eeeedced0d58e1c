//! The provider puts another machine under the name of one that was healthy.

use super::*;
use crate::rollout::decide::naive;
use crate::simulation::mishaps::{Crash, Moment};
use crate::simulation::script::{Disturbance, Trouble};

/// The first of the new dies while it must stay healthy for a while yet, and so does the controller. When that is back, the next
/// machine boots under the name of the first.
fn script() -> Script {
    let mut script = calm([(4, Release::Good), (4, Release::Good)]);
    script.cloud.heals = Heals::Always;
    script.fleet.min_ready = 30;
    let calm = play(&script);
    let healthy = calm.first(Who::Decided, &["noted", "healthy", "web-0002-0-000000"]);
    let at = healthy.since(calm.opened(1)).as_secs() + 10;
    script.disturbances = vec![Disturbance::new(1, at, Trouble::Kill(4))];
    script.crashes = vec![Crash::new(1, Moment::Seconds(at), 35)];
    script
}

/// engine.md 6.6, Same name, new machine.
#[test]
fn another_machine_under_the_same_name_must_be_ready_itself() {
    let told = play(&script());
    let played = told.ends(&Outcome::Succeeded);
    assert_eq!(played.end.launched, 4 + 4 + 1, "{told}");
    let again = told.lines(Who::World, &["web-0002-0-000000#", "Healthy"]).nth(1).map(|line| line.at);
    let first_named = told.first(Who::Decided, &["Lower"]);
    assert!(again.is_some_and(|again| first_named.since(again) >= Duration::from_secs(30)), "{told}");
}

#[test]
fn an_engine_to_which_a_name_is_a_machine_counts_on_one_that_boots() {
    play_by(naive::a_name_is_a_machine, &script(), Patience::Configured).breaks(&["floor", "probe"]);
}

/// The same, of a call: it names a machine that is ill, is late, and finds another of that name.
#[test]
fn a_call_that_names_a_machine_does_nothing_to_the_next_of_its_name() {
    let mut script = calm([(4, Release::Good), (4, Release::Good)]);
    script.cloud.heals = Heals::Always;
    let calm = play(&script);
    let room = calm.lines(Who::Decided, &["Lower"]).next().unwrap().at;
    let ill = room.since(calm.opened(1)).as_secs() - 8;
    script.disturbances = vec![Disturbance::new(1, ill, Trouble::Sicken(3, 600))];
    let call = nth_call(&script, 1, Call::Resize, 1);
    script.fates = vec![Fate::new(1, call, Mishap::Late(40))];
    script.crashes = vec![Crash::new(1, Moment::After(call), 45)];
    let told = play(&script);
    told.ends(&Outcome::Succeeded);
    let named = told.first(Who::Decided, &["Lower", "{web-0001-0-000003#4}"]);
    let next = told.lines(Who::World, &["launched web-0001-0-000003#"]).nth(1).unwrap();
    assert!(named < next.at && next.at < named + Duration::from_secs(40), "{told}");
    let late = named + Duration::from_secs(45);
    let sent_away = told.lines(Who::World, &["web-0001-0-000003#", "Leaving", "(op "]).any(|line| line.at <= late);
    assert!(!sent_away, "{told}");
}
