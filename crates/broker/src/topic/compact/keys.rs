//! The keys of the dirty part: for each the offset of its last record, in bounded memory.
//!
//! ```text
//! slot:   u64 hash | u64 hash | u64 offset + 1      24 bytes; 0 = free; open addressing, the next free slot behind
//! ```
//! A key is known by 128 bits of it. That two keys of a billion have the same ones has a chance of 1 in 10^20.

use std::hash::{DefaultHasher, Hasher};

/// What is known of a key instead of itself.
pub(super) type KeyHash = [u64; 2];

/// Hashes a key.
pub(super) fn hash(key: &[u8]) -> KeyHash {
    [0x6b65_7973, 0x6f66_6673].map(|half| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(half);
        hasher.write(key);
        hasher.finish()
    })
}

/// The last offset of each key.
#[derive(Debug)]
pub(super) struct LastOffsets {
    slots: Vec<[u64; 3]>,
    taken: usize,
}

/// Bytes of a slot.
const SLOT: u64 = 24;

impl LastOffsets {
    /// Room for `keys` keys, but no more than `bytes` hold, and for one in any case.
    pub(super) fn new(keys: u64, bytes: u64) -> Self {
        let slots = (keys.saturating_add(keys / 3).saturating_add(4)).min(bytes / SLOT).max(2);
        Self { slots: vec![[0; 3]; slots as usize], taken: 0 }
    }

    /// Whether no further key has room: every fifth slot stays free.
    pub(super) fn is_full(&self) -> bool {
        self.taken >= (self.slots.len() / 5 * 4).max(1)
    }

    fn slot(&self, key: KeyHash) -> usize {
        let mut at = ((u128::from(key[0]) * self.slots.len() as u128) >> 64) as usize;
        while self.slots[at][2] != 0 && self.slots[at][..2] != key {
            at = if at + 1 == self.slots.len() { 0 } else { at + 1 };
        }
        at
    }

    /// The key's last record so far is this one. False if it has no room.
    pub(super) fn put(&mut self, key: KeyHash, offset: u64) -> bool {
        let at = self.slot(key);
        if self.slots[at][2] == 0 {
            if self.is_full() {
                return false;
            }
            self.taken += 1;
        }
        self.slots[at] = [key[0], key[1], offset + 1];
        true
    }

    /// The key's last record, if it has one.
    pub(super) fn get(&self, key: KeyHash) -> Option<u64> {
        self.slots[self.slot(key)][2].checked_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn the_last_offset_of_each_key_is_kept_until_there_is_no_room() {
        let mut naive: HashMap<Vec<u8>, u64> = HashMap::new();
        let mut map = LastOffsets::new(10_000, 12_000);
        for offset in 0..3_000u64 {
            let key = (offset * 7_919 % 450).to_le_bytes().to_vec();
            if map.put(hash(&key), offset) {
                naive.insert(key, offset);
            } else {
                assert!(map.is_full() && !naive.contains_key(&key));
            }
        }
        assert_eq!(naive.len(), 400, "500 slots, four of five taken");
        for key in (0..450u64).map(|n| n.to_le_bytes().to_vec()) {
            assert_eq!(map.get(hash(&key)), naive.get(&key).copied());
        }
    }

    #[test]
    fn one_key_has_room_in_any_case() {
        let mut map = LastOffsets::new(0, 0);
        assert!(map.put(hash(b""), 0) && map.put(hash(b""), 9));
        assert!(!map.put(hash(b"b"), 10));
        assert_eq!((map.get(hash(b"")), map.get(hash(b"b"))), (Some(9), None));
    }
}
