//! Entries go in and come back: their LSNs, groups, syncs, reads, and entries of any size.

use super::{Factory, open};
use crate::common;
use crate::common::history::History;
use crate::common::restore::{Restore, check_message, read_all};
use crate::common::{eventually, given, small};
use narumq_log::{Entry, Kind, Log, Options, ReadRequest, Walk};
use narumq_model::{Durability, Lsn, ObjectId, Seq, SeqRange, Time};
use std::sync::Arc;

pub(super) fn lsns_are_given_in_order_and_told_once(factory: Factory<'_>) {
    let mut world = open(&factory(), &small(), &Arc::default());
    let object = world.object(1);
    let mut last = world.log.durable();
    for n in 0..300 {
        let lsn = world.put(std::slice::from_ref(&object), n * 7);
        assert!(lsn > last, "LSNs grow");
        last = lsn;
        if n % 10 == 0 {
            assert!(world.sync(lsn));
            assert!(world.log.durable() >= lsn && world.log.written() >= lsn);
            world.log.want_sync(lsn);
        }
    }
    assert!(world.sync(last));
    // The listener itself checks that each durable LSN is told once and that they only grow.
    assert!(world.ear.look(|t| t.durable.len()) >= 30);
    world.close();
}

pub(super) fn groups_are_whole(factory: Factory<'_>) {
    let (disk, options) = (factory(), small());
    let log = Log::open(options.clone(), given(&disk, 1), Time(1), &mut Restore::default()).unwrap();
    log.start(Arc::<common::ear::Ear>::default()).unwrap();
    let body = vec![7u8; 900];
    let mut groups = Vec::new();
    for n in 0..40u64 {
        let entries: Vec<Entry<'_>> = (0..20)
            .map(|at| {
                let mut entry = Entry::new(Kind::Enqueue, ObjectId(3), Time(4));
                (entry.seq, entry.body) = (Seq(1 + n * 20 + at), &body);
                entry
            })
            .collect();
        log.append(&Entry::new(Kind::Count, ObjectId(3), Time(4)));
        let at = log.append_group(&entries);
        log.file_use(at.file).unwrap().add_live(20);
        groups.push((at.lsn.0 - 19, at.lsn.0));
        log.want_sync(at.lsn);
    }
    log.close(Time(5));
    let chunk = |b: &[u8]| {
        let first = u64::from_le_bytes(b[64..72].try_into().unwrap());
        (first, first + u64::from(u32::from_le_bytes(b[60..64].try_into().unwrap())))
    };
    let files = common::contents(&*disk);
    let blocks = files.iter().flat_map(|(_, bytes)| bytes.chunks_exact(4096));
    let chunks: Vec<(u64, u64)> = blocks.filter(|b| b.starts_with(b"NRQ1") && b[5] == 0).map(chunk).collect();
    for (first, last) in groups {
        let whole = chunks.iter().any(|(from, to)| *from <= first && last < *to);
        assert!(whole, "the group {first} to {last} lies in one chunk of {chunks:?}");
    }
    let log = Log::open(options, given(&disk, 2), Time(1), &mut Restore::default()).unwrap();
    assert!(log.ended().clean);
}

pub(super) fn nobody_need_ask_for_a_sync(factory: Factory<'_>) {
    for durability in [Durability::Fsync, Durability::Os] {
        let options = Options { durability, ..small() };
        let mut world = open(&factory(), &options, &Arc::default());
        let object = world.object(1);
        for _ in 0..3 {
            let lsn = world.put(std::slice::from_ref(&object), 100);
            assert!(world.ear.durable_or_failed(lsn));
        }
        world.close();
    }
}

pub(super) fn messages_are_read_from_open_and_sealed_files(factory: Factory<'_>) {
    let mut world = open(&factory(), &small(), &Arc::default());
    let objects = [world.object(1), world.object(2)];
    let mut last = Lsn(0);
    for n in 0..150u32 {
        last = world.put(&objects[..1 + n as usize % 2], 10 + n * 13 % 2000);
    }
    assert!(world.sync(last));
    for object in &objects {
        let state = object.state.lock().unwrap();
        let mut files: std::collections::BTreeMap<u64, Vec<u64>> = Default::default();
        state.live.iter().for_each(|(seq, (_, f))| files.entry(f.number()).or_default().push(*seq));
        assert!(files.len() > 2);
        for (file, seqs) in &files {
            let every_third: Vec<u64> = seqs.iter().copied().step_by(3).collect();
            for wanted in [seqs, &every_third] {
                for message in read_all(&world.log, object.id, *file, wanted).unwrap() {
                    check_message(object.id, &message, state.live.get(&message.seq.0).map(|(o, _)| *o)).unwrap();
                }
            }
            // Through the reader thread, and of what is not there.
            let wanted = vec![SeqRange { first: Seq(1), last: Seq(5) }, SeqRange::one(Seq(*seqs.last().unwrap()))];
            let request =
                ReadRequest { object: object.id, file: *file, wanted, bytes_max: 1 << 20, walk: Walk::default() };
            world.log.read(request);
            let done = world.ear.wait("a read", |told| told.reads.pop());
            assert_eq!((done.error, done.messages.len()), (None, 1));
            assert_eq!(done.through, Some(Seq(*seqs.last().unwrap())));
        }
    }
    let request = ReadRequest {
        object: ObjectId(1),
        file: 999,
        wanted: vec![SeqRange::one(Seq(1))],
        bytes_max: 1,
        walk: Walk::default(),
    };
    assert!(world.log.read_now(&request).error.is_some(), "a file that never was");
    world.close();
}

pub(super) fn entries_larger_than_a_chunk_and_a_file(factory: Factory<'_>) {
    let (disk, history) = (factory(), Arc::<History>::default());
    let mut world = open(&disk, &small(), &history);
    let object = world.object(1);
    let mut last = Lsn(0);
    for len in [9_000, 50_000, 70_000, 3, 400_000, 65_536, 3_000_000, 1] {
        last = world.put(std::slice::from_ref(&object), len);
    }
    assert!(world.sync(last));
    let big = vec![5u8; 300_000];
    world.log.append(&Entry::new(Kind::Count, ObjectId(1), Time(1)).with_data(&big));
    world.close();
    // Opening reads every body and compares it.
    let world = open(&disk, &small(), &history);
    let seqs: Vec<u64> = world.objects[0].state.lock().unwrap().live.keys().copied().collect();
    assert_eq!(seqs.len(), 8);
    world.take(&world.objects[0], &seqs);
    world.close();
    let world = open(&disk, &small(), &history);
    eventually("files of their own size are removed", || {
        let longest = disk.list().unwrap().iter().filter_map(|n| disk.open(n, false).ok()?.len().ok()).max();
        // A round comes with the next sealed file at the latest.
        let lsn = world.set(&world.objects[0], 4);
        world.put(&world.objects[..1], 2000);
        world.sync(lsn);
        let live: Vec<u64> = world.objects[0].state.lock().unwrap().live.keys().copied().collect();
        world.take(&world.objects[0], &live);
        if longest.is_some_and(|l| l <= 160 << 10) { Ok(()) } else { Err(format!("{longest:?}")) }
    });
    world.close();
}
