//! Power cuts in every write and every sync of a broker with AMQP sessions: what was answered is there afterwards.
//!
//! `NARUMQ_POWER_WORKLOADS` is how many workloads are run (1 unless it is set), from `NARUMQ_POWER_FIRST` (0) on, and
//! `NARUMQ_POWER_SEEDS` in how many ways each cut may leave the unsynced writes (1).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod power_support;
mod session_support;

use narumq_log::Options;
use narumq_log::disk::faulty::Plan;
use power_support::lives::{Scene, Work};
use power_support::{options, times};

fn cut_at(operation: u64) -> Plan {
    Plan { power_cut_at: Some(operation), ..Plan::default() }
}

/// After a cut: a start finds what it must, works, ends in order, and the next start finds that.
fn recover(scene: &Scene, options: &Options, fate: u64) -> Result<(), String> {
    let mut found = scene.after(fate, Plan::default());
    assert!(found.live(options, Work { seed: fate, steps: 6 })?, "the power stays");
    assert!(found.live(options, Work { seed: fate, steps: 0 })?, "the power stays");
    Ok(())
}

/// The start after a cut, and a little work, are cut in turn in every operation. Returns how many cuts that were.
fn recover_through_cuts(scene: &Scene, options: &Options, fate: u64) -> Result<u64, String> {
    for again in 1.. {
        let mut found = scene.after(fate, cut_at(again));
        let at = |what: String| format!("second cut {again}: {what}");
        if found.live(options, Work { seed: fate, steps: 4 }).map_err(at)? {
            return Ok(again - 1);
        }
        recover(&found, options, fate + again).map_err(at)?;
    }
    unreachable!("some life is shorter")
}

/// Cuts a workload everywhere. Returns how many cuts that were.
fn cut_everywhere(workload: u64, options: &Options, work: Work, fates: u64) -> u64 {
    let mut cuts = 0;
    for cut in 1.. {
        let mut scene = Scene::new(cut_at(cut));
        let at = |what: String| -> String { format!("workload {workload}, cut {cut}: {what}") };
        if scene.live(options, work).map_err(at).unwrap_or_else(|what| panic!("{what}")) {
            break;
        }
        for fate in 0..fates {
            let fate = fate * 1000 + cut;
            recover(&scene, options, fate).map_err(at).unwrap_or_else(|what| panic!("fate {fate}: {what}"));
            cuts += 1;
        }
        if cut % 8 == workload % 8 {
            cuts += recover_through_cuts(&scene, options, cut).map_err(at).unwrap_or_else(|what| panic!("{what}"));
        }
    }
    cuts
}

#[test]
fn nothing_answered_is_lost_by_a_power_cut_anywhere() {
    let first = times("NARUMQ_POWER_FIRST", 0);
    for workload in first..first + times("NARUMQ_POWER_WORKLOADS", 1) {
        let work = Work { seed: workload, steps: 200 };
        let cuts = cut_everywhere(workload, &options(workload), work, times("NARUMQ_POWER_SEEDS", 1));
        println!("workload {workload}: {cuts} cuts");
        assert!(cuts > 100, "the workload has some operations: {cuts}");
    }
}
