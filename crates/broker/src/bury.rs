//! Dead messages move to where the dead go, whole in their old queue or whole in the new ones.

use crate::Broker;
use crate::core::lock;
use crate::publish::{Locked, push_all};
use crate::queue::{Dead, Queue};
use crate::route::{RouteQuery, Targets, route};
use crate::topic::Topic;
use crate::turn::Turn;
use bytes::Bytes;
use narumq_model::{Death, DeathReason, Envelope, Headers, Lsn, Message, ObjectId, Seq, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Broker {
    /// What a call owes before it returns: the dead are buried, unused queues deleted. Burying may kill in turn.
    #[inline]
    pub(crate) fn after(&self, turn: &mut Turn) {
        while !turn.bury.is_empty() || !turn.unused.is_empty() {
            for (queue, number) in std::mem::take(&mut turn.bury) {
                self.bury_through(&queue, number, turn);
            }
            for queue in std::mem::take(&mut turn.unused) {
                self.delete_unused(&queue, turn);
            }
        }
    }

    /// Buries what died in `queue`, in order, up to this number. Whatever thread takes one of the dead has buried it
    /// before another takes the next one; what another thread buries of those of this turn is buried when this
    /// returns.
    fn bury_through(&self, queue: &Arc<Queue>, number: u64, turn: &mut Turn) {
        let _spade = lock(&queue.spade);
        loop {
            let mut state = queue.lock();
            let Some(dead) = state.next_dead(number) else {
                turn.moved = turn.moved.max(state.buried_at());
                return state.count_memory(&self.core);
            };
            drop(state);
            self.bury(queue, dead, turn);
        }
    }

    fn bury(&self, queue: &Arc<Queue>, dead: Dead, turn: &mut Turn) {
        let Dead { seq, message, reason } = dead;
        let Some(mut message) = message else {
            // It cannot be read and stays where it lies.
            return queue.lock().buried(Lsn(0), &self.core, turn);
        };
        let exchange = queue.definition.policy.dead_letter_exchange.clone();
        let envelope = after_death(queue, &message, reason, turn.now);
        message.set_envelope(envelope);
        (message.expires_at, message.visible_at) = (Time::NEVER, Time(0));
        (message.failures, message.hand_overs) = (0, 0);
        let (targets, topics) =
            exchange.map_or_else(Default::default, |exchange| self.grave(queue, &exchange, &message));
        if !topics.is_empty() {
            // Ahead of its removal: after a crash it is in the topic, in the queue, or in both.
            for topic in &topics {
                self.gather(topic, &message, turn);
            }
            turn.moved = turn.moved.max(self.end_of_publishes(turn));
        }
        self.move_message(queue, seq, &message, &targets, turn);
    }

    /// The queues and topics a dead message goes to, those left out that would make it go in circles.
    fn grave(&self, queue: &Queue, exchange: &str, message: &Message) -> (Targets, Vec<Arc<Topic>>) {
        let Some(vhost) = self.vhost(&queue.vhost) else { return Default::default() };
        let keys = message.keys();
        let keys: Vec<&[u8]> = keys.iter().map(Bytes::as_ref).collect();
        let headers = || self.headers_of(message);
        let query = RouteQuery { exchange: exchange.as_bytes(), keys: &keys, headers: &headers };
        let Ok(route) = route(&vhost, &vhost.read(), &query, true) else { return Default::default() };
        let deaths = message.envelope().map_or(&[][..], |e| &e.deaths);
        let topics = route.topics.as_deref().map(<[_]>::to_vec).unwrap_or_default();
        (route.targets.iter().filter(|target| !circles(deaths, &target.definition.name)).cloned().collect(), topics)
    }

    fn headers_of(&self, message: &Message) -> Headers {
        let dialect = self.settings.dialects.messages(message.format);
        dialect.map_or_else(Headers::default, |dialect| dialect.headers(message))
    }

    /// Removes from the source and enters in the targets as one group. A purge or deletion in the gap wins.
    fn move_message(
        &self,
        source: &Arc<Queue>,
        seq: Option<Seq>,
        message: &Message,
        targets: &Targets,
        turn: &mut Turn,
    ) {
        let mut queues: BTreeMap<ObjectId, &Arc<Queue>> = targets.iter().map(|q| (q.id(), q)).collect();
        queues.insert(source.id(), source);
        let mut locked: BTreeMap<ObjectId, Locked<'_>> =
            queues.into_iter().map(|(id, queue)| (id, (queue, queue.lock()))).collect();
        if let Some(seq) = seq {
            let Some((_, state)) = locked.get_mut(&source.id()) else { return };
            if state.deleted || !state.leave(seq) {
                return;
            }
        }
        let mut copies: Vec<(ObjectId, Seq, Message)> = Vec::new();
        for target in targets {
            let Some((queue, state)) = locked.get_mut(&target.id()) else { continue };
            if !state.deleted && state.admits(&queue.definition.policy, message.payload_len()) {
                let mut copy = message.clone();
                queue.prepare(&mut copy, turn.now);
                copies.push((target.id(), state.take_seq(), copy));
            }
        }
        let lsn = self.log_together(&mut locked, &copies, turn);
        if let Some((_, state)) = locked.get_mut(&source.id()) {
            state.buried(lsn, &self.core, turn);
        }
        let entered: Vec<ObjectId> = copies.iter().map(|(id, ..)| *id).collect();
        push_all(&mut locked, copies, lsn);
        for id in entered {
            if let Some((queue, state)) = locked.get_mut(&id) {
                state.settle_in(queue, &self.core, turn);
            }
        }
    }
}

/// What a message carries after it died in `queue`.
fn after_death(queue: &Queue, message: &Message, reason: DeathReason, now: Time) -> Envelope {
    let policy = &queue.definition.policy;
    let name = &queue.definition.name;
    let old = message.envelope();
    let exchange = Bytes::copy_from_slice(message.exchange());
    let keys = message.keys();
    let mut deaths = old.map(|e| e.deaths.clone()).unwrap_or_default();
    let again = deaths.iter().position(|d| d.queue == *name && d.reason == reason);
    let death = match again.map(|at| deaths.remove(at)) {
        Some(death) => Death { count: death.count + 1, time: now, ..death },
        None => {
            Death { queue: name.clone(), reason, count: 1, time: now, exchange: exchange.clone(), keys: keys.clone() }
        }
    };
    deaths.insert(0, death);
    let first = old.and_then(|e| e.first_death.clone()).unwrap_or_else(|| (name.clone(), reason, exchange));
    Envelope {
        exchange: policy.dead_letter_exchange.as_ref().map(|x| Bytes::copy_from_slice(x.as_bytes())),
        keys: policy.dead_letter_key.clone().map_or(keys, |key| vec![key]),
        deaths,
        first_death: Some(first),
    }
}

/// Whether a message with this history would go in circles through `target`: it died there before, and nobody has
/// rejected it since.
fn circles(deaths: &[Death], target: &str) -> bool {
    let Some(at) = deaths.iter().position(|d| &*d.queue == target) else { return false };
    deaths[..=at].iter().all(|d| d.reason != DeathReason::Rejected)
}
