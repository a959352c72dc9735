//! A file with a damaged chunk is emptied of what can be read; what cannot stays, and keeps its file.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::world::World;
use common::{eventually, small};
use narumq_log::disk::Disk;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_log::{ReadRequest, Walk};
use narumq_model::{Seq, SeqRange};
use std::sync::Arc;

#[test]
fn what_is_damaged_is_not_taken_for_copied() {
    let disk = FaultyDisk::new(Plan::default());
    let dyn_disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut world = World::open(&dyn_disk, &small(), 5, &Arc::default(), &Arc::default()).unwrap();
    let object = world.object(1);
    // Each message is a chunk of its own, behind the one that begins the epoch.
    let fill = |world: &World, last: u64| loop {
        let lsn = world.put(std::slice::from_ref(&object), 1_500);
        assert!(world.sync(lsn));
        if object.state.lock().unwrap().live.values().next_back().unwrap().1.number() > last {
            break;
        }
    };
    fill(&world, 4);
    let lies_in = |number: u64| -> Vec<u64> {
        let state = object.state.lock().unwrap();
        state.live.iter().filter(|(_, (_, file))| file.number() == number).map(|(seq, _)| *seq).collect()
    };
    let seqs = lies_in(1);
    let middle = seqs.len() / 2;
    (0..100).for_each(|byte| disk.flip_bit("0000000000000001.log", 4096 * (middle as u64 + 1) + byte, 7));
    let stays = [seqs[0], seqs[middle], seqs[seqs.len() - 1]];
    let gone: Vec<u64> = seqs.iter().copied().filter(|seq| !stays.contains(seq)).collect();
    world.take(&object, &gone);
    fill(&world, 7);
    let files = || stays.map(|seq| object.state.lock().unwrap().live[&seq].1.clone());
    eventually("what can be read is copied", || {
        let [first, _, last] = files();
        if first.is_survivor() && last.is_survivor() { Ok(()) } else { Err("not yet".into()) }
    });
    assert_eq!(files()[1].number(), 1, "what is damaged lies where it lay");
    assert!(world.log.file_use(1).is_some_and(|file| file.live() == 1), "and keeps its file");
    let wanted = vec![SeqRange::one(Seq(stays[1]))];
    let request = ReadRequest { object: object.id, file: 1, wanted, bytes_max: 1 << 20, walk: Walk::default() };
    let done = world.log.read_now(&request);
    assert!(done.error.is_none() && done.messages.len() == 1 && done.messages[0].body.is_none(), "{done:?}");
    world.close();
}
