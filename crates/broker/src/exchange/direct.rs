//! Direct exchanges: the routing key equals the binding key, byte for byte.

use super::places::{Place, Places};
use bytes::Bytes;
use foldhash::HashMap;

/// Bindings by their keys.
#[derive(Debug, Default)]
pub(super) struct Keys(HashMap<Bytes, Places>);

impl Keys {
    /// Adds a binding.
    pub(super) fn insert(&mut self, key: &Bytes, place: Place) {
        self.0.entry(key.clone()).or_default().insert(place);
    }

    /// Removes a binding, and its key with the last one.
    pub(super) fn remove(&mut self, key: &[u8], place: Place) {
        let Some(places) = self.0.get_mut(key) else { return };
        places.remove(place);
        if places.is_empty() {
            self.0.remove(key);
        }
    }

    /// The bindings with this key.
    pub(super) fn matches(&self, key: &[u8]) -> impl Iterator<Item = Place> {
        self.0.get(key).into_iter().flat_map(Places::iter)
    }

    /// How many keys are known.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
