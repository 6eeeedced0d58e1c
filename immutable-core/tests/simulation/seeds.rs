//! Seeds: what they mean, that they mean it every time, and that what breaks a promise is caught, told and shortened.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use immutable_core::fleet::{
    Destroyed, Ensured, Finding, FleetCapabilities, FleetId, GenerationId, GenerationSpec, GroupId, Life, Observation, Op,
    Resize, Resized, Ticket, TicketState, Upkeep,
};
use immutable_core::id::NativeRef;
use immutable_core::provider::FleetProvider;
use immutable_core::simulation::{Patience, Script, Simulation};
use immutable_core::{Result, Strategy};

#[test]
fn a_hundred_worlds_break_no_promise() {
    let simulation = Simulation::new();
    for seed in 0..100 {
        if let Err(failure) = simulation.seed(seed) {
            panic!("{}", simulation.shrink(failure));
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_run_byte_for_byte_wherever_it_is_played() {
    let runs = || (0..20).map(|seed| Simulation::new().seed(seed).unwrap()).collect::<Vec<_>>();
    let here = runs();
    let elsewhere = std::thread::spawn(runs).join().unwrap();
    assert_eq!(here, elsewhere);
    let journals: BTreeSet<_> = here.iter().flatten().map(|played| played.journal).collect();
    assert!(journals.len() > 30, "{} of 40 runs wrote different journals", journals.len());
    assert!(here.iter().flatten().all(|played| played.work.decisions > 10 && played.work.deliveries > 50));
}

#[test]
fn a_script_survives_its_line() {
    let simulation = Simulation::new().instances(3..=5);
    for seed in 0..200 {
        let script = simulation.script(seed);
        assert_eq!(script.line().parse::<Script>().unwrap(), script);
        assert!(script.instances() <= 5);
    }
}

#[test]
fn a_script_that_cannot_work_is_refused_with_what_would() {
    let script = Simulation::new().script(1);
    let refused = |change: &dyn Fn(&mut Script)| {
        let mut wrong = script.clone();
        change(&mut wrong);
        wrong.line().parse::<Script>().unwrap_err().to_string()
    };
    assert!(refused(&|script| script.rollouts.clear()).contains("add one to `rollouts`"));
    assert!(refused(&|script| script.fleet.zones = 9).contains("9 zones; the simulated cloud has 3"));
    assert!(refused(&|script| script.cloud.boot = (9, 3)).contains("the shortest comes first"));
    assert!(refused(&|script| script.fleet.boot_deadline = 1_000_000).contains("allow more than that"));
    let error = "{}".parse::<Script>().unwrap_err();
    assert!(error.to_string().contains("take the line that a failed seed prints"), "{error}");
}

/// A provider in front of another: it remembers views for a while, or leaves out who is leaving.
struct Front {
    behind: Arc<dyn FleetProvider>,
    hides_leavers: bool,
    asked: Mutex<u32>,
    last: Mutex<Option<Observation>>,
}

impl Front {
    fn of(behind: Arc<dyn FleetProvider>, hides_leavers: bool) -> Arc<dyn FleetProvider> {
        Arc::new(Self { behind, hides_leavers, asked: Mutex::new(0), last: Mutex::new(None) })
    }
}

#[async_trait]
impl FleetProvider for Front {
    fn capabilities(&self) -> &FleetCapabilities {
        self.behind.capabilities()
    }

    async fn preflight(&self, spec: &GenerationSpec, most_live: u32) -> Result<Vec<Finding>> {
        self.behind.preflight(spec, most_live).await
    }

    async fn inspect(&self, native: &NativeRef) -> Result<GenerationSpec> {
        self.behind.inspect(native).await
    }

    async fn adopt(&self, op: &Op, native: &NativeRef, spec: &GenerationSpec) -> Result<()> {
        self.behind.adopt(op, native, spec).await
    }

    async fn ensure_generation(&self, op: &Op, spec: &GenerationSpec) -> Result<Ensured> {
        self.behind.ensure_generation(op, spec).await
    }

    async fn resize(&self, op: &Op, resize: &Resize) -> Result<Resized> {
        self.behind.resize(op, resize).await
    }

    async fn set_upkeep(&self, op: &Op, generation: GenerationId, upkeep: Upkeep) -> Result<()> {
        self.behind.set_upkeep(op, generation, upkeep).await
    }

    async fn destroy_generation(&self, op: &Op, generation: GenerationId) -> Result<Destroyed> {
        self.behind.destroy_generation(op, generation).await
    }

    async fn follow(&self, ticket: &Ticket) -> Result<TicketState> {
        self.behind.follow(ticket).await
    }

    /// Every third view is the last one, and says that it is old.
    async fn observe(&self, fleet: &FleetId, known: &BTreeSet<GroupId>) -> Result<Observation> {
        let again = {
            let mut asked = self.asked.lock().unwrap();
            *asked += 1;
            asked.is_multiple_of(3)
        };
        let remembered = self.last.lock().unwrap().clone();
        if let Some(mut last) = remembered.filter(|_| again && !self.hides_leavers) {
            // Older than it can be, which is what a cache may say.
            last.groups.iter_mut().for_each(|group| group.age += Duration::from_secs(50));
            return Ok(last);
        }
        let mut seen = self.behind.observe(fleet, known).await?;
        if self.hides_leavers {
            for group in &mut seen.groups {
                Arc::make_mut(&mut group.instances).retain(|instance| instance.life != Life::Leaving);
            }
        }
        *self.last.lock().unwrap() = Some(seen.clone());
        Ok(seen)
    }
}

#[test]
fn a_provider_of_ones_own_that_keeps_its_contract_breaks_no_promise() {
    let simulation = Simulation::new().provider(|behind| Front::of(behind, false));
    for seed in 0..40 {
        if let Err(failure) = simulation.seed(seed) {
            panic!("{failure}");
        }
    }
}

#[test]
fn a_provider_that_hides_who_is_leaving_is_caught_told_and_shortened() {
    let simulation = Simulation::new().provider(|behind| Front::of(behind, true));
    let (seed, failure) = (0..500).find_map(|seed| Some((seed, simulation.seed(seed).err()?))).expect("nobody noticed");
    let (rule, length) = (failure.breach.rule, failure.script.line().len());
    assert!(["ceiling", "unknown", "proof", "floor"].contains(&rule), "{failure}");
    let short = simulation.shrink(failure);
    assert_eq!(short.breach.rule, rule);
    assert!(short.script.line().len() < length);
    let text = short.to_string();
    let first = text.lines().next().unwrap();
    assert!(first.starts_with(&format!("seed {seed} with ")) && first.contains(rule), "{first}");
    assert!(text.contains("saw ") && text.contains("decided ") && text.contains("world ") && text.contains("ORACLE "), "{text}");
    // The line that it prints plays the very same.
    let line = text.lines().nth(1).unwrap();
    let script = line.split('\'').nth(1).unwrap().parse::<Script>().unwrap();
    assert_eq!(script, short.script);
    let again = simulation.play(&script, short.patience).unwrap_err();
    assert_eq!(again.breach, short.breach);
}

#[test]
fn a_strategy_of_ones_own_takes_the_place_of_the_drawn_ones() {
    let strategy = Strategy::rolling().max_surge(2).max_unavailable(1);
    let simulation = Simulation::new().instances(2..=5).strategy(strategy.clone());
    for seed in 0..30 {
        assert_eq!(simulation.script(seed).strategy, strategy);
        simulation.seed(seed).unwrap_or_else(|failure| panic!("{failure}"));
    }
}

#[test]
fn without_deadlines_nothing_is_given_up_for_time_alone() {
    // A black-out longer than every deadline: with them a person is asked, without it succeeds.
    let line = r#"{"seed":1,"cloud":{"boot":[30,60],"drain":5,"latency_ms":0,"operations_take":0,"heals":"never"},"fleet":{"zones":0,"min_ready":0,"boot_deadline":240,"poll":5},"strategy":{"max_surge":1,"max_unavailable":0,"max_failed":0,"probe_attempts":1,"progress_deadline":"12m","rollback_deadline":"20m","on_first_failure":"tear_down","steps":[{"scale":{"to":"100%"}}]},"rollouts":[{"size":3,"release":"good"},{"size":3,"release":"good"}],"disturbances":[{"rollout":1,"at":10,"what":{"black_out":4000}}]}"#;
    let script: Script = line.parse().unwrap();
    let outcomes = |patience| format!("{:?}", Simulation::new().play(&script, patience).unwrap().outcomes);
    assert_eq!(outcomes(Patience::Configured), "[Succeeded, Needs(ProviderSilent)]");
    assert_eq!(outcomes(Patience::Infinite), "[Succeeded, Succeeded]");
}
