//! The hand-overs not yet settled, by sequence: nearly always given and settled in order.

use narumq_model::{Lsn, Message, Seq, SessionId, Time};
use std::collections::VecDeque;

/// One hand-over.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    /// Who has it.
    pub(crate) session: SessionId,
    /// When it ends by itself, [`Time::NEVER`] if only by settling or the connection's end.
    #[expect(dead_code, reason = "its place in the type; the first door whose leases have deadlines will read it")]
    pub(crate) until: Time,
    /// Its entry in the log; `Lsn(0)` if it is in none.
    pub(crate) lsn: Lsn,
    /// The message, so that it can come back.
    pub(crate) message: Message,
}

/// Leases in ascending order of sequence; settled ones leave holes that go when they reach the front.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    entries: VecDeque<(Seq, Option<Lease>)>,
    live: usize,
}

impl Leases {
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    #[inline]
    pub(crate) fn insert(&mut self, seq: Seq, lease: Lease) {
        self.live += 1;
        match self.entries.back() {
            Some((last, _)) if *last >= seq => {
                let at = self.entries.partition_point(|(s, _)| *s < seq);
                match self.entries.get_mut(at) {
                    Some((s, slot)) if *s == seq => *slot = Some(lease),
                    _ => self.entries.insert(at, (seq, Some(lease))),
                }
            }
            _ => self.entries.push_back((seq, Some(lease))),
        }
    }

    /// Ends a lease if `session` holds it.
    #[inline]
    pub(crate) fn remove(&mut self, seq: Seq, session: SessionId) -> Option<Lease> {
        let at = match self.entries.front() {
            Some((first, _)) if *first == seq => 0,
            _ => self.entries.partition_point(|(s, _)| *s < seq),
        };
        let (found, slot) = self.entries.get_mut(at)?;
        if *found != seq || slot.as_ref().is_none_or(|l| l.session != session) {
            return None;
        }
        let lease = slot.take();
        self.live -= 1;
        while matches!(self.entries.front(), Some((_, None))) {
            self.entries.pop_front();
        }
        if self.entries.len() > 2 * self.live + 64 {
            self.entries.retain(|(_, slot)| slot.is_some());
        }
        if self.entries.is_empty() && self.entries.capacity() > 4096 {
            self.entries = VecDeque::new();
        }
        lease
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Seq, &Lease)> {
        self.entries.iter().filter_map(|(seq, slot)| slot.as_ref().map(|lease| (*seq, lease)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use narumq_model::FormatId;

    fn lease(session: SessionId) -> Lease {
        let message = Message::from_data(bytes::Bytes::new(), 0, 0, 0, FormatId(1));
        Lease { session, until: Time::NEVER, lsn: Lsn(0), message }
    }

    #[test]
    fn any_order_of_settling_and_of_coming_back() {
        let (me, other) =
            (SessionId { worker: 0, index: 1, generation: 0 }, SessionId { worker: 0, index: 2, generation: 0 });
        let mut leases = Leases::default();
        for n in [5, 6, 7, 3, 9, 8] {
            leases.insert(Seq(n), lease(me));
        }
        assert!(leases.remove(Seq(7), other).is_none(), "another's lease");
        assert!(leases.remove(Seq(7), me).is_some());
        assert!(leases.remove(Seq(7), me).is_none(), "settled twice");
        leases.insert(Seq(7), lease(me));
        assert_eq!(leases.iter().map(|(s, _)| s.0).collect::<Vec<_>>(), [3, 5, 6, 7, 8, 9]);
        for n in [3, 5, 6, 7, 8, 9] {
            assert!(leases.remove(Seq(n), me).is_some());
        }
        assert_eq!(leases.len(), 0);
    }
}
