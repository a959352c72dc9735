//! Publisher confirms of one channel: numbers in publishing order, told in that order, many with one ack.
//!
//! ```text
//! told ──┐          waiting: (through 7, lsn 31) (through 8, refused) (through 12, lsn 40)
//!        4 │ 5 6 7      durable 31  ─►  ack 7 multiple, nack 8
//! ```
//! What waits for no sync still waits for what was published before it: so `multiple` never says too much.

use crate::codec::{write_ack, write_nack};
use narumq_model::Lsn;
use std::collections::VecDeque;

/// What a publish waits for whose entry is not known yet.
pub(crate) const LATER: Lsn = Lsn(u64::MAX);

/// A run of publishes that are told together.
#[derive(Debug)]
struct Waiting {
    /// The last number of the run.
    through: u64,
    /// What must be durable before.
    lsn: Lsn,
    /// It is one publish, and was refused.
    refused: bool,
}

/// The confirms of one channel.
#[derive(Debug, Default)]
pub(crate) struct Confirms {
    given: u64,
    told: u64,
    waiting: VecDeque<Waiting>,
}

impl Confirms {
    /// One more publish, which may be confirmed once `lsn` is durable (0 = at once).
    #[inline]
    pub(crate) fn published(&mut self, lsn: Lsn, refused: bool) {
        self.given += 1;
        let through = self.given;
        let lsn = if refused { Lsn(0) } else { lsn };
        match self.waiting.back_mut() {
            Some(last) if lsn == Lsn(0) && !refused && !last.refused => last.through = through,
            _ => self.waiting.push_back(Waiting { through, lsn, refused }),
        }
    }

    /// The entry of what was published for [`LATER`] is known.
    pub(crate) fn appended(&mut self, lsn: Lsn) {
        self.waiting.iter_mut().filter(|run| run.lsn == LATER).for_each(|run| run.lsn = lsn);
    }

    /// Whether some publish is not confirmed yet.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether something can be told now.
    pub(crate) fn is_due(&self, durable: Lsn) -> bool {
        self.waiting.front().is_some_and(|first| first.lsn <= durable)
    }

    /// How many publishes are not confirmed yet.
    pub(crate) fn open(&self) -> u64 {
        self.given - self.told
    }

    /// Tells what is durable; returns how many publishes were accepted.
    pub(crate) fn tell(&mut self, channel: u16, durable: Lsn, out: &mut Vec<u8>) -> u64 {
        let (before, mut refused) = (self.told, 0);
        let mut accepted = self.told;
        while let Some(first) = self.waiting.pop_front_if(|first| first.lsn <= durable) {
            if first.refused {
                self.accept(channel, accepted, out);
                write_nack(out, channel, first.through, false);
                self.told = first.through;
                refused += 1;
            }
            accepted = first.through;
        }
        self.accept(channel, accepted, out);
        self.told - before - refused
    }

    fn accept(&mut self, channel: u16, through: u64, out: &mut Vec<u8>) {
        if through > self.told {
            write_ack(out, channel, through, through - self.told > 1);
            self.told = through;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{BasicAck, BasicNack, Method, Parsed, parse_frame};

    fn told(confirms: &mut Confirms, durable: u64) -> Vec<String> {
        let mut out = Vec::new();
        confirms.tell(1, Lsn(durable), &mut out);
        let mut words = Vec::new();
        let mut rest = &out[..];
        while !rest.is_empty() {
            let Ok(Parsed::Frame(frame)) = parse_frame(rest, 4096) else { panic!("a whole frame") };
            words.push(match Method::decode(frame.payload).unwrap() {
                Method::BasicAck(BasicAck { delivery_tag, multiple }) => format!("ack {delivery_tag} {multiple}"),
                Method::BasicNack(BasicNack { delivery_tag, multiple, .. }) => {
                    format!("nack {delivery_tag} {multiple}")
                }
                other => panic!("{other:?}"),
            });
            rest = &rest[frame.wire_len()..];
        }
        words
    }

    #[test]
    fn one_ack_a_run_and_nothing_before_its_sync() {
        let mut confirms = Confirms::default();
        for (lsn, refused) in [(0, false), (0, false), (5, false), (0, false), (0, true), (7, false), (9, false)] {
            confirms.published(Lsn(lsn), refused);
        }
        assert!(confirms.is_due(Lsn(0)));
        assert_eq!(told(&mut confirms, 0), ["ack 2 true"]);
        assert!(!confirms.is_due(Lsn(4)));
        assert_eq!(told(&mut confirms, 4), [""; 0]);
        assert_eq!(told(&mut confirms, 8), ["ack 4 true", "nack 5 false", "ack 6 false"]);
        assert_eq!(told(&mut confirms, 9), ["ack 7 false"]);
        assert!(!confirms.is_waiting());
    }
}
