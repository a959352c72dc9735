//! What may be asked of the vhost.

use super::flow::handed;
use super::{Consumer, Handed, Message, Queue, World};
use narumq_broker::Outcome;
use narumq_model::DeathReason;
use std::collections::{BTreeMap, BTreeSet};

/// One settlement of a transaction: queue, consumer, places, outcome.
pub type Settlement = (u64, Option<u32>, Vec<u64>, Outcome);

impl World {
    /// True if it is new, false if it was there, `None` if it belongs to another session.
    pub fn declare(&mut self, session: u32, queue: Queue) -> Option<bool> {
        let now = self.now;
        if let Some(there) = self.queues.iter_mut().find(|q| q.name == queue.name) {
            if there.owner.is_some_and(|owner| owner != session) {
                return None;
            }
            there.last_used = now;
            return Some(false);
        }
        self.uids += 1;
        self.queues.push(Queue { uid: self.uids, last_used: now, ..queue });
        Some(true)
    }

    /// Whether a deletion that wants the queue (unused, empty) finds it so.
    pub fn may_delete(&self, name: &str, (if_unused, if_empty): (bool, bool)) -> bool {
        let queue = self.queue(name).expect("a queue");
        (!if_unused || queue.consumers.is_empty()) && (!if_empty || queue.ready.is_empty() && queue.delayed.is_empty())
    }

    /// How many messages that nobody holds went with it.
    pub fn delete(&mut self, name: &str) -> Option<u64> {
        let (uid, ready) = self.queue(name).map(|q| (q.uid, (q.ready.len() + q.delayed.len()) as u64))?;
        self.remove(uid);
        Some(ready)
    }

    pub fn purge(&mut self, name: &str) -> u64 {
        let queue = self.queues.iter_mut().find(|q| q.name == name).expect("a queue");
        queue.ready.drain(..).chain(queue.delayed.drain(..)).count() as u64
    }

    /// Whether some queue refused it.
    pub fn publish(&mut self, exchange: &str, key: &str, message: &Message) -> bool {
        let targets = self.route(exchange, &[key.to_owned()]);
        let admits = |uid: &u64| self.queues[self.at(*uid).expect("a queue")].admits(message.len, (0, 0));
        let (enter, refused): (Vec<u64>, Vec<u64>) = targets.into_iter().partition(admits);
        refused.iter().for_each(|uid| self.refuse(*uid, message));
        for uid in enter {
            self.enter(uid, message.clone());
            self.settle_in(uid);
        }
        self.after();
        !refused.is_empty()
    }

    /// False if it is refused.
    pub fn consume(&mut self, name: &str, consumer: Consumer) -> bool {
        let now = self.now;
        let queue = self.queues.iter_mut().find(|q| q.name == name).expect("a queue");
        let taken = queue.consumers.iter().any(|c| c.exclusive);
        let foreign = queue.owner.is_some_and(|owner| owner != consumer.session);
        if foreign || taken || consumer.exclusive && !queue.consumers.is_empty() {
            return false;
        }
        queue.arrivals += 1;
        queue.last_used = now;
        queue.had_consumer = true;
        queue.active.get_or_insert(consumer.key);
        queue.consumers.push(Consumer { arrival: queue.arrivals, ..consumer });
        queue.consumers.sort_by_key(|c| (std::cmp::Reverse(c.priority), c.arrival));
        let uid = queue.uid;
        self.settle_in(uid);
        self.after();
        true
    }

    pub fn cancel(&mut self, key: u32) {
        let now = self.now;
        let Some(queue) = self.queues.iter_mut().find(|q| q.consumers.iter().any(|c| c.key == key)) else { return };
        let gone = queue.consumers.iter().position(|c| c.key == key).map(|at| queue.consumers.remove(at));
        if let Some(gone) = gone.filter(|gone| queue.consumers.iter().all(|c| c.priority != gone.priority)) {
            queue.served.remove(&gone.priority);
        }
        if queue.active == Some(key) {
            queue.active = queue.consumers.first().map(|c| c.key);
        }
        queue.last_used = now;
        let (uid, unused) = (queue.uid, queue.auto_delete && queue.consumers.is_empty());
        if unused {
            self.leave_unused(uid);
        }
        self.settle_in(uid);
        self.after();
    }

    pub fn resume(&mut self, uid: u64) {
        self.settle_in(uid);
        self.after();
    }

    pub fn settle(&mut self, session: u32, settlement: &Settlement) {
        self.settle_quietly(session, settlement);
        self.settle_in(settlement.0);
        self.after();
    }

    fn settle_quietly(&mut self, session: u32, (uid, key, places, outcome): &Settlement) {
        let Some(at) = self.at(*uid) else { return };
        let mut settled = 0;
        for place in places {
            let queue = &mut self.queues[at];
            let held = queue.leased.iter().position(|(holder, m)| *holder == session && m.place == *place);
            let Some((_, mut message)) = held.map(|held| queue.leased.remove(held)) else { continue };
            settled += 1;
            match outcome {
                Outcome::Accept => {}
                Outcome::Reject => self.die(at, message, DeathReason::Rejected),
                Outcome::Return | Outcome::Fail => {
                    (message.redelivered, message.until) = (true, super::NEVER);
                    message.failures += u32::from(*outcome == Outcome::Fail);
                    let limit = queue.policy.delivery_limit.filter(|_| *outcome == Outcome::Fail);
                    if limit.is_some_and(|limit| message.failures > limit) {
                        self.die(at, message, DeathReason::DeliveryLimit);
                    } else {
                        queue.ready.push(message);
                    }
                }
            }
        }
        if let Some(consumer) = self.queues[at].consumers.iter_mut().find(|c| Some(c.key) == *key) {
            consumer.unsettled -= settled;
        }
    }

    /// What it finds, and how many are ready behind it.
    pub fn get(&mut self, name: &str, session: u32, takes: bool) -> Option<(Handed, u64)> {
        let now = self.now;
        let queue = self.queues.iter_mut().find(|q| q.name == name).expect("a queue");
        queue.last_used = now;
        let uid = queue.uid;
        self.appear(uid);
        self.expire(uid);
        let at = self.at(uid).expect("a queue");
        while self.kill_top(at) {}
        let queue = &mut self.queues[at];
        let got = queue.top().map(|top| {
            let mut message = queue.ready.remove(top);
            let got = (handed(queue, &message), queue.ready.len() as u64);
            if !takes {
                message.hand_overs += 1;
                message.until = queue.lease_until(now);
                queue.leased.push((session, message));
            }
            got
        });
        self.after();
        got
    }

    /// Whether some queue refused something.
    pub fn transact(&mut self, session: u32, settles: &[Settlement], publishes: &[(String, String, Message)]) -> bool {
        let mut touched: BTreeSet<u64> = settles.iter().map(|s| s.0).filter(|uid| self.at(*uid).is_some()).collect();
        settles.iter().for_each(|s| self.settle_quietly(session, s));
        let (mut copies, mut refused) = (Vec::new(), false);
        let mut coming: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for (exchange, key, message) in publishes {
            for uid in self.route(exchange, std::slice::from_ref(key)) {
                touched.insert(uid);
                let coming = coming.entry(uid).or_default();
                if self.queues[self.at(uid).expect("a queue")].admits(message.len, *coming) {
                    *coming = (coming.0 + 1, coming.1 + message.len);
                    copies.push((uid, message));
                } else {
                    refused = true;
                    self.refuse(uid, message);
                }
            }
        }
        copies.into_iter().for_each(|(uid, message)| self.enter(uid, message.clone()));
        touched.into_iter().for_each(|uid| self.settle_in(uid));
        self.after();
        refused
    }

    /// The clock moves; what is due happens.
    pub fn advance(&mut self, millis: u64) {
        self.now += millis;
        let uids: Vec<u64> = self.queues.iter().map(|q| q.uid).collect();
        for uid in uids {
            self.expire(uid);
            self.settle_in(uid);
            if self.at(uid).is_some_and(|at| self.outlived(&self.queues[at])) {
                self.leave_unused(uid);
            }
        }
        self.after();
    }

    /// All that a session holds comes back, queue by queue, in the order of places.
    pub fn take_back(&mut self, session: u32, uid: u64) {
        let queue = &self.queues[self.at(uid).expect("a queue")];
        let mut places: Vec<u64> = queue.leased.iter().filter(|l| l.0 == session).map(|l| l.1.place).collect();
        places.sort_unstable();
        self.settle(session, &(uid, None, places, Outcome::Return));
    }

    /// The exclusive queues of a session go.
    pub fn close_session(&mut self, session: u32) {
        let owned: Vec<u64> = self.queues.iter().filter(|q| q.owner == Some(session)).map(|q| q.uid).collect();
        owned.into_iter().for_each(|uid| self.remove(uid));
        self.after();
    }

    /// The broker stops, in order or not, and is there again.
    pub fn restart(&mut self, clean: bool) {
        self.queues.retain(Queue::journaled);
        for queue in &mut self.queues {
            for (_, mut message) in std::mem::take(&mut queue.leased) {
                message.redelivered = true;
                queue.ready.push(message);
            }
            queue.ready.retain(|m| m.durable);
            queue.delayed.retain(|m| m.durable);
            queue.ready.iter_mut().chain(&mut queue.delayed).for_each(|m| m.redelivered |= !clean);
            queue.consumers.clear();
            queue.served.clear();
            queue.active = None;
            queue.had_consumer = false;
            queue.last_used = self.now;
        }
        let names: Vec<String> = self.queues.iter().map(|q| q.name.clone()).collect();
        self.bindings.retain(|(_, to)| names.contains(to));
        // What came back may be too old or too much.
        self.advance(0);
    }
}
