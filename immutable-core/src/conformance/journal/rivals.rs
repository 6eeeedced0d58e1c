//! Two that write one stream: one loses, and knows it; and who only lost the answer has not lost.

use super::trial::{Trial, records, version, web};
use crate::conformance::suite::{Verdict, require};
use crate::journal::{Appended, Keep};

/// The first owner is asleep while the second claims; whatever it does when it wakes is refused, and what it did before stays.
pub(super) async fn a_claim_fences_who_claimed_before(trial: &Trial) -> Verdict {
    let (first, second) = (trial, &trial.another().await?);
    first.append(&web(), 0, &["claimed by first"]).await?;
    first.append(&web(), 1, &["done by first", "done by first"]).await?;
    second.append(&web(), 3, &["claimed by second"]).await?;
    for expected in [3, 1] {
        let late = first.an_append(&web(), expected, &["never", "never"]);
        let answer = first.send(&late).await?;
        require!(answer == Appended::Conflict(version(4)), "who was fenced must be told Conflict(4), not {answer:?}");
        let wrote = first.wrote(&web(), late.write).await?;
        require!(wrote.is_none(), "who was fenced is told that it wrote, up to {wrote:?}");
    }
    second.append(&web(), 4, &["done by second"]).await?;
    // As the fenced one may, that has read what is new.
    first.append(&web(), 5, &["claimed by first"]).await?;
    let late = second.an_append(&web(), 5, &["never"]);
    let answer = second.send(&late).await?;
    require!(answer == Appended::Conflict(version(6)), "who was fenced must be told Conflict(6), not {answer:?}");
    let story = ["claimed by first", "done by first", "done by first", "claimed by second", "done by second", "claimed by first"];
    for reader in [first, second] {
        reader.holds(&web(), &records(&story)).await?;
    }
    Ok(())
}

/// The append is applied, and its answer never arrives: whoever sent it asks, or sends it again, and is not taken for another.
pub(super) async fn a_lost_reply_is_no_rival(trial: &Trial) -> Verdict {
    for nth in 0..8_u64 {
        let append = trial.an_append(&web(), nth * 3, &["a", "b", "c"]);
        let answer = trial.send(&append).await?;
        let head = version(nth * 3 + 3);
        require!(answer == Appended::Done(head), "an append at {} must be Done({head}), not {answer:?}", append.expected);
        if nth % 2 == 0 {
            let wrote = trial.wrote(&web(), append.write).await?;
            require!(wrote == Some(head), "wrote must tell of a write whose reply was lost: Some({head}), not {wrote:?}");
        }
        let again = trial.send(&append).await?;
        require!(again == Appended::Done(head), "a write whose reply was lost, sent again, must be Done({head}), not {again:?}");
    }
    trial.holds(&web(), &records(&["a", "b", "c"].repeat(8))).await
}

/// The process dies before it reads the answer; the next one sends the same write.
pub(super) async fn a_write_sent_again_by_another_process_is_the_same_write(trial: &Trial) -> Verdict {
    let lost = trial.an_append(&web(), 0, &["a", "b"]);
    trial.send(&lost).await?;
    let other = trial.another().await?;
    let again = other.send(&lost).await?;
    require!(again == Appended::Done(version(2)), "a write sent again by another process must be Done(2), not {again:?}");
    other.append(&web(), 2, &["c"]).await?;
    trial.compact(&web(), 1, "a", Keep::Everything).await?;
    let third = trial.another().await?;
    let wrote = third.wrote(&web(), lost.write).await?;
    require!(wrote == Some(version(2)), "wrote must tell another process of a write, Some(2), not {wrote:?}");
    let again = third.send(&lost).await?;
    require!(again == Appended::Done(version(2)), "a write sent again after others must be Done(2), not {again:?}");
    third.holds(&web(), &records(&["a", "b", "c"])).await
}

/// An append is given up, and another is written at its version or conflicts with it: never both, and never later.
pub(super) async fn an_append_overtaken_never_lands(trial: &Trial) -> Verdict {
    let other = trial.another().await?;
    let (mut story, mut losers) = (Vec::new(), Vec::new());
    for nth in 0..5_u32 {
        let at = story.len() as u64;
        let late = trial.an_append(&web(), at, &[&format!("late {nth}")]);
        let journal = trial.journal();
        trial.patience.abandon(nth, journal.append(late.clone())).await;
        let rival = other.an_append(&web(), at, &[&format!("rival {nth}")]);
        let answer = other.send(&rival).await?;
        let head = version(at + 1);
        require!(
            answer == Appended::Done(head) || answer == Appended::Conflict(head),
            "of two appends at {at} one is written: Done({head}) or Conflict({head}), not {answer:?}"
        );
        let (winner, loser) = if answer == Appended::Done(head) { (rival, late) } else { (late, rival) };
        story.extend(winner.records);
        losers.push(loser);
    }
    trial.patience.linger().await;
    let head = version(story.len() as u64);
    for loser in &losers {
        let wrote = other.wrote(&web(), loser.write).await?;
        require!(wrote.is_none(), "an append that was overtaken was written after all, up to {wrote:?}");
        let again = trial.send(loser).await?;
        require!(again == Appended::Conflict(head), "an append that was overtaken must be Conflict({head}), not {again:?}");
    }
    trial.holds(&web(), &story).await
}
