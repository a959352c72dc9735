//! The books: what was published where, what came out, what was lost for a reason.

use super::churned;
use crate::harness::id_of;
use narumq_model::{DeathReason, Message};
use std::collections::BTreeMap;

/// Copies by the number of their message.
type Copies = BTreeMap<u64, i64>;

/// What one worker did, or all.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Copies published and not yet out, but for those in `p`.
    there: Copies,
    /// Messages published to `p`, and those that came out of it otherwise than by a purge.
    purgeable: (u64, u64),
    pub purged: u64,
    /// Messages for which `r` had no room.
    pub refused: u64,
    pub out: u64,
    pub lost: BTreeMap<&'static str, u64>,
}

impl Ledger {
    /// A message is published to this exchange and key, which lead to so many queues.
    pub fn came(&mut self, to: (&str, &str), message: &Message, queues: usize) {
        let purged = u64::from(to == ("fan", "") || to == ("", "p"));
        self.purgeable.0 += purged;
        let copies = queues as i64 - purged as i64;
        if copies > 0 {
            *self.there.entry(id_of(message)).or_default() += copies;
        }
    }

    /// The queue refused it.
    pub fn refused(&mut self, message: &Message) {
        self.refused += 1;
        *self.there.entry(id_of(message)).or_default() -= 1;
    }

    /// A message left this queue for good.
    pub fn out(&mut self, queue: &str, message: &Message) {
        match queue {
            "p" => self.purgeable.1 += 1,
            _ => *self.there.entry(id_of(message)).or_default() -= 1,
        }
        self.out += u64::from(!churned(id_of(message)));
        if queue == "lost" {
            let death = message.envelope().and_then(|e| e.deaths.first()).expect("only the dead come here");
            let reason = match (&*death.queue, death.reason) {
                ("a2", DeathReason::Expired) => "expired",
                ("a3", DeathReason::MaxLength) => "too many",
                ("a2" | "a3", DeathReason::Rejected) => "rejected",
                (queue, reason) => panic!("a message died in {queue} of {reason:?}"),
            };
            *self.lost.entry(reason).or_default() += 1;
        }
    }

    /// Adds another's books.
    pub fn add(&mut self, other: Self) {
        other.there.into_iter().for_each(|(id, n)| *self.there.entry(id).or_default() += n);
        self.purgeable.0 += other.purgeable.0;
        self.purgeable.1 += other.purgeable.1;
        self.purged += other.purged;
        self.refused += other.refused;
        self.out += other.out;
        other.lost.into_iter().for_each(|(reason, n)| *self.lost.entry(reason).or_default() += n);
    }

    /// Once everything has been taken out: nothing is missing that was not dropped with its queue, and nothing came twice.
    pub fn balance(&self) {
        let wrong = |(id, n): &(&u64, &i64)| if churned(**id) { **n < 0 } else { **n != 0 };
        let wrong: Vec<_> = self.there.iter().filter(wrong).take(20).collect();
        assert!(wrong.is_empty(), "copies that are missing, or too many if negative, by message: {wrong:x?}");
        let (came, went) = self.purgeable;
        assert_eq!(came, went + self.purged, "messages of the queue that is purged");
    }
}
