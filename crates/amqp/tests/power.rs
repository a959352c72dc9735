//! Power cuts in every write and every sync of a broker with AMQP sessions: what was answered is there afterwards.
//!
//! `NARUMQ_POWER_WORKLOADS` is how many workloads of each kind are run (few unless it is set), from `NARUMQ_POWER_FIRST` (0) on, and
//! `NARUMQ_POWER_SEEDS` in how many ways each cut may leave the unsynced writes (1).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod power_support;
mod session_support;

use narumq_log::Options;
use narumq_log::disk::faulty::Plan;
use power_support::lives::{Scene, Script, Work};
use power_support::{Reached, deletions, options, script, times};

fn cut_at(operation: u64) -> Plan {
    Plan { power_cut_at: Some(operation), ..Plan::default() }
}

fn mixed(seed: u64, steps: u64) -> Work {
    // Without steps nothing is declared either.
    let script: Script = if steps == 0 { |_, _, _| Ok(()) } else { script::run };
    Work { script, seed, steps }
}

/// After a cut: a start finds what it must, works, ends in order, and the next start finds that.
fn recover(scene: &Scene, options: &Options, fate: u64) -> Result<(), String> {
    let mut found = scene.after(fate, Plan::default());
    assert!(found.live(options, mixed(fate, 6))?, "the power stays");
    assert!(found.live(options, mixed(fate, 0))?, "the power stays");
    Ok(())
}

/// The start after a cut, and a little work, are cut in turn in every operation. Returns how many cuts that were.
fn recover_through_cuts(scene: &Scene, options: &Options, fate: u64) -> Result<u64, String> {
    for again in 1.. {
        let mut found = scene.after(fate, cut_at(again));
        let at = |what: String| format!("second cut {again}: {what}");
        if found.live(options, mixed(fate, 4)).map_err(at)? {
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

/// Cuts so many workloads everywhere.
fn cut_workloads(script: Script, steps: u64, workloads: u64) {
    let first = times("NARUMQ_POWER_FIRST", 0);
    let (mut cuts, workloads) = (0, times("NARUMQ_POWER_WORKLOADS", workloads));
    for seed in first..first + workloads {
        cuts += cut_everywhere(seed, &options(seed), Work { script, seed, steps }, times("NARUMQ_POWER_SEEDS", 1));
    }
    println!("{workloads} workloads, {cuts} cuts");
    assert!(cuts > 100 * workloads, "a workload has some operations: {cuts}");
}

#[test]
fn nothing_answered_is_lost_by_a_power_cut_anywhere() {
    cut_workloads(script::run, 200, 4);
    let reached = Reached::ALL.map(|what| (what, what.times()));
    println!("{reached:?}");
    assert!(reached.iter().all(|(_, n)| *n > 0) || times("NARUMQ_POWER_WORKLOADS", 4) < 4, "{reached:?}");
}

#[test]
fn a_deleted_queue_is_wholly_there_or_gone() {
    cut_workloads(deletions::run, 12, 1);
}

#[test]
fn answers_before_the_sync_are_found_out() {
    let (mut lost, mut cuts) = (0, 0);
    for seed in 0..3 {
        let options = Options { confirm_at_written: true, ..options(seed) };
        for cut in (1..100).step_by(3) {
            let mut scene = Scene::new(cut_at(cut));
            if scene.live(&options, mixed(seed, 100)).unwrap() {
                break;
            }
            for fate in 0..4 {
                cuts += 1;
                match recover(&scene, &options, fate) {
                    Err(what) if what.starts_with("answered and lost") => lost += 1,
                    Err(what) => panic!("seed {seed}, cut {cut}, fate {fate}: {what}"),
                    Ok(()) => {}
                }
            }
        }
    }
    println!("{lost} of {cuts} cuts lost what had been answered");
    assert!(lost > 0, "the test finds what a broker loses that answers too early");
}
