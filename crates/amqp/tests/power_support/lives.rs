//! Lives of a broker, one after the other on the same disk: each begins by looking at what the one before has left.

use super::driver::{Driver, Going, Stop, finish};
use super::inspector::inspect;
use super::ledger::{Durable, Ledger};
use super::model::Model;
use super::site::Site;
use super::universe::AGE_MS;
use super::wire::Content;
use super::{Random, Reached};
use narumq_broker::OpenError;
use narumq_log::Options;
use narumq_log::disk::Disk;
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_model::Time;
use std::time::Duration;

/// How long what a start moves may take, in milliseconds.
const PATIENCE_MS: u64 = 500;

/// A disk, and what was told about it.
#[derive(Clone)]
pub struct Scene {
    pub disk: FaultyDisk,
    pub ledger: Ledger,
    /// What the clock says.
    pub now: Time,
}

/// A workload: commands by seed, so many steps of them.
pub type Script = fn(&mut Driver, &mut Random, u64) -> Going;

/// What clients do in a life.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    pub script: Script,
    pub seed: u64,
    pub steps: u64,
}

impl Scene {
    /// An empty disk with this plan.
    pub fn new(plan: Plan) -> Self {
        Self { disk: FaultyDisk::new(plan), ledger: Ledger::default(), now: Time(1_000) }
    }

    /// What is found when the power comes back.
    pub fn after(&self, fate: u64, plan: Plan) -> Self {
        let now = self.now.plus(fate % 4 * AGE_MS / 2);
        Self { disk: self.disk.after_power_cut(fate, plan), ledger: self.ledger.clone(), now }
    }

    /// One life: start, look, work, end in order. False if the power went; an error if something that was told is not so.
    pub fn live(&mut self, options: &Options, work: Work) -> Result<bool, String> {
        let mut site = match Site::open(&self.disk, options, self.now) {
            Ok(site) => site,
            Err(OpenError::Log(narumq_log::OpenError::Io(_))) if self.disk.is_off() => return Ok(false),
            Err(error) => return Err(format!("the broker does not start: {error}")),
        };
        let base = match self.look(&mut site) {
            Ok(base) => base,
            Err(Stop::Cut) => return Ok(false),
            Err(Stop::Wrong(what)) => return Err(format!("{what}; damaged: {:?}", damaged(&site))),
        };
        let mut driver = Driver::new(site, Model::new(base));
        driver.model.settle_down(self.now.0);
        let worked = (work.script)(&mut driver, &mut Random(work.seed), work.steps);
        self.now = driver.site.now();
        let names = self.disk.list().unwrap_or_default();
        names.iter().filter(|name| name.ends_with(".survivor")).for_each(|_| Reached::CopiedOutOfAFile.note());
        if worked.is_err() {
            driver.site.run();
        }
        match worked.and_then(|()| driver.hear()) {
            Ok(()) => {
                self.ledger = finish(driver);
                Ok(!self.disk.is_off())
            }
            Err(Stop::Cut) => {
                driver.hear().or_else(|stop| if let Stop::Wrong(what) = stop { Err(what) } else { Ok(()) })?;
                self.ledger = driver.model.ledger;
                Ok(false)
            }
            Err(Stop::Wrong(what)) => Err(what),
        }
    }

    /// Looks at what a start has found. What is too much for a queue, or too old, the broker's own threads move one by one and
    /// tell nobody: nothing else is needed for that than to wait. Half of it moved may look like an earlier moment, at which
    /// the other half was not there yet, so a look after all of it says which moment it was.
    fn look(&self, site: &mut Site) -> Result<Durable, Stop> {
        let sight = inspect(site, false)?;
        let mut judged = self.ledger.judge(&sight.found, self.now.0);
        let may_move = self.ledger.may_move(self.now.0);
        for _ in 0..PATIENCE_MS {
            if judged.is_ok() || !may_move {
                break;
            }
            std::thread::park_timeout(Duration::from_millis(1));
            judged = self.ledger.judge(&inspect(site, false)?.found, self.now.0);
        }
        if judged.is_ok() && may_move {
            judged = self.ledger.judge(&inspect(site, true)?.found, self.now.0);
        }
        let state = judged.map_err(Stop::Wrong)?;
        let unmarked = |(queue, content): &&(String, Content)| {
            // What this start has moved is new where it is.
            let was_there = state.holds(queue, content);
            let was_in_hand = !content.dead && self.ledger.handed.contains(&(queue.clone(), content.clone()));
            was_there && (!self.ledger.closing || was_in_hand)
        };
        match sight.fresh.iter().find(unmarked) {
            Some((queue, content)) => {
                Err(Stop::Wrong(format!("{content:?} of {queue} is not marked as delivered before")))
            }
            None => Ok(state),
        }
    }
}

/// Messages whose bytes were found damaged, by queue.
fn damaged(site: &Site) -> Vec<(String, u64)> {
    let queues = site.broker.vhosts().into_iter().flat_map(|vhost| site.broker.queues(&vhost));
    queues.map(|queue| (queue.name().to_string(), site.broker.counts(&queue).damaged)).filter(|(_, n)| *n > 0).collect()
}
