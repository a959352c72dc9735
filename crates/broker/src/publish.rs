//! Messages come in: to one queue, to many at once, and as part of a transaction.

use crate::Broker;
use crate::queue::Queue;
use crate::queue::admit::enqueue;
use crate::queue::settle::Outcome;
use crate::route::Route;
use crate::turn::Turn;
use crate::{QueueHandle, queue};
use narumq_log::{BodyPlace, Entry, Kind};
use narumq_model::limits::TARGETS_PER_ENTRY_MAX;
use narumq_model::{Lsn, Message, ObjectId, Seq, SessionId, Time};
use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard};

/// What became of a publish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// What must be durable before it may be confirmed; `Lsn(0)` = nothing.
    pub lsn: Lsn,
    /// At least one queue or topic refused it.
    pub refused: bool,
    /// It also waits for what [`Broker::end_of_publishes`] returns.
    pub gathered: bool,
}

/// One settlement of a transaction.
#[derive(Clone, Debug)]
pub struct TxSettle {
    /// The queue.
    pub queue: QueueHandle,
    /// The deliveries.
    pub seqs: Vec<Seq>,
    /// How they end.
    pub outcome: Outcome,
    /// The consumer whose prefetch they count against.
    pub consumer: Option<u32>,
}

/// One publish of a transaction.
#[derive(Clone, Debug)]
pub struct TxPublish {
    /// Where it goes.
    pub route: Route,
    /// The message.
    pub message: Message,
}

/// A queue and its state.
pub(crate) type Locked<'a> = (&'a Arc<Queue>, MutexGuard<'a, queue::QueueState>);

impl Broker {
    /// Publishes a message along a route. Its durable flag and its own time to live are set by the door.
    pub fn publish(&self, route: &Route, message: Message, turn: &mut Turn) -> Published {
        count(route, turn);
        let Published { gathered, refused: topics_refused, .. } = self.gather_all(route, &message, turn);
        let (lsn, refused) = match route.targets.as_slice() {
            [] => (Lsn(0), false),
            [queue] => queue.publish(message, &self.core, turn),
            _ => self.publish_many(route, &message, turn),
        };
        let published = Published { lsn, refused: refused || topics_refused, gathered };
        self.after(turn);
        published
    }

    /// One group of entries for up to 64 queues that journal the message: it is in all of them after a crash, or in none.
    /// All share its body. Whether one of them refused it stands behind the LSN.
    fn publish_many(&self, route: &Route, message: &Message, turn: &mut Turn) -> (Lsn, bool) {
        let (mut lsn, mut refused, mut body) = (Lsn(0), false, None);
        for targets in route.targets.chunks(TARGETS_PER_ENTRY_MAX) {
            let mut locked: Vec<Locked<'_>> = targets.iter().map(|q| (q, q.lock())).collect();
            locked.retain_mut(|(queue, state)| {
                let admitted = state.admits(&queue.definition.policy, message.payload_len());
                if !state.deleted && !admitted {
                    refused = true;
                    queue.refuse(state, message.clone(), turn);
                }
                !state.deleted && admitted
            });
            lsn = lsn.max(self.enter_all(&mut locked, message, &mut body, turn));
        }
        (lsn, refused)
    }

    /// Logs and enters a message in queues that are locked. Copies that differ in priority or times are entries of their
    /// own: each head says what holds for its queue. `body`: where the body lies, once it was appended.
    fn enter_all(
        &self,
        locked: &mut [Locked<'_>],
        message: &Message,
        body: &mut Option<BodyPlace>,
        turn: &mut Turn,
    ) -> Lsn {
        let mut copies = Vec::with_capacity(locked.len());
        let mut alike: BTreeMap<(u8, Time, Time), Vec<usize>> = BTreeMap::new();
        for (at, (queue, state)) in locked.iter_mut().enumerate() {
            let mut copy = message.clone();
            queue.prepare(&mut copy, turn.now);
            let seq = state.take_seq();
            if queue.journals(&copy) {
                alike.entry((copy.priority, copy.expires_at, copy.visible_at)).or_default().push(at);
            }
            copies.push((seq, copy));
        }
        let mut lsn = Lsn(0);
        if !alike.is_empty() {
            let groups: Vec<Vec<(ObjectId, Seq)>> = alike
                .values()
                .map(|group| group.iter().map(|at| (locked[*at].0.id(), copies[*at].0)).collect())
                .collect();
            let mut datas = vec![Vec::new(); groups.len()];
            let entries: Vec<Entry<'_>> = alike
                .values()
                .zip(&groups)
                .zip(&mut datas)
                .map(|((at, group), data)| {
                    enqueue(group[0].0, group[0].1, &group[1..], &copies[at[0]].1, turn.now, data)
                })
                .collect();
            let appended = self.core.log.append_sharing(&entries, body);
            lsn = appended.lsn;
            for at in alike.values().flatten() {
                locked[*at].1.lies_in(&self.core, copies[*at].0, appended.file);
            }
        }
        for ((queue, state), (seq, copy)) in locked.iter_mut().zip(copies) {
            let journaled = queue.journals(&copy);
            state.push(seq, if journaled { lsn } else { Lsn(0) }, copy);
            state.settle_in(queue, &self.core, turn);
        }
        lsn
    }

    /// Settles and publishes as one group: after a crash all of it holds, or nothing. What is rejected and has
    /// somewhere to go moves there behind the group, one by one, and what goes to topics is appended behind it; the LSN
    /// covers that, too.
    pub fn transact(
        &self,
        settles: Vec<TxSettle>,
        publishes: Vec<TxPublish>,
        session: SessionId,
        turn: &mut Turn,
    ) -> Published {
        let mut queues: BTreeMap<ObjectId, &Arc<Queue>> = BTreeMap::new();
        queues.extend(settles.iter().map(|s| (s.queue.0.id(), &s.queue.0)));
        queues.extend(publishes.iter().flat_map(|p| p.route.targets.iter()).map(|q| (q.id(), q)));
        let mut locked: BTreeMap<ObjectId, Locked<'_>> =
            queues.into_iter().map(|(id, queue)| (id, (queue, queue.lock()))).collect();
        for settle in &settles {
            if let Some((queue, state)) = locked.get_mut(&settle.queue.0.id()) {
                let who = (session, settle.consumer);
                state.settle_quietly(queue, &self.core, turn, who, &settle.seqs, settle.outcome);
            }
        }
        let mut published = Published::default();
        let mut copies: Vec<(ObjectId, Seq, Message)> = Vec::new();
        let mut coming: BTreeMap<ObjectId, (u64, u64)> = BTreeMap::new();
        for TxPublish { route, message } in &publishes {
            count(route, turn);
            for target in route.targets.iter() {
                let Some((queue, state)) = locked.get_mut(&target.id()) else { continue };
                if state.deleted {
                    continue;
                }
                let coming = coming.entry(target.id()).or_default();
                if !state.admits_after(&queue.definition.policy, message.payload_len(), *coming) {
                    published.refused = true;
                    queue.refuse(state, message.clone(), turn);
                    continue;
                }
                *coming = (coming.0 + 1, coming.1 + message.payload_len() as u64);
                let mut copy = message.clone();
                queue.prepare(&mut copy, turn.now);
                copies.push((target.id(), state.take_seq(), copy));
            }
        }
        published.lsn = self.log_together(&mut locked, &copies, turn);
        push_all(&mut locked, copies, published.lsn);
        locked.values_mut().for_each(|(queue, state)| state.settle_in(queue, &self.core, turn));
        drop(locked);
        self.after(turn);
        for TxPublish { route, message } in &publishes {
            published.refused |= self.gather_all(route, message, turn).refused;
        }
        let framed = self.end_of_publishes(turn);
        published.lsn = published.lsn.max(std::mem::take(&mut turn.moved)).max(framed);
        published
    }

    /// Takes a message for the topics of its route.
    fn gather_all(&self, route: &Route, message: &Message, turn: &mut Turn) -> Published {
        let mut published = Published::default();
        for topic in route.topics.iter().flat_map(|topics| topics.iter()) {
            published.gathered = true;
            published.refused |= !self.gather(topic, message, turn);
        }
        published
    }

    /// Logs what has gone from these queues and what comes into them as one group; returns its LSN, `Lsn(0)` if there is
    /// nothing to log.
    pub(crate) fn log_together(
        &self,
        locked: &mut BTreeMap<ObjectId, Locked<'_>>,
        copies: &[(ObjectId, Seq, Message)],
        turn: &mut Turn,
    ) -> Lsn {
        let removed: Vec<(ObjectId, Vec<u8>)> =
            locked.iter_mut().filter_map(|(id, (_, state))| Some((*id, state.gone_as_entry()?))).collect();
        let journaled: Vec<_> =
            copies.iter().filter(|(id, _, copy)| locked.get(id).is_some_and(|(q, _)| q.journals(copy))).collect();
        if removed.is_empty() && journaled.is_empty() {
            return Lsn(0);
        }
        let mut datas = vec![Vec::new(); journaled.len()];
        let mut entries: Vec<Entry<'_>> =
            removed.iter().map(|(id, data)| Entry::new(Kind::Remove, *id, turn.now).with_data(data)).collect();
        for ((id, seq, copy), data) in journaled.iter().zip(&mut datas) {
            entries.push(enqueue(*id, *seq, &[], copy, turn.now, data));
        }
        let appended = self.core.log.append_group(&entries);
        for (id, _) in &removed {
            if let Some((_, state)) = locked.get_mut(id) {
                state.gone_is_logged(appended.lsn, &self.core);
            }
        }
        for (id, seq, _) in &journaled {
            if let Some((_, state)) = locked.get_mut(id) {
                state.lies_in(&self.core, *seq, appended.file);
            }
        }
        appended.lsn
    }
}

/// Takes copies that were logged by entry `lsn`, as far as they are journaled, into their queues.
pub(crate) fn push_all(locked: &mut BTreeMap<ObjectId, Locked<'_>>, copies: Vec<(ObjectId, Seq, Message)>, lsn: Lsn) {
    for (id, seq, copy) in copies {
        if let Some((queue, state)) = locked.get_mut(&id) {
            let lsn = if queue.journals(&copy) { lsn } else { Lsn(0) };
            state.push(seq, lsn, copy);
        }
    }
}

/// Counts a message that is published along `route`.
#[inline]
fn count(route: &Route, turn: &mut Turn) {
    turn.counts.received += 1;
    match route.queues() {
        0 => turn.counts.unroutable_dropped += 1,
        _ => turn.counts.routed += 1,
    }
}
