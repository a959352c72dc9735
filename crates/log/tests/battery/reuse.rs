//! Files live no longer than what is wanted of them: they are reused, emptied, and not held by what is gone.

use super::{Factory, open};
use crate::common;
use crate::common::history::History;
use crate::common::world::World;
use crate::common::{eventually, small};
use narumq_log::Options;
use std::sync::Arc;

pub(super) fn a_file_is_reused_when_nothing_in_it_is_wanted(factory: Factory<'_>) {
    let (disk, history) = (factory(), Arc::<History>::default());
    let mut world = open(&disk, &small(), &history);
    let (stays, goes) = (world.object(1), world.object(2));
    world.put(std::slice::from_ref(&stays), 100);
    for _ in 0..1500 {
        world.put(std::slice::from_ref(&goes), 2000);
        let seqs: Vec<u64> = goes.state.lock().unwrap().live.keys().copied().collect();
        let lsn = world.take(&goes, &seqs).unwrap();
        // A queue that keeps up with the disk, as consumers do.
        world.sync(lsn);
    }
    let kept = stays.state.lock().unwrap().live.values().next().unwrap().1.clone();
    assert_eq!(kept.live(), 1, "a wanted message keeps its file, or one that it was copied to");
    assert!(world.log.bytes_written() > 40 * (64 << 10));
    eventually("dead files are retired", || {
        let (used, there) = (world.log.files_in_use(), disk.list().unwrap().len());
        if used <= 6 && there <= used + 7 { Ok(()) } else { Err(format!("{used} in use, {there} there")) }
    });
    assert!(world.log.file_use(kept.number()).is_some() && world.log.file_use(7).is_none());
    world.close();
    open(&disk, &small(), &history).close();
}

/// One message of twenty stays, in one object or in three at once: a tenth of the files is enough for them.
pub(super) fn mostly_dead_files_are_emptied(factory: Factory<'_>) {
    let (disk, history) = (factory(), Arc::<History>::default());
    let mut world = open(&disk, &small(), &history);
    let objects: Vec<_> = (1..=3).map(|id| world.object(id)).collect();
    for n in 0..1200u64 {
        world.put(&objects[(n % 3) as usize..=2.min(n as usize % 3 + n as usize % 2)], 900 + (n % 200) as u32);
        if n % 20 == 19 {
            let gone = |o: &Arc<common::world::Object>| -> Vec<u64> {
                o.state.lock().unwrap().live.keys().copied().filter(|seq| seq % 20 != 0).collect()
            };
            let lsn = objects.iter().filter_map(|o| world.take(o, &gone(o))).max().unwrap();
            world.sync(lsn);
        }
    }
    let few = |world: &World, most: usize| {
        eventually("mostly dead files are emptied", || {
            let (used, wanted) = (world.log.files_in_use(), world.files().len());
            if used <= most { Ok(()) } else { Err(format!("{used} files in use, {wanted} wanted")) }
        });
    };
    few(&world, 14);
    let survivors = || disk.list().unwrap().into_iter().filter(|name| name.ends_with(".survivor")).collect::<Vec<_>>();
    let first = survivors();
    assert!(world.files().iter().any(|number| world.log.file_use(*number).is_some_and(|f| f.is_survivor())));
    common::restore::check_bodies(&world.log, world.objects.iter()).unwrap();
    world.kill();
    // What was copied is found again, and copied again once most of it is gone.
    let world = open(&disk, &small(), &history);
    for object in &world.objects {
        let gone: Vec<u64> = object.state.lock().unwrap().live.keys().skip(1).step_by(2).copied().collect();
        world.take(object, &gone);
    }
    few(&world, 9);
    common::restore::check_bodies(&world.log, world.objects.iter()).unwrap();
    world.close();
    let world = open(&disk, &small(), &history);
    for object in &world.objects {
        let gone: Vec<u64> = object.state.lock().unwrap().live.keys().copied().collect();
        world.take(object, &gone);
    }
    eventually("survivor files are retired", || {
        let left = survivors().len();
        if left == 0 { Ok(()) } else { Err(format!("{left} are there")) }
    });
    world.close();
    // A survivor file never has the name of one that is gone: what is left of that could be taken for it.
    let world = open(&disk, &small(), &history);
    for n in 0..600u64 {
        world.put(&world.objects[..1], 2_000);
        let gone: Vec<u64> =
            world.objects[0].state.lock().unwrap().live.keys().copied().filter(|s| s % 20 != 0).collect();
        world.take(&world.objects[0], &gone).filter(|_| n % 20 == 0).map(|lsn| world.sync(lsn));
    }
    eventually("mostly dead files are emptied", || {
        if survivors().is_empty() { Err("no survivor file is there".into()) } else { Ok(()) }
    });
    assert!(survivors().iter().all(|name| !first.contains(name)));
    world.close();
    open(&disk, &small(), &history).close();
}

/// Who settles some files' worth at once leaves one of them mostly dead each time: it dies by itself with the next step.
pub(super) fn files_that_die_in_steps_are_not_emptied(factory: Factory<'_>) {
    let disk = factory();
    let mut world = open(&disk, &Options { settle_ms: 60_000, ..small() }, &Arc::default());
    let object = world.object(1);
    for n in 0..1200u64 {
        world.put(std::slice::from_ref(&object), 2000);
        if n % 40 == 39 {
            let live: Vec<u64> = object.state.lock().unwrap().live.keys().copied().collect();
            let lsn = world.take(&object, &live[..live.len() - 20]).unwrap();
            world.sync(lsn);
        }
        let survivor = disk.list().unwrap().into_iter().find(|name| name.ends_with(".survivor"));
        assert_eq!(survivor, None, "message {n}");
    }
    world.close();
}

pub(super) fn gone_objects_hold_no_file(factory: Factory<'_>) {
    let disk = factory();
    let mut world = open(&disk, &small(), &Arc::default());
    let stays = world.object(1);
    for id in 2..40 {
        let object = world.object(id);
        world.put(std::slice::from_ref(&object), 3000);
        let seqs: Vec<u64> = object.state.lock().unwrap().live.keys().copied().collect();
        world.take(&object, &seqs);
    }
    let mut files = Vec::new();
    let mut fill = |world: &World| {
        let lsn = world.put(std::slice::from_ref(&stays), 3000);
        let seqs: Vec<u64> = stays.state.lock().unwrap().live.keys().copied().collect();
        world.take(&stays, &seqs);
        world.sync(lsn);
        files.push(world.log.files_in_use());
        *files.last().unwrap()
    };
    (0..100).for_each(|_| assert!(fill(&world) > 0));
    // They are deleted: nobody writes their States any more.
    world.ear.objects.lock().unwrap().retain(|id, _| id.0 == 1);
    eventually("States of gone objects hold no file", || {
        let used = fill(&world);
        if used <= 4 { Ok(()) } else { Err(format!("{used} in use")) }
    });
    world.close();
}
