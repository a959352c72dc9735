//! The broker stops, in order or not, and comes back.

use super::ops::End;
use super::{Driver, ensure};
use crate::harness::{Rig, small};
use narumq_log::disk::Disk;
use narumq_log::disk::faulty::Plan;
use narumq_model::Time;
use std::sync::Arc;

impl Driver {
    pub(super) fn restart(&mut self, end: End) -> Result<(), String> {
        let end = if self.setup.orderly { End::Clean } else { end };
        let mut rig = self.rig.take().expect("the broker runs");
        match end {
            End::Clean => rig.close(),
            End::Killed => {
                rig.fence();
                // A copy: a thread of the broker may still hold it and write.
                self.disk = self.disk.after_kill(Plan::default());
                drop(rig);
            }
            End::PowerCut => {
                rig.fence();
                self.disk.cut_power();
                drop(rig);
                self.cuts += 1;
                self.disk = self.disk.after_power_cut(self.cuts * 7_919, Plan::default());
            }
        }
        self.count_files()?;
        let disk = Arc::new(self.disk.clone());
        self.rig = Some(Rig::try_open(disk, small(), Time(self.world.now)).map_err(|e| e.to_string())?);
        self.world.restart(end == End::Clean);
        self.held.clear();
        self.handles.clear();
        self.reset_credits();
        self.cold = true;
        let rig = self.rig.as_mut().expect("the broker runs");
        for queue in &self.world.queues {
            // One that has gone since then was there a moment.
            if let Some(handle) = rig.queue(&queue.name) {
                self.handles.insert(queue.uid, handle);
            }
        }
        self.compare()?;
        let rig = self.rig();
        let mut is: Vec<_> = rig.broker.bindings(&rig.vhost).into_iter().map(|b| (b.source, b.destination)).collect();
        is.retain(|(source, _)| &**source != "fence");
        ensure!(is.len() == self.world.bindings.len(), "bindings are {is:?}, not {:?}", self.world.bindings);
        Ok(())
    }

    /// Files are numbered in order: the highest number tells how many have been begun.
    pub(super) fn count_files(&mut self) -> Result<(), String> {
        let names = self.disk.list().map_err(|e| e.to_string())?;
        let numbers = names.iter().filter_map(|n| u64::from_str_radix(n.strip_suffix(".log")?, 16).ok());
        let numbers: Vec<u64> = numbers.collect();
        let last = numbers.iter().copied().max().unwrap_or(0);
        self.reached.files_begun = last;
        self.reached.files_freed = last.saturating_sub(numbers.len() as u64);
        Ok(())
    }
}
