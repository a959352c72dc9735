//! Topics that are compacted: filled, compacted, read.

use super::batches::{append, fetch};
use super::keyed::{Keyed, batch, batches, records};
use super::{Rig, small};
use narumq_broker::{Compactions, PartitionHandle};
use narumq_log::disk::Disk;
use narumq_log::disk::faulty::FaultyDisk;
use narumq_model::{Time, TopicPolicy};
use std::sync::Arc;

/// Bytes of a segment.
pub const SEGMENT: u64 = 8_000;

/// Compacted whenever something is dirty.
pub fn policy() -> TopicPolicy {
    let compacts = TopicPolicy { compacts: true, deletes: false, segment_bytes: SEGMENT, ..TopicPolicy::default() };
    TopicPolicy { dirty_per_mille: 10, retention_ms: None, ..compacts }
}

/// The broker comes up over this disk at this time.
pub fn open_at(disk: &FaultyDisk, now: Time) -> Rig {
    Rig::open(Arc::new(disk.clone()), small(), now)
}

/// Appends one record.
pub fn put(rig: &mut Rig, to: &PartitionHandle, key: u64, value: Option<u64>) -> u64 {
    let (id, time) = (key, rig.now.0 as i64);
    append(rig, to, &batch(id, time, &[(Some(key), value)], None)).expect("taken").base
}

/// All batches that readers see.
pub fn read_batches(rig: &mut Rig, of: &PartitionHandle) -> Vec<Vec<u8>> {
    let mut offset = rig.broker.offsets(of).expect("it is there").start;
    let mut all = Vec::new();
    loop {
        let bytes = fetch(rig, of, offset, 3_000).expect("it can be read").bytes.concat();
        for one in batches(&bytes) {
            all.push(one.to_vec());
            let (base, count) =
                (u64_at(one, 4), u64::from(u32::from_le_bytes(one[16..20].try_into().expect("so many bytes"))));
            assert!(base + count > offset, "what is read comes behind what was read");
            offset = base + count;
        }
        if bytes.is_empty() {
            return all;
        }
    }
}

/// A number in little endian.
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("so many bytes"))
}

/// All records that readers see.
pub fn read(rig: &mut Rig, of: &PartitionHandle) -> Vec<Keyed> {
    read_batches(rig, of).iter().flat_map(|one| records(one).expect("keyed")).collect()
}

/// Everything durable and in segments as far as that goes, then compacted.
pub fn compact(rig: &mut Rig) -> Compactions {
    rig.fence();
    for _ in 0..3 {
        // What is in memory goes into segments first, and is synced.
        rig.advance(1_000);
        rig.wait("compacted", |rig| rig.broker.compactions().pending == 0);
        rig.wait("copied", |rig| !rig.broker.is_copying());
        rig.fence();
    }
    rig.advance(1_000);
    rig.wait("compacted", |rig| rig.broker.compactions().pending == 0);
    rig.broker.compactions()
}

/// Fills up the segment that is being written, so that what came before can be compacted.
pub fn fill(rig: &mut Rig, to: &PartitionHandle, keys: std::ops::Range<u64>, rounds: u64) {
    for round in 0..rounds {
        for key in keys.clone() {
            put(rig, to, key, Some(round + 1));
        }
    }
}

/// First offset behind the segments that compaction may touch: the one that is written to begins there.
pub fn active(disk: &FaultyDisk) -> u64 {
    let names = disk.list().expect("names");
    let plain = names.iter().filter_map(|name| name.strip_suffix(".segment")?.split('-').nth(1));
    plain.map(|base| u64::from_str_radix(base, 16).expect("hexadecimal")).max().unwrap_or(0)
}
