//! The log's writes go before large reads: a device that has taken in a read of a megabyte lets a write wait behind it.
//!
//! A write that somebody waits for is short. Who reads ahead waits until the one under way has ended, and no longer: a log that
//! never rests does not keep readers from the disk.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// After so long a read no longer waits for a write.
const PATIENCE: Duration = Duration::from_millis(50);

/// Whether the log is being written.
#[derive(Debug, Default)]
pub(crate) struct Precedence {
    /// Writes begun and writes ended: odd while one is under way.
    turns: AtomicU64,
    /// Readers that wait.
    waiting: AtomicU64,
    gate: Mutex<()>,
    ended: Condvar,
}

impl Precedence {
    /// Does what goes before reads; one thread at a time.
    pub(crate) fn take<T>(&self, write: impl FnOnce() -> T) -> T {
        self.turns.fetch_add(1, Ordering::SeqCst);
        let result = write();
        // Sequentially consistent, as in `give_way`: either the reader sees that it has ended, or it is seen waiting.
        self.turns.fetch_add(1, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            drop(self.gate.lock().unwrap_or_else(PoisonError::into_inner));
            self.ended.notify_all();
        }
        result
    }

    /// Waits until the write that is under way, if there is one, has ended. Returns how many turns there were: the same as before
    /// if nothing has been written since.
    pub(crate) fn give_way(&self) -> u64 {
        let turn = self.turns.load(Ordering::SeqCst);
        if turn.is_multiple_of(2) {
            return turn;
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = |(): &mut ()| self.turns.load(Ordering::SeqCst) == turn;
        drop(self.ended.wait_timeout_while(gate, PATIENCE, under_way));
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        turn + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{TryRecvError, channel};

    #[test]
    fn a_read_waits_for_the_write_under_way_and_for_no_other() {
        let precedence = Precedence::default();
        precedence.give_way();
        let (read, reads) = channel();
        std::thread::scope(|scope| {
            precedence.take(|| {
                scope.spawn(|| {
                    precedence.give_way();
                    read.send(precedence.turns.load(Ordering::SeqCst))
                });
                while precedence.waiting.load(Ordering::SeqCst) == 0 {
                    std::thread::yield_now();
                }
                assert_eq!(reads.try_recv(), Err(TryRecvError::Empty));
            });
            // The next one is under way at once.
            precedence.take(|| assert!(reads.recv().is_ok_and(|turns| turns >= 2)));
        });
    }
}
