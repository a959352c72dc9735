//! The rest of what a broker must do: deliveries come and end, queues are purged, transactions and channels end.

use super::super::Reached;
use super::super::ledger::{Effect, Step};
use super::super::universe::{self, RETURNS};
use super::super::wire::Content;
use super::{At, End, Model};

impl Model {
    pub fn consume(&mut self, at: At, queue: &str, begin: bool) {
        if let Some(queue) = self.queues.get_mut(queue) {
            queue.consumer = begin.then_some(at);
        }
        if !begin {
            self.leave(queue);
        }
    }

    /// A queue has lost its last consumer: one goes with it, and no answer speaks for that.
    fn leave(&mut self, name: &str) {
        if name == "leaving" && self.queues.remove(name).is_some() {
            Reached::LeftWithItsConsumer.note();
            let effects = self.ledger.happens(Effect::NoQueue(name.to_owned()));
            self.about.insert(name.to_owned(), effects);
        }
    }

    /// A delivery has come. False if there was nothing of the kind to be delivered.
    pub fn delivered(&mut self, at: At, queue: &str, tag: u64, content: &Content) -> bool {
        self.tags.insert(at, tag);
        self.ledger.handed.insert((queue.to_owned(), content.clone()));
        let Some(queue) = self.queues.get_mut(queue).filter(|queue| queue.consumer == Some(at)) else { return false };
        let copy = queue.copies.iter_mut().find(|c| c.lease.is_none() && c.stored.content == *content);
        copy.map(|copy| copy.lease = Some((at, tag))).is_some()
    }

    /// The deliveries that a channel has in hand and no transaction has settled: tag and queue.
    pub fn in_hand(&self, at: At) -> Vec<(u64, String)> {
        let settled = self.transactions.get(&at).map(|tx| tx.settled.clone()).unwrap_or_default();
        let mut all = Vec::new();
        for (name, queue) in &self.queues {
            for (holder, tag) in queue.copies.iter().filter_map(|copy| copy.lease) {
                if holder == at && settled.iter().all(|(settled, _)| *settled != tag) {
                    all.push((tag, name.clone()));
                }
            }
        }
        all.sort();
        all
    }

    /// Deliveries of one queue end; in a transaction they do not come back.
    pub fn settle(&mut self, at: At, tags: &[u64], end: End) {
        if let Some(transaction) = self.transactions.get_mut(&at) {
            assert!(matches!(end, End::Done | End::Dead), "transactions bring nothing back here");
            transaction.settled.extend(tags.iter().map(|tag| (*tag, end)));
            return;
        }
        match end {
            End::Done => {
                let steps = self.remove(at, tags);
                if !steps.is_empty() {
                    self.happens(at, "", Effect::Messages(steps));
                }
            }
            End::Back | End::Failed => self.put_back(at, end == End::Failed, |tag| tags.contains(&tag)),
            End::Dead => tags.iter().for_each(|tag| self.reject(at, *tag)),
        }
    }

    /// Takes deliveries out of their queues.
    fn remove(&mut self, at: At, tags: &[u64]) -> Vec<Step> {
        let mut steps = Vec::new();
        for (name, queue) in &mut self.queues {
            queue.copies.retain(|copy| {
                let gone = copy.lease.is_some_and(|(holder, tag)| holder == at && tags.contains(&tag));
                if gone && copy.is_durable(name) {
                    steps.push(Step::Remove(name.clone(), copy.stored.copy));
                }
                !gone
            });
        }
        steps
    }

    fn put_back(&mut self, at: At, failed: bool, mut back: impl FnMut(u64) -> bool) {
        let mut counted = Vec::new();
        for (name, queue) in &mut self.queues {
            for copy in &mut queue.copies {
                if let Some((_, tag)) = copy.lease.filter(|(holder, tag)| *holder == at && back(*tag)) {
                    copy.lease = None;
                    if failed && name == "limited" {
                        counted.push((tag, copy.stored.copy));
                    }
                }
            }
        }
        self.count(at, counted);
        self.overflow(&["short".to_owned()]);
        self.expire();
    }

    /// Messages of `limited` have come back, by tag; those that have too often die, after all others are counted.
    fn count(&mut self, at: At, mut counted: Vec<(u64, u64)>) {
        counted.sort_unstable();
        let mut doomed = Vec::new();
        for (_, number) in counted {
            let copies = self.queues.get_mut("limited").map(|queue| &mut queue.copies);
            let Some(copy) = copies.and_then(|copies| copies.iter_mut().find(|c| c.stored.copy == number)) else {
                return;
            };
            if copy.stored.content.returns == RETURNS {
                Reached::ReturnedTooOften.note();
                doomed.push(number);
                continue;
            }
            copy.stored.content.returns += 1;
            if copy.is_durable("limited") {
                let step = Step::Count("limited".to_owned(), number, copy.stored.content.returns);
                self.ledger.happens(Effect::Messages(vec![step]));
            }
        }
        for number in doomed {
            if let Some(moves) = self.bury("limited", number) {
                self.happens(at, "", moves);
            }
        }
    }

    fn reject(&mut self, at: At, tag: u64) {
        let held = |(name, queue): (&String, &super::Queue)| {
            let copy = queue.copies.iter().find(|copy| copy.lease == Some((at, tag)))?;
            Some((name.clone(), copy.stored.copy))
        };
        let Some((name, copy)) = self.queues.iter().find_map(held) else { return };
        if universe::dead_letters(&name).is_some() {
            if let Some(moves) = self.bury(&name, copy) {
                self.happens(at, "", moves);
            }
        } else {
            let steps = self.remove(at, &[tag]);
            if !steps.is_empty() {
                self.happens(at, "", Effect::Messages(steps));
            }
        }
    }

    /// Drops what is ready; returns what the answer speaks for: nothing if nothing was dropped.
    pub fn purge(&mut self, at: At, name: &str) -> usize {
        let Some(queue) = self.queues.get_mut(name) else { return 0 };
        let mut steps = Vec::new();
        queue.copies.retain(|copy| {
            if copy.lease.is_none() && copy.is_durable(name) {
                steps.push(Step::Remove(name.to_owned(), copy.stored.copy));
            }
            copy.lease.is_some()
        });
        if steps.is_empty() {
            return 0;
        }
        self.happens(at, "", Effect::Messages(steps));
        self.of_channel(at)
    }

    /// From now on the channel's publishes and acknowledgements wait for a commit.
    pub fn begin(&mut self, at: At) {
        self.transactions.entry(at).or_default();
    }

    /// All of it happens at once; returns what the answer speaks for.
    pub fn commit(&mut self, at: At) -> usize {
        let Some(transaction) = self.transactions.get_mut(&at).map(std::mem::take) else { return 0 };
        let dies = |tag: &u64| {
            let mine = |queue: &super::Queue| queue.copies.iter().any(|copy| copy.lease == Some((at, *tag)));
            self.queues.get("rejecting").is_some_and(mine)
        };
        let (dead, rest): (Vec<_>, Vec<_>) =
            transaction.settled.into_iter().partition(|(tag, end)| *end == End::Dead && dies(tag));
        let mut steps = self.remove(at, &rest.into_iter().map(|(tag, _)| tag).collect::<Vec<_>>());
        let mut touched = Vec::new();
        for (route, id, persistent) in &transaction.publishes {
            let content = Content { id: *id, dead: false, returns: 0 };
            self.put(route, &content, *persistent, &mut steps);
            touched.extend(route.iter().map(|(name, _)| name.clone()));
        }
        let mut speaks = 0;
        if !steps.is_empty() {
            self.happens(at, "", Effect::Messages(steps));
            speaks = self.of_channel(at);
        }
        for (tag, _) in dead {
            Reached::RejectedInATransaction.note();
            self.reject(at, tag);
            speaks = self.of_channel(at);
        }
        self.overflow(&touched);
        speaks
    }

    pub fn rollback(&mut self, at: At) {
        if let Some(transaction) = self.transactions.get_mut(&at) {
            *transaction = Default::default();
        }
    }

    /// A channel ends; returns what the answer speaks for.
    pub fn end_channel(&mut self, at: At) -> usize {
        self.transactions.remove(&at);
        let consumed = self.queues.iter_mut().filter(|(_, queue)| queue.consumer == Some(at));
        let left: Vec<String> = consumed.map(|(name, queue)| (queue.consumer = None, name.clone()).1).collect();
        left.iter().for_each(|name| self.leave(name));
        self.put_back(at, true, |_| true);
        self.tags.remove(&at);
        self.by_channel.remove(&at).unwrap_or(0)
    }

    /// A connection ends with all that it had; returns what the answer speaks for.
    pub fn end_connection(&mut self, connection: usize, channels: &[u16]) -> usize {
        for channel in channels {
            self.end_channel((connection, *channel));
        }
        if connection == 0 {
            self.delete_queue((0, 0), "own");
        }
        self.by_connection.remove(&connection).unwrap_or(0)
    }
}
