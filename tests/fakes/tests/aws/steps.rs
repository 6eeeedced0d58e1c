//! Whatever happens, and however seldom anybody looks: what is there follows from what happened and when, and groups get what they want in the end.

use crate::wire::Wire;
use immutable_fakes::aws::{Fate, State, Truth};

/// Numbers that look random.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }
}

/// Something happens.
fn happen(wire: &Wire, dice: &mut Dice, listener: &str, group: &str) {
    let truth = wire.fake.truth();
    let ids: Vec<_> = truth.live().map(|(id, _)| id.to_owned()).collect();
    let id = if ids.is_empty() { "i-0123456789abcdef0".to_owned() } else { ids[dice.roll(ids.len())].clone() };
    let zone = ["us-east-1a", "us-east-1b", "us-east-1c"][dice.roll(3)];
    let decrement = dice.roll(2) == 0;
    // Whether it is refused is all the same.
    match dice.roll(13) {
        0 => drop(wire.asg(&format!("Action=SetDesiredCapacity&AutoScalingGroupName=web&DesiredCapacity={}", dice.roll(8)))),
        1 => wire.fake.kill(&id),
        2 => wire.fake.impair(&id, true),
        3 => wire.fake.application(&id, decrement),
        4 => wire.fake.capacity(zone, Some(dice.roll(4))),
        5 => wire.fake.capacity(zone, None),
        6 => wire.fake.fate(&wire.image, [Fate::Sound, Fate::Sick, Fate::Dies][dice.roll(3)]),
        7 => drop(wire.asg(&format!(
            "Action=TerminateInstanceInAutoScalingGroup&InstanceId={id}&ShouldDecrementDesiredCapacity={decrement}"
        ))),
        8 => drop(wire.asg(&format!(
            "Action=EnterStandby&AutoScalingGroupName=web&InstanceIds.member.1={id}&ShouldDecrementDesiredCapacity={decrement}"
        ))),
        9 => drop(wire.asg(&format!("Action=ExitStandby&AutoScalingGroupName=web&InstanceIds.member.1={id}"))),
        10 => wire.fake.meddle_detach("web", &id),
        11 => drop(wire.elb(&format!("Action=DeregisterTargets&TargetGroupArn={group}&Targets.member.1.Id={id}"))),
        _ => {
            let weights = crate::wire::forward("DefaultActions", &[(group, u32::from(decrement))]);
            drop(wire.elb(&format!("Action=ModifyListener&ListenerArn={listener}{weights}")));
        }
    }
}

fn play(seed: u64, every: u64) -> Truth {
    let wire = Wire::new();
    let group = wire.target_group("blue");
    let listener = wire.listener(&[(&group, 1)]);
    wire.group("web", 3, &format!("&TargetGroupARNs.member.1={group}&HealthCheckType=ELB&HealthCheckGracePeriod=60"));
    let mut dice = Dice(seed);
    let pass = |seconds: u64| {
        (0..seconds / every).for_each(|_| wire.wait(every));
        wire.wait(seconds % every);
    };
    for _ in 0..30 {
        happen(&wire, &mut dice, &listener, &group);
        pass(dice.roll(90) as u64);
        let truth = wire.fake.truth();
        let members = &truth.groups["web"].members;
        for (id, machine) in &truth.instances {
            assert_eq!(members.contains_key(id), machine.group.is_some(), "seed {seed}");
        }
        assert!(members.keys().all(|id| truth.instances.contains_key(id)), "seed {seed}");
    }
    // Left alone, in a world that is well, the group has what it wants, nobody drains, and zones are even.
    for zone in ["us-east-1a", "us-east-1b", "us-east-1c"] {
        wire.fake.capacity(zone, None);
    }
    wire.fake.fate(&wire.image, Fate::Sound);
    pass(4 * 3600);
    let truth = wire.fake.truth();
    let serving: Vec<_> = truth
        .instances
        .values()
        .filter(|machine| machine.lifecycle == Some(immutable_fakes::aws::Lifecycle::InService))
        .collect();
    assert_eq!(serving.len(), truth.groups["web"].desired, "seed {seed}");
    assert!(serving.iter().all(|machine| machine.state == State::Running), "seed {seed}");
    let mut zones = std::collections::BTreeMap::from([("us-east-1a", 0), ("us-east-1b", 0), ("us-east-1c", 0)]);
    serving.iter().for_each(|machine| *zones.get_mut(machine.zone.as_str()).unwrap() += 1);
    assert!(zones.values().max().unwrap() - zones.values().min().unwrap() <= 1, "seed {seed}: {zones:?}");
    assert!(truth.target_groups[&group].targets.values().all(|state| *state != "draining"), "seed {seed}");
    truth
}

#[test]
fn it_is_all_the_same_how_often_anybody_looks() {
    for seed in 0..60 {
        let seldom = play(seed, u64::MAX);
        assert_eq!(seldom, play(seed, 7), "seed {seed}");
        assert_eq!(seldom, play(seed, 1), "seed {seed}");
    }
}
