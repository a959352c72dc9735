//! What happens between two steps of the log's threads, held there by a gated disk.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::gate::Operation;
use common::history::History;
use common::restore::read_all;
use common::small;
use common::world::World;
use narumq_log::disk::Disk;
use narumq_log::disk::memory::MemoryDisk;
use narumq_log::{ReadRequest, Walk};
use narumq_model::{Seq, SeqRange};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

fn file(number: u64) -> String {
    format!("{number:016x}.log")
}

fn world(disk: &Arc<dyn Disk>) -> World {
    World::open(disk, &small(), 1, &Arc::<History>::default(), &Arc::<AtomicU64>::default()).unwrap()
}

/// Puts messages into object 1 until file `number` is the one appended to.
fn fill(world: &mut World, number: u64) {
    let object = world.object(1);
    loop {
        world.put(std::slice::from_ref(&object), 2000);
        if object.state.lock().unwrap().live.last_key_value().unwrap().1.1.number() == number {
            return;
        }
    }
}

#[test]
fn a_file_is_known_from_its_first_entry_on() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::default());
    let mut world = world(&disk);
    world.gate.close(Operation::Create, &file(2));
    fill(&mut world, 2);
    world.gate.until_reached();
    // All of this waits for the writer thread, which takes it in one go and then stands before file 3.
    fill(&mut world, 6);
    world.gate.close(Operation::Create, &file(3));
    world.gate.until_reached();
    for number in 1..=6 {
        let used = world.log.file_use(number);
        assert_eq!(used.map(|f| f.number()), Some(number), "file {number} while file 3 is made");
    }
    world.gate.open();
    world.close();
}

#[test]
fn messages_can_be_read_while_their_file_is_sealed() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::default());
    let mut world = world(&disk);
    let object = world.object(1);
    let first = world.put(std::slice::from_ref(&object), 1000);
    assert!(world.sync(first));
    world.gate.close(Operation::Sync, &file(1));
    fill(&mut world, 2);
    world.gate.until_reached();
    let (seq, (origin, used)) =
        object.state.lock().unwrap().live.first_key_value().map(|(s, m)| (*s, m.clone())).unwrap();
    assert_eq!(used.number(), 1);
    let read = read_all(&world.log, object.id, 1, &[seq]).unwrap();
    assert_eq!(read[0].body.as_deref(), Some(&origin.body()[..]));
    world.gate.open();
    world.close();
}

#[test]
fn what_is_not_written_yet_is_not_read_and_not_called_missing() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::default());
    let mut world = world(&disk);
    let object = world.object(1);
    let first = world.put(std::slice::from_ref(&object), 1000);
    assert!(world.sync(first));
    world.gate.close(Operation::Write, &file(1));
    let second = world.put(std::slice::from_ref(&object), 1000);
    world.log.want_sync(second);
    world.gate.until_reached();
    world.put(std::slice::from_ref(&object), 1000);
    let seqs: Vec<u64> = object.state.lock().unwrap().live.keys().copied().collect();
    let ask = |from: usize| {
        let wanted = vec![SeqRange { first: Seq(seqs[from]), last: Seq(seqs[2]) }];
        world.log.read_now(&ReadRequest {
            object: object.id,
            file: 1,
            wanted,
            bytes_max: 1 << 20,
            walk: Walk::default(),
        })
    };
    let done = ask(0);
    assert_eq!((done.error.as_deref(), done.through), (None, Some(Seq(seqs[0]))), "one is written, two are not");
    assert_eq!(done.messages.len(), 1);
    let done = ask(1);
    assert_eq!((done.error.as_deref(), done.through, done.messages.len()), (None, None, 0));
    world.gate.open();
    assert!(world.sync(second));
    world.close();
}

#[test]
fn a_clean_end_is_the_last_entry_even_while_rounds_run() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::default());
    let history = Arc::<History>::default();
    let durable = Arc::<AtomicU64>::default();
    for start in 0..40 {
        let mut world = World::open(&disk, &small(), start, &history, &durable).unwrap();
        assert!(start == 0 || world.log.ended().clean, "start {start} found the log not closed in order");
        for id in 1..=20 {
            let object = world.object(id);
            let seqs: Vec<u64> = object.state.lock().unwrap().live.keys().copied().collect();
            world.take(&object, &seqs);
            world.put(&[object], 3500);
        }
        world.close();
    }
}

#[test]
fn what_nobody_waits_for_is_synced_after_the_idle_time_once() {
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::default());
    let mut options = small();
    options.idle_sync_ms = 1000;
    let mut world = World::open(&disk, &options, 1, &Arc::<History>::default(), &Arc::<AtomicU64>::default()).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the idle time is measured")]
    let begin = std::time::Instant::now();
    let object = world.object(1);
    let lsn = world.put(&[object], 100);
    assert!(world.ear.durable_or_failed(lsn));
    let took = begin.elapsed().as_millis();
    assert!((900..1900).contains(&took), "nobody asked: synced after {took} ms, not about 1000");
    world.close();
}
