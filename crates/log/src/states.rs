//! Which State entries are wanted: of each object its newest root and the parts that it lists.
//!
//! A file that holds one is kept. Parts written before their root are wanted until that root has come; what a root does
//! not list is dead from then on.

use crate::files::FileUse;
use narumq_model::{Lsn, ObjectId};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One State entry: which part it is, its LSN, where it lies. It counts in the file's `states`.
pub(crate) struct Placed {
    pub(crate) part: u64,
    pub(crate) lsn: Lsn,
    pub(crate) file: Arc<FileUse>,
}

/// A State entry that was appended; a root with the parts that it lists.
pub(crate) struct Written {
    pub(crate) object: ObjectId,
    pub(crate) placed: Placed,
    pub(crate) listed: Vec<(u64, Lsn)>,
}

/// The wanted State entries of all objects.
#[derive(Default)]
pub(crate) struct States(HashMap<ObjectId, Vec<Placed>>);

impl States {
    /// Takes a State entry, which its file counts already. They come in the order of their LSNs.
    pub(crate) fn take(&mut self, object: ObjectId, placed: Placed, listed: &[(u64, Lsn)]) {
        let root = (placed.part == 0).then_some(placed.lsn);
        let all = self.0.entry(object).or_default();
        all.push(placed);
        if let Some(root) = root {
            let holds = |p: &Placed| if p.part == 0 { p.lsn == root } else { listed.contains(&(p.part, p.lsn)) };
            all.retain(|p| holds(p) || p.unwanted());
        }
    }

    /// The object is gone for good.
    pub(crate) fn remove(&mut self, object: ObjectId) {
        self.0.remove(&object).into_iter().flatten().for_each(|p| {
            p.unwanted();
        });
    }

    pub(crate) fn contains(&self, object: ObjectId) -> bool {
        self.0.contains_key(&object)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ObjectId, &Placed)> {
        self.0.iter().flat_map(|(object, all)| all.iter().map(|p| (*object, p)))
    }
}

impl Placed {
    /// Counts it no longer in its file; false, so that it can be dropped where it is found.
    fn unwanted(&self) -> bool {
        self.file.states.fetch_sub(1, Ordering::AcqRel);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_keeps_what_it_lists_and_drops_the_rest() {
        let file = Arc::new(FileUse::new(1, 7, 1 << 20));
        let mut states = States::default();
        let mut take = |part, lsn, listed: &[(u64, Lsn)]| {
            file.states.fetch_add(1, Ordering::AcqRel);
            states.take(ObjectId(3), Placed { part, lsn: Lsn(lsn), file: file.clone() }, listed);
            states.iter().map(|(_, p)| (p.part, p.lsn.0)).collect::<Vec<_>>()
        };
        assert_eq!(take(5, 10, &[]), [(5, 10)]);
        assert_eq!(take(6, 11, &[]), [(5, 10), (6, 11)]);
        assert_eq!(take(0, 12, &[(5, Lsn(10)), (6, Lsn(11))]), [(5, 10), (6, 11), (0, 12)]);
        // A part is written anew: the earlier one holds until the root that does not list it.
        assert_eq!(take(5, 13, &[]), [(5, 10), (6, 11), (0, 12), (5, 13)]);
        assert_eq!(take(0, 14, &[(5, Lsn(13)), (6, Lsn(11))]), [(6, 11), (5, 13), (0, 14)]);
        assert_eq!(take(0, 15, &[]), [(0, 15)]);
        assert_eq!(file.states.load(Ordering::Acquire), 1);
        states.remove(ObjectId(3));
        assert_eq!(file.states.load(Ordering::Acquire), 0);
    }
}
