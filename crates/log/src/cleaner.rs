//! The cleaner thread: objects are cleaned one after the other, in the time that nobody else wants.

use crate::shared::Shared;
use narumq_model::ObjectId;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

/// How much the thread steps back behind others, as `nice` counts.
const NICE: i32 = 10;

/// Serves requests until the log ends.
pub(crate) fn run(shared: &Shared, cleans: &Receiver<ObjectId>) {
    // Of the calling thread alone, on Linux. Without it cleaning costs others more, nothing else.
    let _ = rustix::process::setpriority_process(None, NICE);
    while let Ok(object) = cleans.recv() {
        if shared.ending.load(Ordering::Acquire) || shared.terminal().is_some() {
            return;
        }
        if let Some(listener) = shared.listener.get() {
            listener.clean(object);
        }
    }
}
