//! Shows how a rollout stands: bars on a terminal, lines elsewhere.

use std::io::IsTerminal as _;
use std::time::Duration;

use immutable_core::Timestamp;
use immutable_core::rollout::{Counts, Report};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Shows how a rollout stands: bars on a terminal, a line for each change elsewhere.
pub(crate) struct Progress {
    bars: Option<Bars>,
    start: Option<Timestamp>,
    shown: Option<Counts>,
}

struct Bars {
    _all: MultiProgress,
    launched: ProgressBar,
    ready: ProgressBar,
    retired: ProgressBar,
    available: ProgressBar,
    says: ProgressBar,
    leaving: u64,
    back: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { bars: std::io::stdout().is_terminal().then(Bars::new), start: None, shown: None }
    }

    pub(crate) fn show(&mut self, report: &Report) {
        let start = *self.start.get_or_insert(report.at);
        if report.counts.goal == 0 {
            return; // nothing moves yet, or any more
        }
        match &mut self.bars {
            Some(bars) => bars.show(report),
            None if self.shown != Some(report.counts) => line(report, report.at.since(start)),
            None => {}
        }
        self.shown = Some(report.counts);
    }
}

fn line(report: &Report, since: Duration) {
    let Counts { launched, ready, goal, leaving, available, .. } = report.counts;
    let (minutes, seconds) = (since.as_secs() / 60, since.as_secs() % 60);
    println!(
        "{minutes:>3}:{seconds:02}  launched {launched:>2}/{goal}  ready {ready:>2}/{goal}  to retire {leaving:>2}  available {available:>2} (floor {})  {report}",
        report.budget.floor
    );
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::new();
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let bar = |name: &'static str, color: &str| {
            let bar = if plain { "{bar:40}".to_owned() } else { format!("{{bar:40.{color}}}") };
            let style = ProgressStyle::with_template(&format!("{{prefix:>10}} {bar} {{pos:>3}}/{{len:3}} {{msg}}"));
            let added = all.add(ProgressBar::new(0).with_prefix(name));
            added.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("█▉ "));
            added
        };
        let (launched, ready) = (bar("launched", "blue"), bar("ready", "green"));
        let (retired, available) = (bar("retired", "yellow"), bar("available", "cyan"));
        let says = all.add(ProgressBar::new(0));
        says.set_style(ProgressStyle::with_template("           {wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { _all: all, launched, ready, retired, available, says, leaving: 0, back: false }
    }

    fn show(&mut self, report: &Report) {
        let Counts { launched, ready, goal, leaving, available, .. } = report.counts;
        // Going back, others are to retire.
        let before = if self.back == report.back.is_some() { self.leaving } else { 0 };
        (self.leaving, self.back) = (before.max(leaving.into()), report.back.is_some());
        let set = |bar: &ProgressBar, position: u64, length: u64| {
            bar.set_length(length);
            bar.set_position(position);
        };
        set(&self.launched, launched.into(), goal.into());
        set(&self.ready, ready.into(), goal.into());
        set(&self.retired, self.leaving - u64::from(leaving), self.leaving.max(1));
        set(&self.available, available.into(), report.budget.ceiling.into());
        self.available.set_message(format!("at least {}", report.budget.floor));
        self.says.set_message(report.to_string());
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        for bar in [&self.launched, &self.ready, &self.retired, &self.available] {
            bar.abandon();
        }
        self.says.finish_and_clear();
    }
}
