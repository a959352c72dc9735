//! One thing is done to the broker and to the model.

use super::ops::{Consume, Op, SESSIONS, SLOTS, Settle};
use super::{Driver, Reached, ensure};
use crate::harness::{binding, consumer, exchange};
use crate::model;
use narumq_broker::{Declared, Outcome, QueueHandle, QueueSpec};
use narumq_model::ExchangeKind;
use std::sync::atomic::Ordering;

pub(super) fn name(slot: usize) -> String {
    format!("q{slot}")
}

impl Driver {
    /// Exchanges, queues and bindings that every case begins with.
    pub(super) fn begin(&mut self) -> Result<(), String> {
        for name in ["fan", "dlx"] {
            let spec = exchange(name, ExchangeKind::Fanout);
            self.rig().turn(|rig, turn| rig.broker.declare_exchange(&rig.vhost, spec, turn));
        }
        for slot in 0..SLOTS {
            self.declare(slot, 1)?;
            let (fan, dlx) = self.setup.bound[slot];
            if fan {
                self.bind("fan", slot)?;
            }
            if dlx {
                self.bind("dlx", slot)?;
            }
        }
        self.compare()
    }

    pub(super) fn act(&mut self, op: &Op) -> Result<(), String> {
        match op {
            Op::Declare(slot, session) => self.declare(*slot, *session),
            Op::Delete(slot) => self.delete(*slot, (false, false)),
            Op::DeleteIf(slot, unused, empty) => self.delete(*slot, (*unused, *empty)),
            Op::Bind(dlx, slot) => self.bind(if *dlx { "dlx" } else { "fan" }, *slot),
            Op::Unbind(dlx, slot) => self.unbind(if *dlx { "dlx" } else { "fan" }, *slot),
            Op::Purge(slot) => self.purge(*slot),
            Op::Publish(publish) => self.publish(publish),
            Op::Burst(publish, count) => (0..*count).try_for_each(|_| {
                self.publish(publish)?;
                // The dead that must be read come behind this one and before the next.
                self.let_come()
            }),
            Op::Flood(slot, count) => self.flood(*slot, *count),
            Op::Consume(consume) => self.consume(consume),
            Op::Cancel(which) => self.cancel(*which),
            Op::Settle(settle) => self.settle(settle),
            Op::Meddle(which) => self.meddle(*which),
            Op::Peek(slot, most) => self.peek(*slot, *most),
            Op::Get(slot, session, takes) => self.get(*slot, *session, *takes),
            Op::Advance(millis) => self.pass(*millis),
            Op::Disconnect(session) => self.disconnect(*session),
            Op::Vanish(session) => self.vanish(*session),
            Op::Grant(session) => self.grant(*session),
            Op::Transact(session, settles, publishes) => self.transact(*session, settles, publishes),
            Op::Restart(end) => self.restart(*end),
        }
    }

    /// Time passes. Where something may have to be read from the disk first, what is due at one time comes before what is due
    /// later: queues share the allowance of a session, and who hands over first uses it up.
    fn pass(&mut self, millis: u64) -> Result<(), String> {
        let until = self.rig().now.plus(millis);
        while self.cold
            && let now = self.rig().now
            && let Some(next) = self.rig().broker.next_deadline().filter(|at| now < *at && *at < until)
        {
            self.rig().advance(next.since(now));
            self.world.advance(next.since(now));
            self.compare()?;
        }
        let rest = until.since(self.rig().now);
        self.rig().advance(rest);
        self.world.advance(rest);
        Ok(())
    }

    pub(super) fn handle(&self, slot: usize) -> Option<QueueHandle> {
        self.world.queue(&name(slot)).map(|q| self.handles[&q.uid].clone())
    }

    fn declare(&mut self, slot: usize, session: u32) -> Result<(), String> {
        let asked = self.setup.slots[slot].clone();
        let spec = QueueSpec {
            name: Some(name(slot).as_str().into()),
            durable: asked.durable,
            exclusive: asked.exclusive,
            auto_delete: asked.auto_delete,
            policy: asked.policy.clone(),
            ..QueueSpec::default()
        };
        let who = Self::session(session);
        let declared = self.rig().turn(|rig, turn| rig.broker.declare_queue(&rig.vhost, spec, who, turn));
        let queue = model::Queue {
            name: name(slot),
            durable: asked.durable,
            owner: asked.exclusive.then_some(session),
            auto_delete: asked.auto_delete,
            policy: asked.policy,
            ..model::Queue::default()
        };
        match (declared, self.world.declare(session, queue)) {
            (Ok((Declared::Created(handle), _)), Some(true)) => {
                self.handles.insert(self.world.uids, handle);
                Ok(())
            }
            (Ok((Declared::Existing(_), _)), Some(false)) | (Err(_), None) => Ok(()),
            (is, should) => Err(format!("declared {is:?}, not {should:?}")),
        }
    }

    fn bind(&mut self, source: &str, slot: usize) -> Result<(), String> {
        let Some(queue) = self.world.queue(&name(slot)) else { return Ok(()) };
        let who = Self::session(queue.owner.unwrap_or(1));
        let binding = binding(source, &name(slot), "");
        let bound = self.rig().turn(|rig, turn| rig.broker.bind(&rig.vhost, binding, who, turn));
        ensure!(bound.is_ok(), "not bound: {bound:?}");
        let pair = (source.to_owned(), name(slot));
        if !self.world.bindings.contains(&pair) {
            self.world.bindings.push(pair);
        }
        Ok(())
    }

    fn unbind(&mut self, source: &str, slot: usize) -> Result<(), String> {
        let Some(queue) = self.world.queue(&name(slot)) else { return Ok(()) };
        let who = Self::session(queue.owner.unwrap_or(1));
        let binding = binding(source, &name(slot), "");
        let unbound = self.rig().turn(|rig, turn| rig.broker.unbind(&rig.vhost, &binding, who, turn));
        ensure!(unbound.is_ok(), "not unbound: {unbound:?}");
        let pair = (source.to_owned(), name(slot));
        self.world.bindings.retain(|bound| *bound != pair);
        Ok(())
    }

    fn delete(&mut self, slot: usize, only_if: (bool, bool)) -> Result<(), String> {
        let Some(queue) = self.world.queue(&name(slot)) else { return Ok(()) };
        let who = Self::session(queue.owner.unwrap_or(1));
        let name = name(slot);
        let deleted = self
            .rig()
            .turn(|rig, turn| rig.broker.delete_queue(&rig.vhost, &name, only_if, who, turn).map(|(count, _)| count));
        let should = if self.world.may_delete(&name, only_if) { self.world.delete(&name) } else { None };
        ensure!(deleted.as_ref().ok() == should.as_ref(), "deleted {deleted:?}, not {should:?}");
        Ok(())
    }

    fn purge(&mut self, slot: usize) -> Result<(), String> {
        let Some(handle) = self.handle(slot) else { return Ok(()) };
        let (count, _) = self.rig().turn(|rig, turn| rig.broker.purge(&handle, turn));
        let should = self.world.purge(&name(slot));
        ensure!(count == should, "purged {count}, not {should}");
        Ok(())
    }

    fn consume(&mut self, asked: &Consume) -> Result<(), String> {
        let Some(handle) = self.handle(asked.slot) else { return Ok(()) };
        self.keys += 1;
        let mut spec = consumer(Self::session(asked.session), self.keys);
        spec.prefetch = asked.prefetch;
        spec.takes = asked.takes;
        spec.exclusive = asked.exclusive;
        spec.priority = asked.priority;
        let (bytes, shared) = &self.credits[&asked.session];
        spec.bytes = bytes.clone();
        spec.shared = asked.shared.then(|| shared.clone());
        let model = model::Consumer {
            session: asked.session,
            key: self.keys,
            prefetch: asked.prefetch,
            takes: asked.takes,
            exclusive: asked.exclusive,
            priority: asked.priority,
            shared: asked.shared,
            unsettled: 0,
            arrival: 0,
        };
        let started = self.rig().turn(|rig, turn| rig.broker.consume(&handle, spec, turn));
        let should = self.world.consume(&name(asked.slot), model);
        ensure!(started.is_ok() == should, "consume says {started:?}, not {should}");
        Ok(())
    }

    fn cancel(&mut self, which: usize) -> Result<(), String> {
        let consumers = self.world.queues.iter().flat_map(|q| q.consumers.iter().map(|c| (q.uid, c.session, c.key)));
        let consumers: Vec<_> = consumers.collect();
        if consumers.is_empty() {
            return Ok(());
        }
        let (uid, session, key) = consumers[which % consumers.len()];
        self.cancel_one(uid, session, key);
        Ok(())
    }

    fn cancel_one(&mut self, uid: u64, session: u32, key: u32) {
        let handle = self.handles[&uid].clone();
        self.rig().turn(|rig, turn| rig.broker.cancel(&handle, Self::session(session), key, turn));
        self.world.cancel(key);
    }

    /// Queues on which a session consumes are looked at again.
    pub(super) fn resume(&mut self, session: u32) -> Result<(), String> {
        let of = |q: &model::Queue| q.consumers.iter().any(|c| c.session == session);
        let uids: Vec<u64> = self.world.queues.iter().filter(|q| of(q)).map(|q| q.uid).collect();
        for uid in uids {
            // Queues share the session's credit: what one reads comes before another gets its share.
            self.let_come()?;
            let Some(handle) = self.handles.get(&uid).cloned() else { continue };
            self.rig().turn(|rig, turn| rig.broker.resume(&handle, turn));
            self.world.resume(uid);
        }
        Ok(())
    }

    /// The consumers of a session end.
    fn cancel_all(&mut self, session: u32) -> Result<(), String> {
        let of_session = |q: &model::Queue| {
            q.consumers.iter().filter(|c| c.session == session).map(|c| (q.uid, c.key)).collect::<Vec<_>>()
        };
        let consumers: Vec<(u64, u32)> = self.world.queues.iter().flat_map(of_session).collect();
        for (uid, key) in consumers {
            self.cancel_one(uid, session, key);
            // Who is served alone after it gets what is read before it goes, too.
            self.let_come()?;
        }
        Ok(())
    }

    /// The connection goes: its consumers end, what it holds fails, its queues go.
    fn disconnect(&mut self, session: u32) -> Result<(), String> {
        self.cancel_all(session)?;
        let all = Settle { which: 0, count: usize::MAX, how: Outcome::Fail };
        while let Some(held) = self.take_held(&all, Some(session)) {
            let (uid, seqs) = (held[0].uid, held.iter().map(|h| h.seq).collect::<Vec<_>>());
            let handle = self.handles[&uid].clone();
            self.rig().settle(&handle, Self::session(session), None, &seqs, all.how);
            self.world.settle(session, &(uid, None, held.iter().map(|h| h.place).collect(), all.how));
            self.let_come()?;
        }
        self.close_session(session);
        Ok(())
    }

    /// The connection is gone: its consumers end, what it holds comes back, its queues go.
    fn vanish(&mut self, session: u32) -> Result<(), String> {
        self.cancel_all(session)?;
        let uids: Vec<u64> = self.world.queues.iter().map(|q| q.uid).collect();
        for uid in uids {
            // What came back first may have moved on and taken a queue along.
            if self.world.queues.iter().any(|q| q.uid == uid) {
                let handle = self.handles[&uid].clone();
                self.rig().turn(|rig, turn| rig.broker.take_back(&handle, Self::session(session), turn));
                self.world.take_back(session, uid);
                self.let_come()?;
            }
        }
        self.held.retain(|held| held.session != session);
        self.close_session(session);
        Ok(())
    }

    fn close_session(&mut self, session: u32) {
        self.rig().turn(|rig, turn| rig.broker.close_session(Self::session(session), turn));
        self.world.close_session(session);
        // The numbers are used again by the next connection.
        self.reset_credit(session);
    }

    fn grant(&mut self, session: u32) -> Result<(), String> {
        let bytes = self.setup.bytes;
        self.credits[&session].0.store(bytes, Ordering::Relaxed);
        self.world.allowances.get_mut(&session).expect("a session").bytes = bytes;
        self.resume(session)
    }

    /// At the end everything that is ready comes out in order. Tells what the case came to.
    pub fn finish(mut self) -> Result<Reached, String> {
        for session in 1..=SESSIONS {
            self.step(&Op::Disconnect(session))?;
        }
        for slot in 0..SLOTS {
            while !self.setup.slots[slot].policy.single_active_consumer
                && self.world.queue(&name(slot)).is_some_and(|q| !q.ready.is_empty())
            {
                self.step(&Op::Get(slot, 1, true))?;
            }
        }
        self.count_files()?;
        self.rig.take().expect("the broker runs").close();
        self.reached.died = std::mem::take(&mut self.world.died);
        Ok(self.reached)
    }
}
