//! The consumers of one queue: who is next, by priority, then in turn, if it has credit.

use bytes::Bytes;
use narumq_model::{Headers, Message, SessionId};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A shared allowance: of a connection in bytes, of a channel in messages. What is handed over is taken off; consumers whose
/// allowance is used up are skipped until they are resumed. It may fall below 0 by one hand-over.
pub type Credit = Arc<AtomicI64>;

/// What is asked of a new consumer.
#[derive(Clone, Debug)]
pub struct ConsumerSpec {
    /// Whose it is.
    pub session: SessionId,
    /// The session's own key for it: comes back in every delivery. Unique in the session.
    pub key: u32,
    /// Shown in listings.
    pub tag: Bytes,
    /// The stream of the connection that it belongs to, shown in listings; 0 if the protocol has none.
    pub channel: u16,
    /// Messages that it may have unsettled, 0 = unlimited. Of no meaning when `takes` is true.
    pub prefetch: u32,
    /// Takes without settling: a hand-over is final.
    pub takes: bool,
    /// Wants the queue for itself.
    pub exclusive: bool,
    /// Higher ones are served first.
    pub priority: i32,
    /// The connection's allowance in bytes.
    pub bytes: Credit,
    /// The channel's allowance in messages, if it has one.
    pub shared: Option<Credit>,
    /// The arguments as sent.
    pub arguments: Headers,
}

#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) spec: ConsumerSpec,
    pub(crate) unsettled: u32,
    /// Counts the consumers that came to the queue.
    arrival: u64,
}

/// What a delivery takes off a connection's allowance.
pub fn delivery_cost(message: &Message) -> i64 {
    (message.body().len() + 64) as i64
}

impl Consumer {
    #[inline]
    fn has_credit(&self) -> bool {
        let spec = &self.spec;
        spec.bytes.load(Ordering::Relaxed) > 0
            && (spec.takes
                || ((spec.prefetch == 0 || self.unsettled < spec.prefetch)
                    && spec.shared.as_ref().is_none_or(|s| s.load(Ordering::Relaxed) > 0)))
    }

    /// Takes one hand-over off what it may have.
    #[inline]
    pub(crate) fn charge(&mut self, message: &Message) {
        self.spec.bytes.fetch_sub(delivery_cost(message), Ordering::Relaxed);
        if !self.spec.takes {
            self.unsettled += 1;
            if let Some(shared) = &self.spec.shared {
                shared.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

/// The consumers of a queue, higher priorities first, in the order in which they came within one.
#[derive(Debug, Default)]
pub(crate) struct Consumers {
    list: Vec<Consumer>,
    arrivals: u64,
    /// Whose turn it was last: priority and arrival, for each priority that was served.
    served: Vec<(i32, u64)>,
}

impl Consumers {
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Consumer> {
        self.list.iter()
    }

    pub(crate) fn add(&mut self, spec: ConsumerSpec) {
        let at = self.list.partition_point(|c| c.spec.priority >= spec.priority);
        self.arrivals += 1;
        self.list.insert(at, Consumer { spec, unsettled: 0, arrival: self.arrivals });
    }

    pub(crate) fn remove(&mut self, session: SessionId, key: u32) -> Option<Consumer> {
        let consumer = self.list.remove(self.position(session, key)?);
        let priority = consumer.spec.priority;
        if self.list.iter().all(|c| c.spec.priority != priority) {
            self.served.retain(|(p, _)| *p != priority);
        }
        Some(consumer)
    }

    pub(crate) fn find_mut(&mut self, session: SessionId, key: u32) -> Option<&mut Consumer> {
        let at = self.position(session, key)?;
        self.list.get_mut(at)
    }

    fn position(&self, session: SessionId, key: u32) -> Option<usize> {
        self.list.iter().position(|c| c.spec.session == session && c.spec.key == key)
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Consumer> {
        self.served.clear();
        self.list.drain(..)
    }

    /// Who gets the next message: of the highest priority that has credit, whoever comes after the one served last. With
    /// `single`, only that consumer is served.
    #[inline]
    pub(crate) fn next(&mut self, single: Option<(SessionId, u32)>) -> Option<&mut Consumer> {
        if let Some((session, key)) = single {
            return self.find_mut(session, key).filter(|c| c.has_credit());
        }
        let mut from = 0;
        while let Some(first) = self.list.get(from) {
            let priority = first.spec.priority;
            let level = &self.list[from..];
            let level = &level[..level.partition_point(|c| c.spec.priority >= priority)];
            let served = self.served.iter_mut().find(|(p, _)| *p == priority);
            let begin = served.as_ref().map_or(0, |(_, last)| level.partition_point(|c| c.arrival <= *last));
            let (behind, ahead) = level.split_at(begin);
            let found = ahead.iter().position(Consumer::has_credit).map(|at| begin + at);
            if let Some(at) = found.or_else(|| behind.iter().position(Consumer::has_credit)) {
                let arrival = level[at].arrival;
                match served {
                    Some((_, last)) => *last = arrival,
                    None => self.served.push((priority, arrival)),
                }
                return self.list.get_mut(from + at);
            }
            from += level.len();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(key: u32, priority: i32, prefetch: u32) -> ConsumerSpec {
        ConsumerSpec {
            session: SessionId { worker: 0, index: 0, generation: 0 },
            key,
            tag: Bytes::new(),
            channel: 0,
            prefetch,
            takes: false,
            exclusive: false,
            priority,
            bytes: Arc::new(AtomicI64::new(1 << 20)),
            shared: None,
            arguments: Headers::default(),
        }
    }

    fn serve(consumers: &mut Consumers, count: usize) -> Vec<u32> {
        let message = Message::from_data(Bytes::new(), 0, 0, 0, narumq_model::FormatId(1));
        (0..count)
            .map_while(|_| {
                consumers.next(None).map(|c| {
                    c.charge(&message);
                    c.spec.key
                })
            })
            .collect()
    }

    #[test]
    fn in_turn_and_by_priority_as_long_as_there_is_credit() {
        let mut consumers = Consumers::default();
        consumers.add(spec(1, 0, 0));
        consumers.add(spec(2, 0, 0));
        consumers.add(spec(3, 5, 2));
        assert_eq!(serve(&mut consumers, 6), [3, 3, 1, 2, 1, 2]);
        consumers.remove(SessionId { worker: 0, index: 0, generation: 0 }, 1);
        assert_eq!(serve(&mut consumers, 2), [2, 2]);
    }

    #[test]
    fn a_turn_goes_on_where_it_was_whatever_higher_priorities_do() {
        let mut consumers = Consumers::default();
        (1..=3).for_each(|key| consumers.add(spec(key, 0, 0)));
        assert_eq!(serve(&mut consumers, 2), [1, 2]);
        consumers.add(spec(9, 5, 1));
        assert_eq!(serve(&mut consumers, 3), [9, 3, 1]);
        consumers.remove(SessionId { worker: 0, index: 0, generation: 0 }, 1);
        consumers.add(spec(4, 0, 0));
        assert_eq!(serve(&mut consumers, 4), [2, 3, 4, 2]);
    }

    #[test]
    fn without_credit_nobody_is_next() {
        let mut consumers = Consumers::default();
        consumers.add(spec(1, 0, 1));
        assert_eq!(serve(&mut consumers, 3), [1]);
    }
}
