//! Neighbouring segments become one: batch by batch what stays goes into the output.

use super::cleaning::{Cleaning, Stopped};
use super::keys::{LastOffsets, hash};
use super::output::Output;
use crate::dialect::{BatchFacts, BrokenBatch, Compacted, KeyedRecord, Tombstones};
use crate::topic::batches::{Batches, Next};
use crate::topic::segments::Segment;
use crate::topic::tail::Times;
use narumq_model::Time;

/// The last record of each key, as far as it is known: below `end`.
pub(super) struct Known {
    pub(super) keys: LastOffsets,
    pub(super) end: u64,
}

/// What becomes of a batch.
enum Fate {
    Same,
    Changed(Vec<u8>),
    Gone,
}

impl Cleaning {
    /// Makes one segment of these, each with the offset behind it. `None` if it would be what it was made of.
    pub(super) fn rewrite(&mut self, known: &Known, group: &[(Segment, u64)]) -> Result<Option<Segment>, Stopped> {
        let Some((first, _)) = group.first() else { return Ok(None) };
        let disk = self.disk.clone();
        let mut output = Output::new(disk.as_ref(), self.partition.id, (first.base, self.next_generation()?));
        let filled = self.fill(known, group, &mut output);
        let made = filled.and_then(|()| if output.is_begun() { Ok(output.finish()?) } else { Ok(()) });
        if let Err(stopped) = made {
            output.discard();
            return Err(stopped);
        }
        self.counts.bytes_read += group.iter().map(|(segment, _)| segment.bytes).sum::<u64>();
        let arrived = group.iter().map(|(segment, _)| segment.times.arrived).max().unwrap_or(Time(0));
        Ok(output.is_begun().then_some(Segment {
            base: first.base,
            generation: output.of.1,
            bytes: output.bytes,
            times: Times { latest: output.latest, arrived },
            begun: first.begun,
        }))
    }

    fn fill(&mut self, known: &Known, group: &[(Segment, u64)], output: &mut Output<'_>) -> Result<(), Stopped> {
        let (partition, group_end) = (self.partition.clone(), group.last().map_or(0, |(_, end)| *end));
        let dialect = partition.dialect.as_ref();
        for (segment, end) in group {
            let file = self.open(segment)?;
            if group.len() > 1 && !output.is_begun() {
                output.begin(file.as_ref())?;
            }
            let mut batches = Batches::new(dialect, file.clone(), 0..segment.bytes, segment.base..*end);
            loop {
                if batches.is_at_edge() {
                    self.go_on()?;
                }
                let (batch, facts) = match batches.next()? {
                    Next::Batch(batch, facts) => (batch, facts),
                    Next::End => break,
                    Next::Unreadable => return Err(Stopped::Unreadable(segment.base)),
                };
                let is_last = facts.base + u64::from(facts.count) == group_end;
                let fate = self.fate(known, batch, &facts, is_last);
                if !output.is_begun() && !matches!(fate, Fate::Same) {
                    output.begin(file.as_ref())?;
                }
                match fate {
                    Fate::Same => output.put(batch, &facts)?,
                    Fate::Changed(batch) => match dialect.batch(&batch) {
                        Some(facts) => output.put(&batch, &facts)?,
                        None => return Err(Stopped::Unreadable(segment.base)),
                    },
                    Fate::Gone => {}
                }
            }
        }
        // The last batch of a segment stays, so that something is there.
        if output.bytes == 0 { Err(Stopped::Unreadable(group.first().map_or(0, |(of, _)| of.base))) } else { Ok(()) }
    }

    /// What becomes of a batch. One that cannot be read stays as it is.
    fn fate(&mut self, known: &Known, batch: &[u8], facts: &BatchFacts, is_last: bool) -> Fate {
        let dialect = self.partition.dialect.clone();
        if !dialect.is_whole(batch) {
            self.broken(facts.base, "its checksum is wrong");
            return Fate::Same;
        }
        let mut stays = |record: KeyedRecord<'_>| {
            let is_newest = |key: &[u8]| known.keys.get(hash(key)).is_none_or(|newest| newest <= record.offset);
            record.offset >= known.end || record.key.is_some_and(is_newest)
        };
        let when = Tombstones { now: self.now.0, horizon: self.now.0.saturating_add(self.policy.tombstone_ms) };
        match dialect.compact(batch, when, &mut stays) {
            Ok(Compacted::Same) => Fate::Same,
            Ok(Compacted::Records(batch)) => Fate::Changed(batch),
            Ok(Compacted::Empty(empty)) => {
                let end = facts.base + u64::from(facts.count);
                let is_last_of = |id: u64| self.producers.get(&id) == Some(&end);
                match is_last || facts.producer.is_some_and(|run| is_last_of(run.id)) {
                    true if empty == batch => Fate::Same,
                    true => Fate::Changed(empty),
                    false => Fate::Gone,
                }
            }
            Err(BrokenBatch(why)) => {
                self.broken(facts.base, &why);
                Fate::Same
            }
        }
    }
}
