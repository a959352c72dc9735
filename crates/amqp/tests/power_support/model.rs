//! What a broker must do, told as effects in the order in which it does it.

mod definitions;
mod settling;

use super::Reached;
use super::ledger::{Durable, Effect, Ledger, Step, Stored, reached};
use super::universe::{self, AGE_MS, SHORT, STRICT};
use super::wire::{Content, priority};
use std::collections::{BTreeMap, BTreeSet};

/// Queues by name and birth.
type Route = Vec<(String, u64)>;

/// A channel: connection and number.
pub type At = (usize, u16);

/// A message in a queue.
#[derive(Clone, Debug)]
struct Copy {
    stored: Stored,
    persistent: bool,
    /// The channel that has it in hand, and under which tag.
    lease: Option<(At, u64)>,
}

impl Copy {
    fn is_durable(&self, queue: &str) -> bool {
        self.persistent && universe::outlives(queue)
    }
}

#[derive(Debug, Default)]
struct Queue {
    /// Tells it from others of the same name.
    born: u64,
    copies: Vec<Copy>,
    consumer: Option<At>,
}

/// How deliveries end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Done,
    Back,
    /// Back, and counted as returned.
    Failed,
    Dead,
}

/// What a channel does at its commit.
#[derive(Debug, Default)]
struct Transaction {
    /// Where to, which message, and whether it is persistent.
    publishes: Vec<(Route, u64, bool)>,
    settled: Vec<(u64, End)>,
}

/// The broker as it must be.
#[derive(Debug, Default)]
pub struct Model {
    pub ledger: Ledger,
    queues: BTreeMap<String, Queue>,
    exchanges: BTreeSet<String>,
    bindings: BTreeSet<(String, String, String)>,
    transactions: BTreeMap<At, Transaction>,
    tags: BTreeMap<At, u64>,
    /// How many effects there were after the last one of a channel, or about a thing.
    by_channel: BTreeMap<At, usize>,
    by_connection: BTreeMap<usize, usize>,
    about: BTreeMap<String, usize>,
    next: u64,
    now: u64,
}

impl Model {
    /// A broker that has started with this.
    pub fn new(base: Durable) -> Self {
        let mut model = Self { next: 1 << 32, ..Self::default() };
        for (name, stored) in &base.queues {
            let copy = |stored: &Stored| Copy { stored: stored.clone(), persistent: true, lease: None };
            let copies: Vec<Copy> = stored.iter().map(copy).collect();
            model.next = copies.iter().map(|c| c.stored.copy + 1).fold(model.next, u64::max);
            let born = model.number();
            model.queues.insert(name.clone(), Queue { born, copies, consumer: None });
        }
        (model.exchanges, model.bindings) = (base.exchanges.clone(), base.bindings.clone());
        model.ledger = Ledger::new(base);
        model
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn happens(&mut self, at: At, about: &str, effect: Effect) {
        let effects = self.ledger.happens(effect);
        self.by_channel.insert(at, effects);
        self.by_connection.insert(at.0, effects);
        if !about.is_empty() {
            self.about.insert(about.to_owned(), effects);
        }
    }

    fn last(&self, about: &str) -> usize {
        self.about.get(about).copied().unwrap_or(0)
    }

    fn of_channel(&self, at: At) -> usize {
        self.by_channel.get(&at).copied().unwrap_or(0)
    }

    pub fn has_queue(&self, name: &str) -> bool {
        self.queues.contains_key(name)
    }

    pub fn has_exchange(&self, name: &str) -> bool {
        self.exchanges.contains(name)
    }

    pub fn consumer(&self, queue: &str) -> Option<At> {
        self.queues.get(queue).and_then(|queue| queue.consumer)
    }

    /// What a start has left too full, its first user brings in order.
    pub fn settle_down(&mut self, now: u64) {
        self.now = now;
        self.overflow(&["short".to_owned()]);
        self.expire();
    }

    /// The clock moves.
    pub fn advance(&mut self, millis: u64) {
        self.now += millis;
        self.expire();
    }

    /// What has come of age in `aging` dies as long as it stands first.
    fn expire(&mut self) {
        let first =
            |queue: &Queue| queue.copies.iter().find(|copy| copy.lease.is_none()).map(|copy| copy.stored.clone());
        while let Some(due) = self.queues.get("aging").and_then(first).filter(|stored| stored.expires <= self.now) {
            Reached::DiedOfAge.note();
            if let Some(moves) = self.bury("aging", due.copy) {
                self.ledger.happens(moves);
            }
        }
    }

    /// Whether all that a queue's consumer is owed is in its hands.
    pub fn is_served(&self) -> bool {
        self.queues.values().all(|q| q.consumer.is_none() || q.copies.iter().all(|copy| copy.lease.is_some()))
    }

    fn route(&self, exchange: &str, key: &str) -> Route {
        let reached =
            if exchange.is_empty() { [key.to_owned()].into() } else { reached(&self.bindings, (exchange, key)) };
        self.queues
            .iter()
            .filter(|(name, _)| reached.contains(*name))
            .map(|(name, queue)| (name.clone(), queue.born))
            .collect()
    }

    /// A publish outside of transactions; returns what its confirm speaks for, `None` if it is refused.
    pub fn publish(&mut self, at: At, (exchange, key): (&str, &str), id: u64, persistent: bool) -> Option<usize> {
        let route = self.route(exchange, key);
        if let Some(transaction) = self.transactions.get_mut(&at) {
            transaction.publishes.push((route, id, persistent));
            return Some(0);
        }
        let content = Content { id, dead: false, returns: 0 };
        let (mut steps, touched) = (Vec::new(), route.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
        if !self.put(&route, &content, persistent, &mut steps) {
            return None;
        }
        let mut speaks = 0;
        if !steps.is_empty() {
            self.happens(at, "", Effect::Messages(steps));
            speaks = self.of_channel(at);
        }
        self.overflow(&touched);
        Some(speaks)
    }

    /// Puts a message into queues. False if one has no room for it: then it is the only one.
    fn put(&mut self, route: &[(String, u64)], content: &Content, persistent: bool, steps: &mut Vec<Step>) -> bool {
        for (name, born) in route {
            let copy = self.number();
            let Some(queue) = self.queues.get_mut(name).filter(|queue| queue.born == *born) else { continue };
            if name == "strict" && queue.copies.iter().filter(|copy| copy.lease.is_none()).count() >= STRICT {
                Reached::Refused.note();
                return false;
            }
            let expires = if name == "aging" { self.now + AGE_MS } else { u64::MAX };
            let stored = Stored { copy, content: content.clone(), expires };
            let copy = Copy { stored: stored.clone(), persistent, lease: None };
            if copy.is_durable(name) {
                steps.push(Step::Put(name.clone(), stored));
            }
            queue.copies.push(copy);
        }
        true
    }

    /// What is too much for `short` dies, unless a consumer is there to take it.
    fn overflow(&mut self, touched: &[String]) {
        if !touched.iter().any(|name| name == "short") {
            return;
        }
        while let Some(queue) = self.queues.get("short").filter(|queue| queue.consumer.is_none()) {
            let ready: Vec<u64> = queue.copies.iter().filter(|c| c.lease.is_none()).map(|c| c.stored.copy).collect();
            if ready.len() <= SHORT {
                return;
            }
            Reached::PushedOut.note();
            // Nobody asked for it: no answer speaks for this.
            if let Some(moves) = self.bury("short", ready[0]) {
                self.ledger.happens(moves);
            }
        }
    }

    fn take(&mut self, queue: &str, copy: u64) -> Option<Copy> {
        let copies = &mut self.queues.get_mut(queue)?.copies;
        let at = copies.iter().position(|c| c.stored.copy == copy)?;
        Some(copies.remove(at))
    }

    /// A dead message moves, as one effect.
    fn bury(&mut self, queue: &str, copy: u64) -> Option<Effect> {
        let copy = self.take(queue, copy)?;
        let mut steps = Vec::new();
        if copy.is_durable(queue) {
            steps.push(Step::Remove(queue.to_owned(), copy.stored.copy));
        }
        if let Some((exchange, key)) = universe::dead_letters(queue)
            && (exchange.is_empty() || self.exchanges.contains(exchange))
        {
            let route = self.route(exchange, key.unwrap_or_default());
            let content = Content { id: copy.stored.content.id, dead: true, returns: 0 };
            self.put(&route, &content, copy.persistent, &mut steps);
        }
        (!steps.is_empty()).then_some(Effect::Messages(steps))
    }

    /// What a `get` finds, which is gone at once if it `takes`.
    pub fn get(&mut self, at: At, name: &str, takes: bool) -> Option<Content> {
        let queue = self.queues.get_mut(name)?;
        let ready = queue.copies.iter_mut().filter(|copy| copy.lease.is_none());
        let lane = |copy: &&mut Copy| {
            let lane = if universe::has_priorities(name) { priority(copy.stored.content.id) } else { 0 };
            std::cmp::Reverse(lane)
        };
        let copy = ready.min_by_key(lane)?;
        let content = copy.stored.content.clone();
        let tag = self.tags.entry(at).or_default();
        *tag += 1;
        copy.lease = Some((at, *tag));
        if takes {
            let copy = copy.stored.copy;
            if let Some(taken) = self.take(name, copy).filter(|taken| taken.is_durable(name)) {
                // Nobody is told that it is gone for good: no answer speaks for this.
                self.ledger.happens(Effect::Messages(vec![Step::Remove(name.to_owned(), taken.stored.copy)]));
            }
        }
        self.ledger.handed.insert((name.to_owned(), content.clone()));
        Some(content)
    }
}
