//! Writes to a load balancer, one after the other: Azure cancels one that is going on when the next comes (azure-cli#21156).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::lock::{Mutex as Turn, OwnedMutexGuard};

/// Whose turn it is, by load balancer. Between processes etags tell.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<BTreeMap<String, Arc<Turn<()>>>>);

impl Turns {
    /// Waits for one's turn, and has it for as long as what is returned is kept.
    pub(crate) async fn of(&self, balancer: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.entry(balancer.to_ascii_lowercase()).or_default().clone()
        };
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn one_after_the_other_whatever_the_case() {
        let turns = Turns::default();
        let first = turns.of("front").now_or_never().unwrap();
        assert!(turns.of("FRONT").now_or_never().is_none());
        assert!(turns.of("back").now_or_never().is_some());
        drop(first);
        assert!(turns.of("FRONT").now_or_never().is_some());
    }
}
