//! The footer of a sealed file, which is its index on the disk, and the trailer that tells where it lies.
//!
//! ```text
//! footer chunk (kind 1), its bodies:
//!   varint chunks, then per chunk:  varint start block − previous start block, varint bodies_off
//!   varint runs, then per run, ascending by object id and first seq:
//!     varint id − previous id | varint count | varint first seq | varint last − first | varint positions length
//!   the runs' positions, back to back in the same order; per message:
//!     varint chunk − previous chunk | varint head offset − previous (0-based when the chunk changed) | varint seq − previous
//!   varint States, then per State entry: varint object | varint part | varint LSN | varint chunk | varint head offset
//!   varint rounds, then per RoundDone entry: varint LSN | varint file number
//! trailer: the last 4 KiB block of a sealed file: u32 magic "NRQT", u32 CRC32C of the next 24 bytes,
//!   u64 offset of the footer chunk, u64 generation, u64 bytes of chunks before the footer
//! ```

use super::{ChunkAt, FileIndex, Run, StateAt};
use crate::chunk::{BLOCK, crc32c};
use crate::varint;
use narumq_model::{Lsn, ObjectId, Seq};

impl FileIndex {
    /// Bytes the footer will take at most, trailer included.
    pub fn footer_bound(&self) -> usize {
        self.bytes
            + (self.objects.len() + self.earlier.values().map(Vec::len).sum::<usize>()) * 40
            + self.chunks.len() * 10
            + (self.states.len() + self.rounds.len()) * 40
            + 4 * BLOCK
    }

    /// Encodes the footer's bodies.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes + self.objects.len() * 16 + self.chunks.len() * 4 + 16);
        varint::put(&mut out, self.chunks.len() as u64);
        let mut block = 0;
        for chunk in &self.chunks {
            varint::put(&mut out, u64::from(chunk.block - block));
            varint::put(&mut out, u64::from(chunk.bodies_off));
            block = chunk.block;
        }
        let mut objects: Vec<_> = self.objects().collect();
        objects.sort_unstable_by_key(|(id, run)| (*id, run.first));
        varint::put(&mut out, objects.len() as u64);
        let mut previous = 0;
        for (id, run) in &objects {
            let fields = [id.0 - previous, run.count, run.first.0, run.last.0.wrapping_sub(run.first.0)];
            fields.iter().for_each(|n| varint::put(&mut out, *n));
            varint::put(&mut out, run.positions.len() as u64);
            previous = id.0;
        }
        objects.iter().for_each(|(_, run)| out.extend_from_slice(&run.positions));
        varint::put(&mut out, self.states.len() as u64);
        for s in &self.states {
            let fields = [s.object.0, s.part, s.lsn.0, u64::from(s.chunk), u64::from(s.head)];
            fields.iter().for_each(|n| varint::put(&mut out, *n));
        }
        varint::put(&mut out, self.rounds.len() as u64);
        for (lsn, file) in &self.rounds {
            varint::put(&mut out, lsn.0);
            varint::put(&mut out, *file);
        }
        out
    }

    /// Decodes a footer's bodies. `None` if they are none.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut at = 0;
        let mut index = Self::default();
        let mut block = 0u32;
        for _ in 0..varint::get(bytes, &mut at)? {
            block = block.checked_add(u32::try_from(varint::get(bytes, &mut at)?).ok()?)?;
            index.chunks.push(ChunkAt { block, bodies_off: u32::try_from(varint::get(bytes, &mut at)?).ok()? });
        }
        let mut runs = Vec::new();
        let mut id = 0u64;
        for _ in 0..varint::get(bytes, &mut at)? {
            id = id.checked_add(varint::get(bytes, &mut at)?)?;
            let count = varint::get(bytes, &mut at)?;
            let first = varint::get(bytes, &mut at)?;
            let last = first.wrapping_add(varint::get(bytes, &mut at)?);
            let len = usize::try_from(varint::get(bytes, &mut at)?).ok()?;
            runs.push((ObjectId(id), Run { count, first: Seq(first), last: Seq(last), ..Run::default() }, len));
        }
        for (id, mut run, len) in runs {
            run.positions = bytes.get(at..at.checked_add(len)?)?.to_vec();
            at += len;
            index.bytes += len;
            if let Some(before) = index.objects.insert(id, run) {
                index.earlier.entry(id).or_default().push(before);
            }
        }
        for _ in 0..varint::get(bytes, &mut at)? {
            index.states.push(StateAt {
                object: ObjectId(varint::get(bytes, &mut at)?),
                part: varint::get(bytes, &mut at)?,
                lsn: Lsn(varint::get(bytes, &mut at)?),
                chunk: u32::try_from(varint::get(bytes, &mut at)?).ok()?,
                head: u32::try_from(varint::get(bytes, &mut at)?).ok()?,
            });
        }
        for _ in 0..varint::get(bytes, &mut at)? {
            index.rounds.push((Lsn(varint::get(bytes, &mut at)?), varint::get(bytes, &mut at)?));
        }
        Some(index)
    }
}

const TRAILER_MAGIC: u32 = u32::from_le_bytes(*b"NRQT");

/// What the last block of a sealed file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// Offset of the footer chunk.
    pub footer: u64,
    /// The file's generation.
    pub generation: u64,
}

impl Trailer {
    /// The block to be written last.
    pub fn encode(&self) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[0..4].copy_from_slice(&TRAILER_MAGIC.to_le_bytes());
        block[8..16].copy_from_slice(&self.footer.to_le_bytes());
        block[16..24].copy_from_slice(&self.generation.to_le_bytes());
        let crc = crc32c(&block[8..32]);
        block[4..8].copy_from_slice(&crc.to_le_bytes());
        block
    }

    /// Reads a block. `None` if it is no trailer.
    pub fn decode(block: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u64::from_le_bytes(block.get(at..at + 8)?.try_into().ok()?));
        let magic = u32::from_le_bytes(block.get(0..4)?.try_into().ok()?);
        let crc = u32::from_le_bytes(block.get(4..8)?.try_into().ok()?);
        (magic == TRAILER_MAGIC && crc == crc32c(block.get(8..32)?))
            .then_some(Self { footer: word(8)?, generation: word(16)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Entry, Kind};
    use crate::index::{Position, Walk};
    use narumq_model::Time;

    #[test]
    fn states_and_rounds_survive_the_footer() {
        let mut index = FileIndex::default();
        let state = Entry { part: 5, ..Entry::new(Kind::State, ObjectId(4), Time(0)) };
        index.note_plain(&state, Lsn(90), 0, 300);
        index.note_plain(&Entry::new(Kind::RoundDone, ObjectId(0), Time(0)).with_data(&[7]), Lsn(91), 0, 310);
        let decoded = FileIndex::decode(&index.encode()).expect("a footer");
        assert_eq!(decoded.states, [StateAt { object: ObjectId(4), part: 5, lsn: Lsn(90), chunk: 0, head: 300 }]);
        assert_eq!(decoded.rounds, [(Lsn(91), 7)]);
    }

    #[test]
    fn positions_walk_back_in_order_and_survive_the_footer() {
        let mut index = FileIndex::default();
        index.chunks.push(ChunkAt { block: 0, bodies_off: 4096 });
        index.chunks.push(ChunkAt { block: 17, bodies_off: 900 });
        let wanted: Vec<_> = (0..100u64)
            .map(|n| Position { seq: Seq((3 << 40) + n * 2), chunk: (n / 60) as u32, head: (n % 60 * 41) as u32 })
            .collect();
        wanted.iter().for_each(|p| index.push(ObjectId(5), p.seq, p.chunk, p.head));
        index.touch(ObjectId(900));
        let decoded = FileIndex::decode(&index.encode()).expect("a footer");
        assert_eq!(decoded.chunks, index.chunks);
        let run = decoded.runs_of(ObjectId(5))[0];
        let mut walk = Walk::default().over(run);
        let walked: Vec<_> = std::iter::from_fn(|| run.next(&mut walk)).collect();
        assert_eq!(walked, wanted);
        assert_eq!((run.count, run.first, run.last), (100, Seq(3 << 40), Seq((3 << 40) + 198)));
        assert_eq!(decoded.runs_of(ObjectId(900)).iter().map(|r| r.count).collect::<Vec<_>>(), [0]);
        assert!(index.encode().len() < index.footer_bound());
    }

    #[test]
    fn copies_keep_the_runs_of_their_sources_apart() {
        let mut index = FileIndex::default();
        let copied = [(101, 1), (150, 1), (5, 2), (77, 2), (160, 3), (170, 4), (165, 4)];
        copied.iter().zip(0..).for_each(|((seq, origin), at)| {
            index.push_copy(ObjectId(5), Seq(*seq), 0, at * 40, *origin);
        });
        index.end_runs();
        index.push_copy(ObjectId(5), Seq(180), 1, 0, 4);
        let decoded = FileIndex::decode(&index.encode()).expect("a footer");
        for index in [&index, &decoded] {
            let spans: Vec<_> = index.runs_of(ObjectId(5)).iter().map(|r| (r.first.0, r.last.0, r.count)).collect();
            assert_eq!(spans, [(5, 77, 2), (101, 150, 2), (160, 160, 1), (165, 165, 1), (170, 170, 1), (180, 180, 1)]);
            assert_eq!(index.copies(), 8);
        }
        assert!(index.encode().len() < index.footer_bound());
    }

    #[test]
    fn broken_footers_never_panic() {
        let mut index = FileIndex::default();
        (0..20).for_each(|n| index.push(ObjectId(n % 3), Seq(n), 0, n as u32));
        let bytes = index.encode();
        for cut in 0..bytes.len() {
            let _ = FileIndex::decode(&bytes[..cut]);
        }
        for at in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[at] ^= 0xff;
            let _ = FileIndex::decode(&broken);
        }
        let trailer = Trailer { footer: 8192, generation: 77 };
        assert_eq!(Trailer::decode(&trailer.encode()), Some(trailer));
        assert_eq!(Trailer::decode(&[0; 4096]), None);
    }
}
