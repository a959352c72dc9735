//! A small set of bindings, by their places in the slab.

use smallvec::SmallVec;

/// Where a binding lies in its slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u32);

impl Place {
    /// The place at an index of the slab, which holds fewer than 2^32 bindings: each takes over 64 bytes.
    pub(super) fn of_index(index: usize) -> Self {
        Self(u32::try_from(index).expect("memory ends before 2^32 bindings of one exchange"))
    }

    /// The index in the slab.
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Places in no order. Removal looks through them: four bytes each, so even 100,000 are passed in microseconds.
#[derive(Debug, Default)]
pub(super) struct Places(SmallVec<[Place; 4]>);

impl Places {
    /// Adds a place that is not in it.
    pub(super) fn insert(&mut self, place: Place) {
        self.0.push(place);
    }

    /// Removes a place and gives back memory that churn has left unused.
    pub(super) fn remove(&mut self, place: Place) {
        if let Some(index) = self.0.iter().position(|&p| p == place) {
            self.0.swap_remove(index);
        }
        if self.0.spilled() && self.0.len() < self.0.capacity() / 4 {
            self.0.shrink_to_fit();
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each place once.
    pub(super) fn iter(&self) -> impl Iterator<Item = Place> {
        self.0.iter().copied()
    }
}
