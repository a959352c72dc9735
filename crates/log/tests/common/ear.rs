//! A listener that keeps what it is told and can be waited for.

use super::parts;
use super::world::Object;
use narumq_log::{FileUse, Listener, Log, ReadDone, Terminal};
use narumq_model::{Lsn, ObjectId, Seq, SeqRange};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Nothing that is waited for takes longer, on the slowest machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// What was told.
#[derive(Default)]
pub struct Told {
    pub durable: Vec<Lsn>,
    pub failed: Vec<String>,
    pub reads: Vec<ReadDone>,
    /// How often messages were told to lie elsewhere.
    pub moved: u64,
    pub checkpoints: Vec<ObjectId>,
    /// How often the same LSN was told again.
    pub again: u64,
    /// What must never be told.
    pub wrong: Vec<String>,
}

#[derive(Default)]
pub struct Ear {
    told: Mutex<Told>,
    changed: Condvar,
    pub log: Mutex<Option<Arc<Log>>>,
    pub objects: Mutex<BTreeMap<ObjectId, Arc<Object>>>,
    /// The highest LSN told durable, kept over restarts.
    pub durable: Arc<AtomicU64>,
}

impl Ear {
    pub fn new(durable: Arc<AtomicU64>) -> Self {
        Self { durable, ..Self::default() }
    }

    /// Waits until `until` holds of what was told.
    pub fn wait<T>(&self, what: &str, mut until: impl FnMut(&mut Told) -> Option<T>) -> T {
        let mut found = None;
        let told = self.told.lock().unwrap();
        let (_told, timeout) = self
            .changed
            .wait_timeout_while(told, DEADLINE, |told| {
                found = until(told);
                found.is_none()
            })
            .unwrap();
        assert!(!timeout.timed_out() || found.is_some(), "waited too long for {what}");
        found.unwrap()
    }

    /// Waits until `lsn` is durable or the log has failed; true if it is durable.
    pub fn durable_or_failed(&self, lsn: Lsn) -> bool {
        self.wait("the durable LSN", |told| {
            let durable = told.durable.last().is_some_and(|d| *d >= lsn);
            (durable || !told.failed.is_empty()).then_some(durable)
        })
    }

    pub fn look<T>(&self, of: impl FnOnce(&Told) -> T) -> T {
        of(&self.told.lock().unwrap())
    }

    /// Whether all that was told may be told. The same durable LSN comes again only when space becomes short or returns.
    pub fn check(&self, space_changes: u64) {
        self.look(|told| {
            assert_eq!(told.wrong, Vec::<String>::new());
            assert!(told.again <= space_changes, "the same LSN was told {} times again", told.again);
            assert!(told.failed.len() <= 1, "a failure is told once");
        });
    }

    fn tell(&self, change: impl FnOnce(&mut Told)) {
        change(&mut self.told.lock().unwrap());
        self.changed.notify_all();
    }
}

impl Listener for Ear {
    fn durable(&self, lsn: Lsn) {
        self.tell(|told| {
            // This runs on the log's threads: what is wrong is kept for the thread of the test.
            match told.durable.last() {
                Some(last) if *last > lsn => told.wrong.push(format!("{lsn} told durable after {last}")),
                Some(last) if *last == lsn => told.again += 1,
                _ if !told.failed.is_empty() => told.wrong.push(format!("{lsn} told durable after a failure")),
                _ => {}
            }
            told.durable.push(lsn);
        });
        self.durable.fetch_max(lsn.0, Ordering::SeqCst);
    }

    fn read_done(&self, done: ReadDone) {
        self.tell(|told| told.reads.push(done));
    }

    fn ended(&self, why: &Terminal) {
        self.tell(|told| told.failed.push(why.to_string()));
    }

    fn checkpoint(&self, object: ObjectId, from: Lsn) -> bool {
        let found = self.objects.lock().unwrap().get(&object).cloned();
        let log = self.log.lock().unwrap().clone();
        if let (Some(found), Some(log)) = (found, log) {
            parts::checkpoint(&log, object, &mut found.state.lock().unwrap(), from);
        }
        self.tell(|told| told.checkpoints.push(object));
        true
    }

    fn live(&self, object: ObjectId, file: u64) -> Vec<SeqRange> {
        let Some(object) = self.objects.lock().unwrap().get(&object).cloned() else { return Vec::new() };
        let state = object.state.lock().unwrap();
        let there = state.live.iter().filter(|(_, (_, lies_in))| lies_in.number() == file);
        there.map(|(seq, _)| SeqRange::one(Seq(*seq))).collect()
    }

    fn moved(&self, object: ObjectId, from: u64, to: &Arc<FileUse>, spans: &[SeqRange]) {
        self.tell(|told| told.moved += 1);
        let Some(object) = self.objects.lock().unwrap().get(&object).cloned() else { return };
        let mut state = object.state.lock().unwrap();
        for span in spans {
            let there = state.live.range_mut(span.first.0..=span.last.0);
            for (_, (_, file)) in there.filter(|(_, (_, file))| file.number() == from) {
                file.sub_live(1);
                to.add_live(1);
                *file = to.clone();
            }
        }
    }

    fn scratch_done(&self, _: ObjectId, _: u64, _: Result<bytes::Bytes, String>) {}
}
