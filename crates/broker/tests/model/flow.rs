//! What follows from a change: messages are handed over, dropped, expire, and go where the dead go.

use super::{COST, Consumer, Dead, Death, Handed, Message, NEVER, Queue, World};
use narumq_model::DeathReason;

impl World {
    pub(super) fn settle_in(&mut self, uid: u64) {
        self.appear(uid);
        self.dispatch(uid);
        self.overflow(uid);
        self.expire(uid);
    }

    /// What has become visible, and what was handed over for too long, comes to its place.
    pub(super) fn appear(&mut self, uid: u64) {
        let (Some(at), now) = (self.at(uid), self.now) else { return };
        let queue = &mut self.queues[at];
        let visible: Vec<Message> = queue.delayed.extract_if(.., |m| m.visible_at <= now).collect();
        let ended: Vec<(u32, Message)> = queue.leased.extract_if(.., |(_, m)| m.until <= now).collect();
        let ended = ended.into_iter().map(|(_, m)| Message { redelivered: true, ..m });
        queue.ready.extend(visible.into_iter().chain(ended).map(|m| Message { visible_at: 0, until: NEVER, ..m }));
    }

    fn dispatch(&mut self, uid: u64) {
        let Some(at) = self.at(uid) else { return };
        while !self.queues[at].consumers.is_empty() {
            if self.kill_top(at) {
                continue;
            }
            let (Some(top), Some(to)) = (self.queues[at].top(), self.next_consumer(at)) else { return };
            let mut message = self.queues[at].ready.remove(top);
            let handed = handed(&self.queues[at], &message);
            let queue = &mut self.queues[at];
            let until = queue.lease_until(self.now);
            let consumer = &mut queue.consumers[to];
            let allowance = self.allowances.get_mut(&consumer.session).expect("a session");
            allowance.bytes -= message.len as i64 + COST;
            queue.served.insert(consumer.priority, consumer.arrival);
            if !consumer.takes {
                consumer.unsettled += 1;
                allowance.shared -= i64::from(consumer.shared);
                message.hand_overs += 1;
                let session = consumer.session;
                message.until = until;
                queue.leased.push((session, message));
            }
            self.handed.entry(consumer.key).or_default().push(handed);
        }
    }

    /// The next message dies if it may not be handed over any more.
    pub(super) fn kill_top(&mut self, at: usize) -> bool {
        let queue = &self.queues[at];
        let Some(top) = queue.top() else { return false };
        let message = &queue.ready[top];
        let reason = if message.expires_at < self.now {
            DeathReason::Expired
        } else if queue.policy.hand_over_limit.is_some_and(|limit| message.hand_overs >= limit) {
            DeathReason::DeliveryLimit
        } else {
            return false;
        };
        self.kill(at, top, reason);
        true
    }

    /// Who is next: the active one alone, or of the highest priority that has credit the first behind who was served last.
    fn next_consumer(&self, at: usize) -> Option<usize> {
        let queue = &self.queues[at];
        let may = |c: &Consumer| self.has_credit(c);
        if queue.policy.single_active_consumer {
            return queue.consumers.iter().position(|c| Some(c.key) == queue.active && may(c));
        }
        let highest = queue.consumers.iter().filter(|c| may(c)).map(|c| c.priority).max()?;
        let last = queue.served.get(&highest).copied().unwrap_or(0);
        let candidates = || {
            (0..queue.consumers.len()).filter(|n| {
                let consumer = &queue.consumers[*n];
                consumer.priority == highest && may(consumer)
            })
        };
        let behind = candidates().filter(|n| queue.consumers[*n].arrival > last);
        let arrival = |n: &usize| queue.consumers[*n].arrival;
        behind.min_by_key(arrival).or_else(|| candidates().min_by_key(arrival))
    }

    fn has_credit(&self, consumer: &Consumer) -> bool {
        let allowance = self.allowances[&consumer.session];
        allowance.bytes > 0
            && (consumer.takes
                || (consumer.prefetch == 0 || consumer.unsettled < consumer.prefetch)
                    && (!consumer.shared || allowance.shared > 0))
    }

    fn overflow(&mut self, uid: u64) {
        let Some(at) = self.at(uid) else { return };
        while self.queues[at].over_limit() {
            let Some(top) = self.queues[at].top() else { return };
            let too_old = self.queues[at].ready[top].expires_at <= self.now;
            self.kill(at, top, if too_old { DeathReason::Expired } else { DeathReason::MaxLength });
        }
    }

    /// In each level, what is due dies as long as it stands first.
    pub(super) fn expire(&mut self, uid: u64) {
        let Some(at) = self.at(uid) else { return };
        for level in 0..=u8::MAX {
            loop {
                let queue = &self.queues[at];
                let in_level = (0..queue.ready.len()).filter(|n| queue.level(&queue.ready[*n]) == level);
                let Some(first) = in_level.min_by_key(|n| queue.ready[*n].place) else { break };
                if queue.ready[first].expires_at > self.now {
                    break;
                }
                self.kill(at, first, DeathReason::Expired);
            }
        }
    }

    fn kill(&mut self, at: usize, which: usize, reason: DeathReason) {
        let message = self.queues[at].ready.remove(which);
        self.die(at, message, reason);
    }

    pub(super) fn die(&mut self, at: usize, message: Message, reason: DeathReason) {
        *self.died.entry(name_of(reason)).or_default() += 1;
        let queue = &self.queues[at];
        if queue.policy.dead_letter_exchange.is_some() {
            self.dead.push(Dead { uid: queue.uid, refused: false, message, reason });
        }
    }

    /// What a call owes before it returns.
    pub(super) fn after(&mut self) {
        while !self.dead.is_empty() || !self.unused.is_empty() {
            for dead in std::mem::take(&mut self.dead) {
                self.bury(dead);
            }
            for uid in std::mem::take(&mut self.unused) {
                let Some(at) = self.at(uid) else { continue };
                let queue = &self.queues[at];
                let left = queue.auto_delete && queue.had_consumer && queue.consumers.is_empty();
                if left || self.outlived(queue) {
                    self.remove(uid);
                }
            }
        }
    }

    pub(super) fn outlived(&self, queue: &Queue) -> bool {
        queue.consumers.is_empty() && queue.policy.expires_ms.is_some_and(|ms| queue.last_used + ms <= self.now)
    }

    fn bury(&mut self, dead: Dead) {
        let Dead { uid, refused, mut message, reason } = dead;
        // A queue that has been deleted takes its dead along.
        let Some(at) = self.at(uid) else {
            assert!(!refused, "the test deletes no queue while it refuses");
            return;
        };
        let queue = &self.queues[at];
        let Some(exchange) = queue.policy.dead_letter_exchange.as_deref() else { return };
        let story = &mut message.story;
        let known = story.deaths.iter().position(|d| d.queue == queue.name && d.reason == reason);
        let death = match known {
            Some(at) => {
                let death = story.deaths.remove(at);
                Death { count: death.count + 1, ..death }
            }
            None => Death {
                queue: queue.name.clone(),
                reason,
                count: 1,
                exchange: story.exchange.clone(),
                keys: story.keys.clone(),
            },
        };
        story.first.get_or_insert((queue.name.clone(), reason, story.exchange.clone()));
        story.deaths.insert(0, death);
        story.exchange = exchange.to_owned();
        if let Some(key) = &queue.policy.dead_letter_key {
            story.keys = vec![String::from_utf8(key.to_vec()).expect("text")];
        }
        message =
            Message { expires_at: NEVER, visible_at: 0, failures: 0, hand_overs: 0, redelivered: false, ..message };
        let targets = self.route(exchange, &message.story.keys);
        let fits = |uid: &u64| {
            let target = &self.queues[self.at(*uid).expect("routed to")];
            !Self::circles(&message.story.deaths, &target.name) && target.admits(message.len, (0, 0))
        };
        let targets: Vec<u64> = targets.into_iter().filter(fits).collect();
        for target in targets {
            self.enter(target, message.clone());
            self.settle_in(target);
        }
    }

    /// Puts a message behind all others of a queue.
    pub(super) fn enter(&mut self, uid: u64, mut message: Message) {
        let (at, now) = (self.at(uid).expect("a queue"), self.now);
        let queue = &mut self.queues[at];
        queue.places += 1;
        message.place = queue.places;
        if let Some(ttl) = queue.policy.message_ttl_ms {
            message.expires_at = message.expires_at.min(now + ttl);
        }
        let delay = queue.policy.delay_ms.filter(|_| message.visible_at == 0);
        message.visible_at = delay.map_or(message.visible_at, |delay| now + delay);
        if message.visible_at > now {
            queue.delayed.push(message);
        } else {
            queue.ready.push(Message { visible_at: 0, ..message });
        }
    }

    pub(super) fn remove(&mut self, uid: u64) {
        let Some(at) = self.at(uid) else { return };
        let queue = self.queues.remove(at);
        self.bindings.retain(|(_, to)| *to != queue.name);
        self.cancelled.extend(queue.consumers.iter().map(|c| c.key));
    }

    pub(super) fn refuse(&mut self, uid: u64, message: &Message) {
        let policy = &self.queues[self.at(uid).expect("a queue")].policy;
        if policy.overflow == narumq_model::Overflow::RejectDeadLetter && policy.dead_letter_exchange.is_some() {
            self.dead.push(Dead { uid, refused: true, message: message.clone(), reason: DeathReason::MaxLength });
        }
    }

    pub(super) fn leave_unused(&mut self, uid: u64) {
        self.unused.push(uid);
    }
}

fn name_of(reason: DeathReason) -> &'static str {
    match reason {
        DeathReason::Rejected => "rejected",
        DeathReason::Expired => "expired",
        DeathReason::MaxLength => "too many",
        DeathReason::DeliveryLimit => "failed too often",
    }
}

/// What is seen of a message as it is handed over.
pub(super) fn handed(queue: &Queue, message: &Message) -> Handed {
    Handed {
        uid: queue.uid,
        place: message.place,
        id: message.id,
        redelivered: message.redelivered,
        failures: message.failures,
        hand_overs: message.hand_overs,
        story: message.story.clone(),
    }
}
