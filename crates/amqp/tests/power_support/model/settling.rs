//! The rest of what a broker must do: deliveries come and end, queues are purged, transactions and channels end.

use super::super::ledger::{Effect, Step};
use super::super::universe;
use super::super::wire::Content;
use super::{At, End, Model};

impl Model {
    pub fn consume(&mut self, at: At, queue: &str, begin: bool) {
        if let Some(queue) = self.queues.get_mut(queue) {
            queue.consumer = begin.then_some(at);
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
        let settled = self.transactions.get(&at).map(|tx| tx.acks.clone()).unwrap_or_default();
        let mut all = Vec::new();
        for (name, queue) in &self.queues {
            for (holder, tag) in queue.copies.iter().filter_map(|copy| copy.lease) {
                if holder == at && !settled.contains(&tag) {
                    all.push((tag, name.clone()));
                }
            }
        }
        all.sort();
        all
    }

    /// Deliveries of one queue end, outside of transactions unless they are only acknowledged.
    pub fn settle(&mut self, at: At, tags: &[u64], end: End) {
        if let Some(transaction) = self.transactions.get_mut(&at) {
            assert_eq!(end, End::Done, "transactions only acknowledge here");
            transaction.acks.extend(tags);
            return;
        }
        match end {
            End::Done => {
                let steps = self.remove(at, tags);
                if !steps.is_empty() {
                    self.happens(at, "", Effect::Messages(steps));
                }
            }
            End::Back => self.put_back(at, |tag| tags.contains(&tag)),
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

    fn put_back(&mut self, at: At, mut back: impl FnMut(u64) -> bool) {
        for queue in self.queues.values_mut() {
            for copy in &mut queue.copies {
                copy.lease = copy.lease.filter(|(holder, tag)| *holder != at || !back(*tag));
            }
        }
        self.overflow(&["short".to_owned()]);
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
        let mut steps = self.remove(at, &transaction.acks);
        let mut touched = Vec::new();
        for (route, id, persistent) in &transaction.publishes {
            let content = Content { id: *id, dead: false };
            self.put(route, &content, *persistent, &mut steps);
            touched.extend(route.iter().map(|(name, _)| name.clone()));
        }
        let mut speaks = 0;
        if !steps.is_empty() {
            self.happens(at, "", Effect::Messages(steps));
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
        for queue in self.queues.values_mut().filter(|queue| queue.consumer == Some(at)) {
            queue.consumer = None;
        }
        self.put_back(at, |_| true);
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
