//! Messages are published, handed over, settled.

use super::act::name;
use super::ops::{Publish, SESSIONS, Settle, Target};
use super::{Driver, Held, ensure};
use crate::harness::{Rig, id_of};
use crate::model::{self, NEVER, Story};
use narumq_broker::{Outcome, TxPublish, TxSettle};
use narumq_model::{Lsn, Message, Seq, Time};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

fn names(to: &Target) -> (String, String) {
    match to {
        Target::Queue(slot) => (String::new(), name(*slot)),
        Target::Fan => ("fan".into(), "k".into()),
    }
}

/// The highest level of a queue.
fn highest(queue: &model::Queue) -> u8 {
    queue.policy.max_priority.unwrap_or(0)
}

impl Driver {
    /// A message for both.
    fn message(&mut self, publish: &Publish) -> (Message, model::Message) {
        self.ids += 1;
        let (id, (exchange, key)) = (self.ids, names(&publish.to));
        let expires_at = publish.ttl.filter(|_| self.setup.timed).map_or(NEVER, |ttl| self.world.now + ttl);
        let mut message = self.rig().message(id, publish.len, (&exchange, &key), publish.durable);
        message.priority = publish.priority;
        message.expires_at = Time(expires_at);
        let delays = !self.setup.timed || !self.setup.restarts;
        let visible_at = publish.delay.filter(|_| delays).map_or(0, |delay| self.world.now + delay);
        message.visible_at = Time(visible_at);
        let model = model::Message {
            id,
            place: 0,
            len: publish.len as u64,
            durable: publish.durable,
            priority: publish.priority,
            expires_at,
            visible_at,
            key: None,
            until: NEVER,
            redelivered: false,
            failures: 0,
            hand_overs: 0,
            story: Story { exchange, keys: vec![key], ..Story::default() },
        };
        (message, model)
    }

    pub(super) fn publish(&mut self, publish: &Publish) -> Result<(), String> {
        self.publish_one(publish).map(|_| ())
    }

    /// Returns the LSN that the publisher would wait for.
    fn publish_one(&mut self, publish: &Publish) -> Result<Lsn, String> {
        let (message, model) = self.message(publish);
        let (exchange, key) = names(&publish.to);
        let route = self.rig().route(&exchange, &key);
        let published = self.rig().turn(|rig, turn| rig.broker.publish(&route, message, turn));
        let refused = self.world.publish(&exchange, &key, &model);
        ensure!(published.refused == refused, "refused: {}, not {refused}", published.refused);
        self.reached.refused += u64::from(refused);
        Ok(published.lsn)
    }

    /// Takes held deliveries that belong together: of one queue, session and consumer, in the order of their sequences.
    pub(super) fn take_held(&mut self, settle: &Settle, only: Option<u32>) -> Option<Vec<Held>> {
        let may: Vec<usize> =
            (0..self.held.len()).filter(|at| only.is_none_or(|s| self.held[*at].session == s)).collect();
        let first = self.held[*may.get(settle.which % may.len().max(1))?];
        let alike = |held: &Held| (held.uid, held.session, held.key) == (first.uid, first.session, first.key);
        let chosen: Vec<usize> = may.into_iter().filter(|at| alike(&self.held[*at])).take(settle.count).collect();
        let mut held: Vec<Held> = chosen.iter().rev().map(|at| self.held.remove(*at)).collect();
        held.sort_by_key(|h| h.seq);
        Some(held)
    }

    /// The session gives back its shared allowance for what it settles.
    fn give_back(&mut self, held: &[Held]) {
        for one in held.iter().filter(|h| h.shared) {
            self.credits[&one.session].1.fetch_add(1, Ordering::Relaxed);
            self.world.allowances.get_mut(&one.session).expect("a session").shared += 1;
        }
    }

    pub(super) fn settle(&mut self, settle: &Settle) -> Result<(), String> {
        let Some(held) = self.take_held(settle, None) else { return Ok(()) };
        let Held { uid, session, key, .. } = held[0];
        self.give_back(&held);
        let handle = self.handles[&uid].clone();
        let seqs: Vec<Seq> = held.iter().map(|h| h.seq).collect();
        self.rig().settle(&handle, Self::session(session), key, &seqs, settle.how);
        self.world.settle(session, &(uid, key, held.iter().map(|h| h.place).collect(), settle.how));
        if held.iter().any(|h| h.shared) {
            self.resume(session)?;
        }
        Ok(())
    }

    /// Nothing happens where another session settles what is not its own.
    pub(super) fn meddle(&mut self, which: usize) -> Result<(), String> {
        let Some(held) = self.held.get(which % self.held.len().max(1)).copied() else { return Ok(()) };
        let handle = self.handles[&held.uid].clone();
        let other = Self::session(1 + held.session % SESSIONS);
        self.rig().settle(&handle, other, None, &[held.seq], Outcome::Reject);
        if self.world.queues.iter().any(|q| q.uid == held.uid) {
            self.world.resume(held.uid);
        }
        Ok(())
    }

    /// So many and so large messages that the queue lets go of what it can read again.
    pub(super) fn flood(&mut self, slot: usize, count: usize) -> Result<(), String> {
        let (handle, mut last) = (self.handle(slot), Lsn(0));
        for n in 0..count {
            let durable = n % 11 != 7;
            let publish = Publish {
                to: Target::Queue(slot),
                durable,
                priority: (n % 3) as u8,
                ttl: None,
                delay: None,
                len: 18 << 10,
            };
            last = last.max(self.publish_one(&publish)?);
            // What is too much and must be read dies before the next is published.
            self.let_come()?;
        }
        self.rig().durable(last);
        // What is on the disk now may go at the next step.
        let more = Publish { to: Target::Queue(slot), durable: true, priority: 0, ttl: None, delay: None, len: 8 };
        self.publish_one(&more)?;
        self.cold = true;
        let ready: u64 = self.world.queues.iter().map(model::Queue::ready_bytes).sum();
        let let_go = handle.is_some() && self.rig().broker.window_bytes() < ready;
        self.reached.let_go += u64::from(let_go);
        Ok(())
    }

    /// What is shown of the head, and that showing it changes nothing: the next comparison tells.
    pub(super) fn peek(&mut self, slot: usize, most: usize) -> Result<(), String> {
        let Some(handle) = self.handle(slot) else { return Ok(()) };
        let shown = self.rig().broker.peek(&handle, most);
        let queue = self.world.queue(&name(slot)).expect("it has a handle");
        let (mut should, mut is) = (queue.in_order(), shown.iter());
        if self.cold {
            // Of each level, only as much as is in memory.
            let count = |level| shown.iter().filter(|(_, m)| level == m.priority.min(highest(queue))).count();
            let mut left: BTreeMap<u8, usize> = (0..=highest(queue)).map(|level| (level, count(level))).collect();
            should.retain(|m| {
                let left = left.get_mut(&queue.level(m)).expect("a level");
                *left = left.wrapping_sub(1);
                *left < usize::MAX / 2
            });
        }
        should.truncate(most);
        ensure!(should.len() == is.len(), "peek shows {} messages, not {}", is.len(), should.len());
        let alike = |m: &&model::Message| {
            is.next().is_some_and(|(_, shown)| (id_of(shown), shown.redelivered) == (m.id, m.redelivered))
        };
        ensure!(should.iter().all(alike), "peek shows others than {should:?}");
        Ok(())
    }

    pub(super) fn get(&mut self, slot: usize, session: u32, takes: bool) -> Result<(), String> {
        let Some(handle) = self.handle(slot) else { return Ok(()) };
        let queue = &self.setup.slots[slot];
        if queue.policy.single_active_consumer {
            let who = Self::session(session);
            let refused = self.rig().turn(|rig, turn| rig.broker.get(&handle, who, takes, turn));
            ensure!(refused.is_err(), "a queue that serves one consumer at a time answers get");
            return Ok(());
        }
        let is = self.rig().get(&handle, Self::session(session), takes);
        let should = self.world.get(&name(slot), session, takes);
        match (is, should) {
            (None, None) => Ok(()),
            (Some((delivery, remaining)), Some((handed, should))) => {
                self.same(&delivery, &handed)?;
                ensure!(remaining == should, "get says {remaining} remain, not {should}");
                if !takes {
                    let (uid, place, seq) = (handed.uid, handed.place, delivery.seq);
                    self.held.push(Held { uid, place, seq, session, key: None, shared: false });
                }
                Ok(())
            }
            (is, should) => Err(format!("get found {is:?}, not {should:?}")),
        }
    }

    pub(super) fn transact(&mut self, session: u32, settles: &[Settle], publishes: &[Publish]) -> Result<(), String> {
        let (mut asked, mut told, mut gave) = (Vec::new(), Vec::new(), Vec::new());
        for settle in settles {
            let Some(held) = self.take_held(settle, Some(session)) else { continue };
            let (uid, consumer) = (held[0].uid, held[0].key);
            let queue = self.handles[&uid].clone();
            let seqs = held.iter().map(|h| h.seq).collect();
            asked.push(TxSettle { queue, seqs, outcome: settle.how, consumer });
            told.push((uid, consumer, held.iter().map(|h| h.place).collect(), settle.how));
            gave.extend(held);
        }
        self.give_back(&gave);
        let (mut messages, mut models) = (Vec::new(), Vec::new());
        for publish in publishes {
            let (message, model) = self.message(publish);
            let (exchange, key) = names(&publish.to);
            messages.push(TxPublish { route: self.rig().route(&exchange, &key), message });
            models.push((exchange, key, model));
        }
        let run = |rig: &Rig, turn: &mut narumq_broker::Turn| {
            rig.broker.transact(asked, messages, Self::session(session), turn)
        };
        let published = self.rig().turn(run);
        let refused = self.world.transact(session, &told, &models);
        ensure!(published.refused == refused, "refused: {}, not {refused}", published.refused);
        if gave.iter().any(|h| h.shared) {
            self.resume(session)?;
        }
        Ok(())
    }
}
