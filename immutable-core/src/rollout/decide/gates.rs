//! Gates: a step that moves nothing is left when its bake is over, its judge says yes, or enough people do.

use super::proposal::{Aim, Proposal};
use super::rollback::{give_up, held};
use super::view::View;
use crate::analysis::Says;
use crate::id::StepIx;
use crate::rollout::event::Event;
use crate::rollout::phase::{Need, Phase, RevertCause, StepState};
use crate::rollout::report::Blocker;
use crate::rollout::state::{Exit, RolloutState};
use crate::rollout::strategy::{Analyse, Otherwise, Step, Strategy};
use crate::time::{Human, Timestamp};

/// What a gate says.
enum Word {
    Open,
    /// For this, and perhaps beyond its end, until then.
    Waits(Blocker, Option<Timestamp>),
    No(RevertCause),
    /// Neither in time: what is missing, and what follows.
    Neither(String, Otherwise),
}

pub(super) fn rule(view: &View<'_>, proposal: &mut Proposal) {
    let Some(rollout) = view.rollout() else {
        return;
    };
    let Phase::Stepping { step, at } = rollout.phase else {
        return;
    };
    let Some(gate) = rollout.plan.strategy().steps().get(usize::from(step.0)) else {
        return;
    };
    let (since, until) = match at {
        StepState::Gating { since, until } => (since, until),
        StepState::Lost { .. } => return proposal.wait(again(step, gate)),
        StepState::Moving { .. } => return,
    };
    let judged = heard(view, proposal, rollout, step, since);
    match said(view, rollout, (step, gate), until, judged) {
        Word::No(why) => proposal.move_to(give_up(view, rollout, why)),
        _ if gate.watches() && lost(view, proposal.aim, since) => {
            let give_up_at = view.now + rollout.plan.strategy().progress_deadline;
            proposal.move_to(Phase::Stepping { step, at: StepState::Lost { give_up_at } });
        }
        Word::Open => proposal.open_gate(),
        Word::Waits(blocker, wake) => {
            until.into_iter().chain(wake).for_each(|at| proposal.wake_at(view, at));
            proposal.wait(blocker);
        }
        Word::Neither(why, Otherwise::Hold) => {
            proposal.move_to(held(rollout, Need::Gate { step, why: why.into() }, view.now));
        }
        Word::Neither(why, Otherwise::Back) => {
            proposal.move_to(give_up(view, rollout, RevertCause::Unanswered(why.into())));
        }
    }
}

/// Whether somebody whom a gate watches is no more: fewer serve than did when it began, or one came in the place of another. Who is not
/// seen, of whose health nothing is heard, or who shares the trouble of all is not lost.
fn lost(view: &View<'_>, aim: Option<Aim>, since: Timestamp) -> bool {
    let Some((aim, wanted)) = aim.and_then(|aim| Some((aim, aim.wanted?))) else {
        return false;
    };
    let members = view.state.generations.get(&wanted).into_iter().flat_map(|generation| generation.groups.values());
    let came = members.flat_map(|slots| slots.members.values()).any(|member| member.exit == Exit::None && member.seen > since);
    let comes = view.noted.appeared.iter().filter(|(id, _)| id.generation == wanted).any(|(id, new)| {
        let gone = view.noted.gone.get(id).map_or(&[][..], Vec::as_slice);
        new.iter().any(|key| !gone.contains(key))
    });
    came || comes || (!view.environment && view.sum(wanted, |group| group.may_serve()) < aim.goal)
}

/// What is waited for beyond the instances that are missing.
fn again(step: StepIx, gate: &Step) -> Blocker {
    match gate {
        Step::Analyse(Analyse { judge, .. }) => Blocker::Judge { step, judge: judge.clone(), says: None, until: None },
        _ => Blocker::Bake { step, until: None },
    }
}

/// The last word of the judge, noted if it is new. What it was asked before the gate began is about something else.
fn heard<'a>(
    view: &View<'a>,
    proposal: &mut Proposal,
    rollout: &'a RolloutState,
    step: StepIx,
    since: Timestamp,
) -> Option<(Timestamp, Says, &'a str)> {
    let known = rollout.gate.judged.as_ref().map(|(asked, judgement)| (*asked, judgement.says, &*judgement.why));
    let new = |asked: Timestamp| asked >= since && known.is_none_or(|(known, ..)| asked > known);
    match view.seen.answer.filter(|answer| answer.step == step && new(answer.asked)) {
        Some(answer) => {
            let (asked, judgement) = (answer.asked, &answer.judgement);
            proposal.judged.push(Event::Judged { step, asked, judgement: judgement.clone() });
            Some((asked, judgement.says, &*judgement.why))
        }
        None => known,
    }
}

fn said(
    view: &View<'_>,
    rollout: &RolloutState,
    (step, gate): (StepIx, &Step),
    until: Option<Timestamp>,
    judged: Option<(Timestamp, Says, &str)>,
) -> Word {
    let over = until.is_some_and(|until| view.now >= until);
    match gate {
        Step::Bake { .. } => match until {
            Some(_) if !over => Word::Waits(Blocker::Bake { step, until }, None),
            _ => Word::Open,
        },
        Step::Check(check) => match judged {
            Some((_, Says::Pass, _)) => Word::Open,
            Some((_, Says::Fail, why)) => Word::No(RevertCause::Judged(format!("`{}` says no: {why}", check.judge).into())),
            _ if over => {
                let why = match judged {
                    Some((.., why)) => {
                        format!("`{}` says neither yes nor no within {}: {why}", check.judge, Human(check.timeout))
                    }
                    None => format!("`{}` has said nothing within {}", check.judge, Human(check.timeout)),
                };
                Word::Neither(why, check.otherwise)
            }
            _ => Word::Waits(
                Blocker::Judge { step, judge: check.judge.clone(), says: judged.map(|(_, says, _)| says), until },
                None,
            ),
        },
        Step::Analyse(analyse) => analysed(view, step, analyse, until, judged),
        Step::Approve(approve) => {
            let have = u32::try_from(rollout.gate.approved.len()).unwrap_or(u32::MAX);
            if have >= approve.least {
                Word::Open
            } else if over {
                let why = format!("{have} of {} have approved in time", approve.least);
                Word::Neither(why, approve.otherwise)
            } else {
                let by = approve.by.difference(&rollout.gate.approved).cloned().collect();
                Word::Waits(Blocker::Approval { step, missing: approve.least - have, by, until }, None)
            }
        }
        Step::Scale { .. } | Step::Shift { .. } | Step::EachZone(_) | Step::Zone { .. } => Word::Open,
    }
}

/// No is no at once; yes counts if it is said of the whole time. What is neither at the very end is decided by that answer; one that does
/// not come is waited for a little longer.
fn analysed(
    view: &View<'_>,
    step: StepIx,
    analyse: &Analyse,
    until: Option<Timestamp>,
    judged: Option<(Timestamp, Says, &str)>,
) -> Word {
    let Analyse { judge, lasting, extend, otherwise, .. } = analyse;
    let end = until.unwrap_or(view.now);
    let all = Human(lasting.saturating_add(*extend));
    let neither = match judged {
        Some((_, Says::Fail, why)) => return Word::No(RevertCause::Judged(format!("`{judge}` says no: {why}").into())),
        Some((asked, Says::Pass, _)) if asked >= end => return Word::Open,
        Some((asked, Says::Inconclusive, why)) if asked >= end + *extend => {
            return Word::Neither(format!("`{judge}` is inconclusive after {all}: {why}"), *otherwise);
        }
        Some((_, Says::Inconclusive, why)) => format!("`{judge}` is inconclusive after {all}: {why}"),
        Some((_, Says::Pass, _)) => format!("`{judge}` has said nothing of the whole {all}"),
        None => format!("`{judge}` has said nothing within {all}"),
    };
    let last = analyse.last(end);
    if view.now < last {
        let says = judged.map(|(_, says, _)| says);
        return Word::Waits(Blocker::Judge { step, judge: judge.clone(), says, until }, Some(last));
    }
    Word::Neither(neither, *otherwise)
}

/// A step as it begins.
pub(crate) fn begun(strategy: &Strategy, step: StepIx, now: Timestamp) -> StepState {
    match strategy.steps().get(usize::from(step.0)) {
        Some(step) if step.is_gate() => StepState::Gating { since: now, until: step.lasts().map(|lasting| now + lasting) },
        _ => StepState::Moving { give_up_at: now + strategy.progress_deadline },
    }
}

/// What comes after a step: the next one, or its own end, at which all must still be so.
pub(crate) fn onward(rollout: &RolloutState, step: StepIx, now: Timestamp) -> Phase {
    let strategy = rollout.plan.strategy();
    let next = StepIx(step.0.saturating_add(1));
    if usize::from(next.0) < strategy.steps().len() {
        return Phase::Stepping { step: next, at: begun(strategy, next, now) };
    }
    Phase::Stepping { step, at: StepState::Moving { give_up_at: now + strategy.progress_deadline } }
}
