//! What the least server holds: topics, where each batch lies, and what has gathered for the disk.

use std::collections::HashMap;
use std::io::Write;
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::files::{Aligned, Piece};

/// Octets that gather at most: a producer waits while there is no room.
pub(crate) const GATHERED: usize = 16 << 20;

/// The writing half of a connection.
pub(crate) struct Outlet(pub(crate) Mutex<TcpStream>);

impl Outlet {
    /// Writes whole frames. A client that is gone is noticed by the thread that reads from it.
    pub(crate) fn write(&self, frames: &[u8]) {
        let _ = lock(&self.0).write_all(frames);
    }
}

/// Locks what no thread leaves half changed, even if one died meanwhile.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where one batch lies once it is on the disk.
#[derive(Clone)]
pub(crate) struct Extent {
    /// The offset after its last record.
    pub(crate) next: i64,
    pub(crate) piece: Option<Arc<Piece>>,
    /// In its piece; while it has none, in what has gathered.
    pub(crate) at: usize,
    pub(crate) length: usize,
}

/// A fetch that waits for a partition's next batch.
pub(crate) struct Parked {
    pub(crate) outlet: Arc<Outlet>,
    pub(crate) correlation: i32,
    pub(crate) topic: String,
    pub(crate) partition: i32,
}

/// One partition.
#[derive(Default)]
pub(crate) struct Partition {
    pub(crate) extents: Vec<Extent>,
    /// How many of them are on the disk.
    pub(crate) durable: usize,
    pub(crate) parked: Vec<Parked>,
}

impl Partition {
    /// The offset after the last batch.
    pub(crate) fn next(&self) -> i64 {
        self.extents.last().map_or(0, |extent| extent.next)
    }

    /// The batches on the disk from the one with this offset on: as many as fit, at least one.
    pub(crate) fn from(&self, offset: i64, octets_max: usize) -> &[Extent] {
        let durable = &self.extents[..self.durable];
        let rest = &durable[durable.partition_point(|extent| extent.next <= offset)..];
        let mut octets = 0;
        let fits = rest.iter().take_while(|extent| {
            octets += extent.length;
            octets <= octets_max
        });
        let count = fits.count().max(1).min(rest.len());
        &rest[..count]
    }
}

/// Everything behind the one lock.
pub(crate) struct State {
    /// Numbers of the partitions by topic. A number is given once.
    pub(crate) topics: HashMap<String, Vec<usize>>,
    pub(crate) partitions: HashMap<usize, Partition>,
    given: usize,
    pub(crate) gathered: Gathered,
}

/// What waits for the disk.
pub(crate) struct Gathered {
    pub(crate) octets: Aligned,
    /// The partition of each batch, in their order.
    pub(crate) batches: Vec<usize>,
    /// Answers for when it is there.
    pub(crate) answers: Vec<(Arc<Outlet>, Vec<u8>)>,
}

impl Gathered {
    /// Nothing.
    pub(crate) fn new() -> Gathered {
        Gathered { octets: Aligned::new(GATHERED), batches: Vec::new(), answers: Vec::new() }
    }
}

impl State {
    /// Creates a topic; false if there is one of this name.
    pub(crate) fn create(&mut self, name: &str, partitions: usize) -> bool {
        if self.topics.contains_key(name) {
            return false;
        }
        let numbers: Vec<usize> = (self.given..self.given + partitions).collect();
        self.given += partitions;
        self.partitions.extend(numbers.iter().map(|number| (*number, Partition::default())));
        self.topics.insert(name.to_owned(), numbers);
        true
    }

    /// Deletes a topic and forgets where its batches lie: a file without batches is closed, and gone.
    pub(crate) fn delete(&mut self, name: &str) -> bool {
        let numbers = self.topics.remove(name);
        numbers.iter().flatten().for_each(|number| drop(self.partitions.remove(number)));
        numbers.is_some()
    }

    /// The partition of a topic.
    pub(crate) fn number(&self, topic: &str, partition: i32) -> Option<usize> {
        self.topics.get(topic)?.get(usize::try_from(partition).ok()?).copied()
    }

    /// Puts a batch behind the others, which has room, and gives it its base offset; `None` if the partition is gone.
    pub(crate) fn append(&mut self, number: usize, batch: &[u8], records: i64) -> Option<i64> {
        let partition = self.partitions.get_mut(&number)?;
        let base = partition.next();
        let at = self.gathered.octets.append(batch);
        self.gathered.octets.octets_mut()[at..at + 8].copy_from_slice(&base.to_be_bytes());
        partition.extents.push(Extent { next: base + records, piece: None, at, length: batch.len() });
        self.gathered.batches.push(number);
        Some(base)
    }
}

/// The state, and who waits for it to change.
pub(crate) struct Store {
    state: Mutex<State>,
    changed: Condvar,
}

impl Store {
    /// Nothing held yet.
    pub(crate) fn new() -> Store {
        let state = State { topics: HashMap::new(), partitions: HashMap::new(), given: 0, gathered: Gathered::new() };
        Store { state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Waits for a change.
    pub(crate) fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes who waits.
    pub(crate) fn notify(&self) {
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fetch_gets_what_fits_but_at_least_one_batch_and_only_what_is_durable() {
        let mut store = Store::new().state.into_inner().unwrap();
        assert!(store.create("t", 2) && !store.create("t", 1));
        let number = store.number("t", 1).unwrap();
        assert_eq!((store.number("t", 2), store.number("u", 0)), (None, None));
        for (records, base) in [(3, 0), (1, 3), (2, 4)] {
            assert_eq!(store.append(number, &[9; 100], records), Some(base));
        }
        let partition = store.partitions.get_mut(&number).unwrap();
        assert!(partition.from(0, 1000).is_empty(), "none is on the disk");
        partition.durable = 2;
        let ends = |offset, octets| partition.from(offset, octets).iter().map(|extent| extent.next).collect::<Vec<_>>();
        assert_eq!((ends(0, 1000), ends(2, 250)), (vec![3, 4], vec![3, 4]));
        assert_eq!((ends(2, 150), ends(2, 1)), (vec![3], vec![3]));
        assert_eq!((ends(3, 1000), ends(4, 1000)), (vec![4], vec![]));
        assert_eq!(store.gathered.octets.octets()[200..209], [0, 0, 0, 0, 0, 0, 0, 4, 9]);
        assert!(store.delete("t") && !store.delete("t"));
        assert_eq!(store.append(number, &[9; 100], 1), None);
    }
}
