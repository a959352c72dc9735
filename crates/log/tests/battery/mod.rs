//! The battery that every log must pass, whatever its disk is.

mod entries;
mod reuse;
mod starts;

use crate::common::history::History;
use crate::common::world::World;
use narumq_log::Options;
use narumq_log::disk::Disk;
use std::sync::Arc;

/// Makes empty disks.
pub type Factory<'a> = &'a dyn Fn() -> Arc<dyn Disk>;

/// Runs all of it, each part on disks of its own.
pub fn battery(factory: Factory<'_>) {
    entries::lsns_are_given_in_order_and_told_once(factory);
    entries::groups_are_whole(factory);
    entries::nobody_need_ask_for_a_sync(factory);
    entries::messages_are_read_from_open_and_sealed_files(factory);
    entries::entries_larger_than_a_chunk_and_a_file(factory);
    reuse::a_file_is_reused_when_nothing_in_it_is_wanted(factory);
    reuse::mostly_dead_files_are_emptied(factory);
    reuse::files_that_die_in_steps_are_not_emptied(factory);
    reuse::gone_objects_hold_no_file(factory);
    starts::starts_and_ends(factory);
    starts::many_starts(factory);
}

fn open(disk: &Arc<dyn Disk>, options: &Options, history: &Arc<History>) -> World {
    World::open(disk, options, 9, history, &Arc::default()).unwrap()
}
