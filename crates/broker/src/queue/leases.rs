//! The hand-overs not yet settled, with their messages as far as they are in memory.
//!
//! ```text
//! kept   the latest of them and those that are in no log, with their messages
//! bare   the others: seq 8 | session 12 | payload 4 | failures 2 | hand-overs 2 | priority 1 | journaled 1 | 2
//! ```
//! A message that can be read again is let go when too many are kept: should it come back, it comes back cold.

use super::Mark;
use super::held::HeldMemory;
use super::lane::Ready;
use super::sparse::Sparse;
use narumq_model::{Lsn, Message, Seq, SessionId};

/// Memory of kept messages that stays when others are let go.
const KEPT: usize = 64 << 10;

/// One hand-over, its message apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lease {
    /// Who has it.
    session: SessionId,
    payload: u32,
    /// Failed deliveries so far.
    pub(crate) failures: u16,
    /// Hand-overs so far, this one included.
    pub(crate) hand_overs: u16,
    pub(crate) priority: u8,
    /// Whether its message lies in the log.
    pub(crate) journaled: bool,
}

/// One hand-over with its message.
#[derive(Debug)]
struct Kept {
    session: SessionId,
    lsn: Lsn,
    message: Message,
}

impl Kept {
    #[inline]
    fn lease(&self) -> Lease {
        let message = &self.message;
        Lease {
            session: self.session,
            payload: u32::try_from(message.payload_len()).unwrap_or(u32::MAX),
            failures: message.failures,
            hand_overs: message.hand_overs,
            priority: message.priority,
            journaled: self.lsn != Lsn(0),
        }
    }
}

impl Lease {
    /// Payload bytes of its message.
    pub(crate) fn payload_len(&self) -> u64 {
        self.payload.into()
    }

    /// What is to be known of its message, beside what the log says, if it comes back.
    pub(crate) fn mark(&self) -> Mark {
        Mark { redelivered: true, failures: self.failures, hand_overs: self.hand_overs }
    }
}

/// Leases by sequence, each either kept or bare.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    kept: Sparse<Kept>,
    bare: Sparse<Lease>,
    memory: HeldMemory,
}

impl Leases {
    pub(crate) fn len(&self) -> usize {
        self.kept.len() + self.bare.len()
    }

    /// The first message that is handed over.
    pub(crate) fn first(&self) -> Option<Seq> {
        let (kept, bare) = (self.kept.iter().next(), self.bare.iter().next());
        kept.map(|(seq, _)| seq).into_iter().chain(bare.map(|(seq, _)| seq)).min()
    }

    /// Memory of the messages kept, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.memory.bytes()
    }

    /// Notes that `ready` is handed over to `session`.
    #[inline]
    pub(crate) fn insert(&mut self, session: SessionId, ready: Ready) {
        let Ready { seq, lsn, message } = ready;
        self.memory.add(&message);
        self.kept.insert(seq, Kept { session, lsn, message });
    }

    /// Ends a lease if `session` holds it; the message comes with it if it is in memory.
    #[inline]
    pub(crate) fn remove(&mut self, seq: Seq, session: SessionId) -> Option<(Lease, Option<Ready>)> {
        let Some(kept) = self.kept.take(seq, |kept| kept.session == session) else {
            return self.bare.take(seq, |lease| lease.session == session).map(|lease| (lease, None));
        };
        self.memory.remove(&kept.message);
        let lease = kept.lease();
        Some((lease, Some(Ready { seq, lsn: kept.lsn, message: kept.message })))
    }

    /// Lets go of messages that can be read again, the first ones first, if more than `most` bytes are kept.
    pub(crate) fn let_go(&mut self, most: usize, written: Lsn) {
        if !self.memory.is_worth_a_look(most) {
            return;
        }
        let Self { kept, bare, memory } = self;
        kept.retain(|seq, kept| {
            let goes = memory.bytes() > KEPT && kept.lsn != Lsn(0) && kept.lsn <= written;
            if goes {
                memory.remove(&kept.message);
                bare.insert(seq, kept.lease());
            }
            !goes
        });
        self.memory.looked_at();
    }

    /// All of them, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Seq, Lease)> {
        let kept = self.kept.iter().map(|(seq, kept)| (seq, kept.lease()));
        self.bare.iter().map(|(seq, lease)| (seq, *lease)).chain(kept)
    }

    /// Sequences that `session` holds, ascending.
    pub(crate) fn of(&self, session: SessionId) -> Vec<Seq> {
        let mut seqs: Vec<Seq> =
            self.iter().filter(|(_, lease)| lease.session == session).map(|(seq, _)| seq).collect();
        seqs.sort_unstable();
        seqs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use narumq_model::{FormatId, MessageBuilder, MessageParts};

    const ME: SessionId = SessionId { worker: 0, index: 1, generation: 0 };

    fn ready(seq: u64, lsn: u64) -> Ready {
        let parts = MessageParts { payload: &[7; 1000], ..Default::default() };
        Ready { seq: Seq(seq), lsn: Lsn(lsn), message: MessageBuilder::default().build(&parts, FormatId(1)) }
    }

    #[test]
    fn a_bare_lease_takes_32_bytes() {
        assert_eq!(std::mem::size_of::<(Seq, Option<Lease>)>(), 32);
    }

    #[test]
    fn what_can_be_read_again_is_let_go() {
        let mut leases = Leases::default();
        // Every tenth is in no log, the last hundred are not yet written.
        (1..=1_000).for_each(|n| leases.insert(ME, ready(n, if n % 10 == 0 { 0 } else { n })));
        leases.let_go(2 << 20, Lsn(900));
        assert!(leases.memory() > 1_000_000, "there is room");
        leases.let_go(1 << 20, Lsn(900));
        let kept: Vec<u64> = leases.kept.iter().map(|(seq, _)| seq.0).collect();
        assert!(kept.into_iter().eq((1..=1_000).filter(|n| n % 10 == 0 || *n > 900)));
        let other = SessionId { worker: 0, index: 2, generation: 0 };
        assert!(leases.remove(Seq(5), other).is_none(), "another's lease");
        for n in (1..=1_000).rev() {
            let (lease, message) = leases.remove(Seq(n), ME).expect("a lease");
            assert_eq!((lease.payload_len(), lease.journaled), (1_000, n % 10 != 0));
            assert_eq!(message.is_some(), n % 10 == 0 || n > 900);
        }
        assert_eq!((leases.len(), leases.memory()), (0, 0));
    }
}
