//! A judge that says what its script says.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::script::Judging;
use crate::analysis::{Judgement, Says};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{RolloutId, StepIx};
use crate::provider::{Judge, Trial};

/// Its name.
pub(super) const JUDGE: &str = "judge";

/// One for all processes: how often it was asked it remembers.
#[derive(Clone, Debug)]
pub(super) struct Scripted {
    judging: Option<Judging>,
    /// Which of the script's rollouts runs: one that could not begin has no number in the journal.
    rollout: Arc<AtomicUsize>,
    asked: Arc<Mutex<BTreeMap<(RolloutId, StepIx), u32>>>,
}

impl Scripted {
    pub(super) fn new(judging: Option<Judging>) -> Self {
        Self { judging, rollout: Arc::default(), asked: Arc::default() }
    }

    /// This rollout of the script runs now.
    pub(super) fn at(&self, rollout: usize) {
        self.rollout.store(rollout, Ordering::Relaxed);
    }
}

#[async_trait]
impl Judge for Scripted {
    async fn judge(&self, trial: &Trial) -> Result<Judgement> {
        let rollout = self.rollout.load(Ordering::Relaxed);
        let Some(judging) = self.judging.filter(|judging| rollout >= judging.from) else {
            return Ok(Judgement::pass("all is well"));
        };
        let mut all = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = all.entry((trial.rollout, trial.step)).or_default();
        *asked += 1;
        if judging.errors > 0 && asked.is_multiple_of(judging.errors) {
            return Err(Error::new(ErrorKind::Unreachable, "the metrics cannot be read"));
        }
        let before = *asked - asked.checked_div(judging.errors).unwrap_or(0);
        Ok(match judging.says {
            _ if before <= judging.after => Judgement::inconclusive("too little was measured"),
            Says::Pass => Judgement::pass("all is well"),
            Says::Fail => Judgement::fail("it is worse"),
            Says::Inconclusive => Judgement::inconclusive("too little was measured"),
        })
    }
}
