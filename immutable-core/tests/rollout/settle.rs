//! `settle`: what follows from each answer, and what the state then says.

use immutable_core::Timestamp;
use immutable_core::error::{ErrorKind, Retry};
use immutable_core::fleet::{GenerationId, Split, Ticket, Upkeep};
use immutable_core::id::OpId;
use immutable_core::rollout::{Call, Event, Exit, GenerationLife, OpResult, Refused, Strategy, settle};

use super::kit::{MINUTE, Stage, done, drain, group, held_back, key, lower, raise, removed, route};
use super::sight::{Look, look};

fn refused(kind: ErrorKind, retry: Retry) -> Refused {
    Refused { kind, retry, what: "in its words".into(), found: None, echo_until: None }
}

fn accepted(ticket: &str, echo_until: Option<Timestamp>) -> OpResult {
    OpResult::Accepted { ticket: Ticket(ticket.into()), echo_until }
}

/// A stage that owes this call, as op 5.
fn owing(call: Call) -> Stage {
    let mut stage = Stage::rolling(Strategy::rolling());
    assert_eq!(stage.owe(call), OpId(5));
    stage
}

impl Stage {
    /// Settles op 5 as the driver does; how many events that made.
    fn answer(&mut self, result: OpResult) -> usize {
        let events = settle(&self.state, OpId(5), result, self.now);
        let many = events.len();
        events.into_iter().for_each(|event| self.apply(event));
        many
    }

    fn owed(&self) -> usize {
        self.state.owed().count()
    }

    fn size(&self, generation: u32) -> u32 {
        self.state.slots(group(generation)).unwrap().size
    }

    fn exit(&self, generation: u32, name: &str) -> Exit {
        self.state.slots(group(generation)).unwrap().members[&key(name)].exit
    }

    fn quiet_until(&self, generation: u32) -> Timestamp {
        self.state.slots(group(generation)).unwrap().quiet_until
    }
}

#[test]
fn an_answer_to_what_is_not_owed_says_nothing() {
    let stage = Stage::rolling(Strategy::rolling());
    for result in [done(1), accepted("t", None), OpResult::Unknown { echo_until: None }] {
        assert_eq!(settle(&stage.state, OpId(5), result.clone(), stage.now), []);
        assert_eq!(settle(&stage.state, OpId(1), result, stage.now), [], "settled long ago");
    }
}

#[test]
fn done_sets_the_size_that_was_answered() {
    for (answered, size) in [(Some(2), 2), (Some(1), 1), (None, 2)] {
        let mut stage = owing(raise(2, 0, 2));
        assert_eq!(stage.answer(done(answered)), 1);
        assert_eq!((stage.owed(), stage.size(2)), (0, size), "{answered:?}");
    }
    let mut stage = owing(lower(1, 3, "a b"));
    stage.answer(done(1));
    assert_eq!((stage.size(1), stage.exit(1, "a"), stage.exit(1, "c")), (1, Exit::Named, Exit::None));
}

#[test]
fn a_raise_that_came_short_counts_whole_as_long_as_a_copy_may_arrive() {
    for (minutes, size) in [(1, 2), (0, 1)] {
        let mut stage = owing(raise(2, 0, 2));
        let echo_until = Some(stage.now + minutes * MINUTE);
        stage.answer(OpResult::Done { size: Some(1), refused: Vec::new(), echo_until, removed: None });
        assert_eq!((stage.owed(), stage.size(2)), (0, size), "for {minutes} min");
    }
}

#[test]
fn who_is_held_stays_and_is_no_longer_named() {
    let mut stage = owing(lower(1, 3, "a b"));
    stage.answer(held_back(2, "a"));
    assert_eq!((stage.size(1), stage.exit(1, "a"), stage.exit(1, "b")), (2, Exit::None, Exit::Named));
}

#[test]
fn failed_frees_whom_it_named_unless_a_copy_may_arrive() {
    let mut stage = owing(lower(1, 3, "a"));
    assert_eq!(stage.answer(OpResult::Failed(refused(ErrorKind::Throttled, Retry::Backoff))), 1);
    assert_eq!((stage.owed(), stage.size(1), stage.exit(1, "a")), (0, 3, Exit::None));
    assert_eq!(stage.quiet_until(1), stage.now + MINUTE / 60, "the first pause is a second");

    let mut stage = owing(lower(1, 3, "a"));
    let echo_until = Some(stage.now + MINUTE);
    stage.answer(OpResult::Failed(Refused { echo_until, ..refused(ErrorKind::Throttled, Retry::Backoff) }));
    assert_eq!((stage.exit(1, "a"), stage.quiet_until(1)), (Exit::Named, stage.now + MINUTE));

    let mut stage = owing(lower(1, 3, "a"));
    stage.answer(OpResult::Failed(Refused { found: Some(7), ..refused(ErrorKind::Conflict, Retry::Never) }));
    assert_eq!((stage.size(1), stage.exit(1, "a")), (7, Exit::None), "the size found is the size");
}

#[test]
fn an_operation_that_failed_frees_whom_it_was_to_take_once_no_copy_may_arrive() {
    let mut stage = owing(lower(1, 3, "a"));
    stage.answer(accepted("t", Some(stage.now + MINUTE)));
    stage.answer(OpResult::Failed(refused(ErrorKind::Internal, Retry::Backoff)));
    assert_eq!((stage.exit(1, "a"), stage.quiet_until(1)), (Exit::Named, stage.now + MINUTE));
    let live = |stage: &Stage| look().group(1, 3, "a+ b+ c+").group(2, 0, "").decide(stage).report.counts.live;
    stage.pass(59);
    assert_eq!(live(&stage), 4, "it may go still, and counts besides");
    stage.pass(1);
    let seen_before = look().group(1, 3, "a+ b+ c+").aged(1).group(2, 0, "");
    assert_eq!(seen_before.decide(&stage).report.counts.live, 4, "it was there while it might go still");
    assert_eq!(live(&stage), 3, "it stays");
    let mut elsewhere = stage.clone();
    elsewhere.owe(raise(2, 0, 1));
    assert_eq!(elsewhere.exit(1, "a"), Exit::Named, "a call about another group says nothing of it");
    let mut again = stage.clone();
    again.owe(lower(1, 3, "a"));
    again.answer_last(OpResult::Failed(refused(ErrorKind::Internal, Retry::Backoff)));
    assert_eq!(again.exit(1, "a"), Exit::None, "what came of the first call is no matter of the second");
    stage.owe(lower(1, 3, "b"));
    assert_eq!((stage.exit(1, "a"), stage.exit(1, "b")), (Exit::None, Exit::Named));
}

#[test]
fn that_a_call_which_failed_has_not_taken_somebody_only_a_whole_view_tells() {
    let seen = || look().group(1, 3, "a+ b+ c+");
    let failed = || refused(ErrorKind::Internal, Retry::Backoff);
    let conflict = Refused { found: Some(3), ..refused(ErrorKind::Conflict, Retry::Never) };
    for (what, before, why, in_doubt) in [
        ("refused at once", None, failed(), 0),
        ("begun", Some(accepted("t", None)), failed(), 1),
        ("nobody knew what came of an earlier copy", Some(OpResult::Unknown { echo_until: None }), conflict, 1),
    ] {
        let mut stage = owing(lower(1, 3, "a"));
        for result in before.into_iter().chain([OpResult::Failed(why)]) {
            stage.answer(result);
        }
        stage.pass(1);
        let ready = |look: Look| look.group(2, 0, "").decide(&stage).report.counts.available;
        assert_eq!((stage.exit(1, "a"), ready(seen())), (Exit::None, 3), "{what}");
        assert_eq!(ready(seen().aged(1)), 3, "{what}, seen as it had failed");
        assert_eq!(
            (ready(seen().aged(2)), ready(seen().partly())),
            (3 - in_doubt, 3 - in_doubt),
            "{what}, seen before, or in part"
        );
    }
}

#[test]
fn a_raise_that_failed_counts_as_long_as_a_copy_may_arrive() {
    let mut stage = owing(raise(2, 0, 1));
    let echo_until = Some(stage.now + MINUTE);
    stage.answer(OpResult::Unknown { echo_until });
    stage.answer(OpResult::Failed(refused(ErrorKind::Throttled, Retry::Backoff)));
    assert_eq!((stage.owed(), stage.size(2)), (1, 0), "an earlier copy may launch one yet: it stays owed");
    let conflict = || OpResult::Failed(Refused { found: Some(1), ..refused(ErrorKind::Conflict, Retry::Never) });
    stage.answer(conflict());
    assert_eq!(stage.owed(), 1, "the size it tells may yet change");
    let early = stage.clone();
    stage.pass(60);
    stage.answer(OpResult::Failed(refused(ErrorKind::Throttled, Retry::Backoff)));
    assert_eq!(stage.owed(), 1, "an earlier copy may have launched one");
    stage.answer(conflict());
    assert_eq!((stage.owed(), stage.size(2), early.owed()), (0, 1, 1), "now the size tells");

    for (minutes, size) in [(None, 0), (Some(0), 0), (Some(1), 1)] {
        let mut stage = owing(raise(2, 0, 1));
        let echo_until = minutes.map(|minutes| stage.now + minutes * MINUTE);
        stage.answer(OpResult::Failed(Refused { echo_until, ..refused(ErrorKind::Throttled, Retry::Backoff) }));
        assert_eq!(stage.size(2), size, "nothing was sent but this, and it may arrive for {minutes:?} min");
    }

    let mut stage = owing(raise(2, 0, 1));
    stage.answer(accepted("t", None));
    stage.answer(OpResult::Failed(refused(ErrorKind::Internal, Retry::Backoff)));
    assert_eq!(stage.size(2), 1, "it began, and may have launched some");
}

#[test]
fn the_pauses_after_failures_double_up_to_a_minute() {
    let mut stage = Stage::rolling(Strategy::rolling());
    let mut pauses = Vec::new();
    for _ in 0..8 {
        stage.owe(raise(2, 0, 1));
        stage.settle(OpResult::Failed(refused(ErrorKind::Quota, Retry::Backoff)));
        pauses.push(stage.quiet_until(2).since(stage.now).as_secs());
        stage.now = stage.quiet_until(2);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    stage.owe(raise(2, 0, 1));
    stage.settle(OpResult::Failed(refused(ErrorKind::Throttled, Retry::After(2 * MINUTE))));
    assert_eq!(stage.quiet_until(2), stage.now + 2 * MINUTE, "as long as the provider asks");
    stage.owe(raise(2, 0, 1));
    stage.settle(done(1));
    assert_eq!(stage.state.slots(group(2)).unwrap().failures, 0);
}

#[test]
fn accepted_and_unknown_stay_owed_and_are_told_once() {
    let mut stage = owing(raise(2, 0, 1));
    let soon = Some(stage.now + MINUTE);
    assert_eq!(stage.answer(OpResult::Unknown { echo_until: None }), 1, "from now on it is uncertain");
    assert_eq!(stage.answer(OpResult::Unknown { echo_until: None }), 0, "nothing new");
    assert_eq!(stage.answer(OpResult::Unknown { echo_until: soon }), 1);
    assert_eq!(stage.answer(OpResult::Unknown { echo_until: soon }), 0);
    assert_eq!(stage.answer(accepted("t", None)), 1);
    assert_eq!(stage.answer(accepted("t", soon)), 0);
    assert_eq!(stage.answer(accepted("u", None)), 1);
    assert_eq!(stage.answer(OpResult::Unknown { echo_until: None }), 1, "the ticket is lost");
    let (_, owed) = stage.state.owed().next().unwrap();
    assert_eq!((owed.ticket.clone(), Some(owed.echo_until)), (None, soon), "the latest echo counts");
    stage.answer(done(1));
    assert_eq!((stage.owed(), Some(stage.quiet_until(2))), (0, soon));
}

#[test]
fn a_generation_is_there_once_made_and_going_once_removed() {
    let life = |stage: &Stage, id| stage.state.generations()[&GenerationId(id)].life;
    let mut stage = owing(Call::Destroy(GenerationId(2)));
    stage.answer(OpResult::Done { size: None, refused: Vec::new(), echo_until: None, removed: Some(false) });
    assert_eq!(life(&stage, 2), GenerationLife::Present, "it had members");
    let mut stage = owing(Call::Destroy(GenerationId(2)));
    stage.answer(removed());
    assert_eq!(life(&stage, 2), GenerationLife::Going);

    let mut stage = owing(Call::Upkeep(GenerationId(2), Upkeep::default()));
    stage.answer(done(None));
    assert_eq!(stage.state.generations()[&GenerationId(2)].upkeep, Upkeep::default());

    let mut stage = Stage::proven_of(Stage::fleet(3), Strategy::rolling());
    stage.open("1.1.0");
    stage.claim();
    let spec = super::sight::look().group(1, 3, "a+ b+ c+").decide(&stage).events;
    let Event::Owed { call, .. } = &spec[0] else { panic!("{spec:?}") };
    stage.owe(call.clone());
    assert_eq!(life(&stage, 2), GenerationLife::Making);
    stage.settle(OpResult::Failed(refused(ErrorKind::Taken, Retry::Never)));
    assert_eq!(stage.state.generations()[&GenerationId(2)].refused.as_deref(), Some("in its words"));
    super::sight::row(
        "what can never be made is refused",
        &stage,
        &super::sight::look().group(1, 3, "a+ b+ c+").absent(2),
        "moved finishing refused until +3630s: in its words",
    );
}

#[test]
fn what_is_done_in_part_is_asked_for_again_after_growing_pauses() {
    let mut stage = owing(raise(2, 0, 3));
    stage.answer(done(1));
    let slots = |stage: &Stage| stage.state.slots(group(2)).unwrap().clone();
    assert_eq!((slots(&stage).size, slots(&stage).failures, slots(&stage).short), (1, 1, true));
    assert_eq!(stage.quiet_until(2), stage.now + MINUTE / 60);
    stage.pass(1);
    stage.owe(raise(2, 1, 3));
    stage.settle(done(1));
    assert_eq!(stage.quiet_until(2), stage.now + MINUTE / 30, "to ask at once would be to ask for ever");
    stage.pass(2);
    stage.owe(raise(2, 1, 3));
    stage.settle(done(3));
    assert_eq!(slots(&stage).failures, 0);
}

/// A stage behind a pool that owes this call, as op 6.
fn routing(call: Call) -> Stage {
    let mut stage = Stage::routed(3, Strategy::rolling(), Split::Pooled);
    stage.ready(2, "d");
    stage.owe(call);
    stage
}

impl Stage {
    fn answer_last(&mut self, result: OpResult) {
        let (op, _) = self.state.owed().last().unwrap();
        settle(&self.state, op, result, self.now).into_iter().for_each(|event| self.apply(event));
    }

    fn drains(&self, name: &str) -> bool {
        self.state.slots(group(1)).unwrap().members[&key(name)].draining.is_some()
    }
}

#[test]
fn a_refused_route_or_drain_may_have_been_done_by_an_earlier_copy() {
    for call in [route(&[(1, 1), (2, 1)]), drain(1, "a")] {
        let mut stage = routing(call.clone());
        let echo = stage.now + MINUTE;
        stage.answer_last(OpResult::Unknown { echo_until: Some(echo) });
        let no = OpResult::Failed(refused(ErrorKind::Throttled, Retry::Backoff));
        stage.pass(59);
        stage.answer_last(no.clone());
        assert_eq!(stage.owed(), 1, "{call:?}: as long as one may arrive");
        let mut later = stage.clone();
        later.pass(2);
        later.answer_last(no.clone());
        assert_eq!(later.owed(), 0, "{call:?}: not after it");
        stage.pass(1);
        stage.answer_last(no.clone());
        assert_eq!(stage.owed(), 0, "{call:?}: nor at the end");
        let mut at_once = routing(call.clone());
        at_once.answer_last(no);
        assert_eq!(at_once.owed(), 0, "{call:?}: without an earlier copy it is refused");
    }
}

#[test]
fn an_upkeep_that_an_earlier_copy_may_have_set_is_owed_until_it_is_done() {
    let upkeep = || Call::Upkeep(GenerationId(2), Upkeep::default());
    let no = |retry| OpResult::Failed(refused(ErrorKind::Throttled, retry));
    let mut stage = owing(upkeep());
    stage.answer(OpResult::Unknown { echo_until: None });
    stage.answer(no(Retry::Backoff));
    assert_eq!(stage.owed(), 1, "what is seen of it is no one else's");
    let mut never = stage.clone();
    never.answer(no(Retry::Never));
    assert_eq!(never.owed(), 0, "refused for good it is sent no more");
    stage.answer(done(None));
    assert_eq!((stage.owed(), stage.state.generations()[&GenerationId(2)].upkeep), (0, Upkeep::default()));
    let mut at_once = owing(upkeep());
    at_once.answer(no(Retry::Backoff));
    assert_eq!(at_once.owed(), 0, "without an earlier copy it is refused");
}

#[test]
fn a_pool_that_fails_is_left_alone_for_longer_each_time() {
    let mut stage = Stage::routed(3, Strategy::rolling(), Split::Pooled);
    for (failures, pause) in [(1, 1), (2, 2), (3, 4)] {
        stage.owe(route(&[(1, 1), (2, 0)]));
        stage.settle(OpResult::Failed(refused(ErrorKind::Throttled, Retry::Backoff)));
        let pool = stage.state.pool().unwrap();
        assert_eq!((pool.failures, pool.quiet_until.since(stage.now).as_secs()), (failures, pause));
        assert_eq!(pool.refused.as_deref(), Some("in its words"));
        stage.pass(60);
    }
    stage.owe(route(&[(1, 1), (2, 0)]));
    stage.settle(done(None));
    let pool = stage.state.pool().unwrap();
    assert_eq!((pool.failures, pool.refused.clone()), (0, None));
}

#[test]
fn a_drain_that_was_done_settles_no_size_and_forgives_what_failed_before() {
    let mut stage = routing(drain(1, "a"));
    stage.settle(OpResult::Failed(refused(ErrorKind::Throttled, Retry::Backoff)));
    assert!(!stage.drains("a"), "nobody drains by a call that failed");
    let before = stage.state.slots(group(1)).unwrap().clone();
    assert_eq!(before.failures, 1);
    stage.pass(60);
    stage.owe(drain(1, "a"));
    stage.settle(done(None));
    let after = stage.state.slots(group(1)).unwrap();
    assert!(stage.drains("a"));
    assert_eq!((after.failures, after.size, after.settled_at), (0, before.size, before.settled_at));
}
