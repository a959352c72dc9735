//! What happened, in LSN order, and what must be found of it: the naive model.

use narumq_model::{Epoch, Lsn, ObjectId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Where a message's bytes come from: its first object, its sequence there, its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    pub object: u64,
    pub seq: u64,
    pub len: u32,
}

impl Origin {
    /// The bytes: they name the message in every word.
    pub fn body(&self) -> Vec<u8> {
        let mut word = (self.object << 48 ^ self.seq).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut bytes = Vec::with_capacity(self.len as usize + 8);
        while bytes.len() < self.len as usize {
            bytes.extend_from_slice(&word.to_le_bytes());
            word = word.rotate_left(7).wrapping_add(0x1234_5678_9abc_def1);
        }
        bytes.truncate(self.len as usize);
        bytes
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(20);
        out.extend_from_slice(&self.object.to_le_bytes());
        out.extend_from_slice(&self.seq.to_le_bytes());
        out.extend_from_slice(&self.len.to_le_bytes());
        out
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            object: u64::from_le_bytes(bytes.get(0..8)?.try_into().ok()?),
            seq: u64::from_le_bytes(bytes.get(8..16)?.try_into().ok()?),
            len: u32::from_le_bytes(bytes.get(16..20)?.try_into().ok()?),
        })
    }
}

#[derive(Clone, Debug)]
pub enum Change {
    Put { targets: Vec<(ObjectId, u64)>, origin: Origin },
    Take { object: ObjectId, seqs: Vec<u64> },
    Set { object: ObjectId, value: u64 },
}

/// One object as the model knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    pub value: u64,
    pub live: BTreeMap<u64, Origin>,
}

impl PartialOrd for Origin {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Origin {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.object, self.seq).cmp(&(other.object, other.seq))
    }
}

#[derive(Clone, Debug, Default)]
struct Inner {
    base: BTreeMap<ObjectId, Model>,
    base_lsn: u64,
    /// LSN → the epoch that appended it, and what.
    changes: BTreeMap<u64, (u64, Change)>,
    groups: Vec<(u64, u64)>,
}

/// The history of one log, over all its starts.
#[derive(Debug, Default)]
pub struct History(Mutex<Inner>);

impl History {
    /// A second history that goes its own way from here on.
    pub fn fork(&self) -> Arc<Self> {
        Arc::new(Self(Mutex::new(self.0.lock().unwrap().clone())))
    }

    pub fn note(&self, lsn: Lsn, epoch: Epoch, change: Change) {
        let before = self.0.lock().unwrap().changes.insert(lsn.0, (epoch.0, change));
        assert!(before.is_none(), "an LSN is given once");
    }

    /// An epoch began here: what earlier epochs appended from here on has come to nothing.
    pub fn epoch_began(&self, lsn: Lsn, epoch: Epoch) {
        let mut inner = self.0.lock().unwrap();
        let torn = inner
            .groups
            .iter()
            .find(|(first, last)| *first < lsn.0 && lsn.0 <= *last && inner.changes[first].0 < epoch.0);
        assert!(torn.is_none(), "an epoch begins at {lsn}, in the middle of the group {torn:?}");
        inner.changes.retain(|at, (of, _)| *at < lsn.0 || *of >= epoch.0);
        let kept: Vec<_> =
            inner.groups.iter().filter(|(first, _)| inner.changes.contains_key(first)).copied().collect();
        inner.groups = kept;
    }

    /// These LSNs, first and last included, take effect together.
    pub fn group(&self, first: Lsn, last: Lsn) {
        self.0.lock().unwrap().groups.push((first.0, last.0));
    }

    /// The world as of `end`, or why the log cannot have ended there.
    pub fn expected(&self, end: Lsn) -> Result<BTreeMap<ObjectId, Model>, String> {
        let inner = self.0.lock().unwrap();
        if let Some(group) = inner.groups.iter().find(|(first, last)| *first <= end.0 && end.0 < *last) {
            return Err(format!("the log ends at {end}, in the middle of the group {group:?}"));
        }
        if end.0 < inner.base_lsn {
            return Err(format!("the log ends at {end}, before {} that was found before", inner.base_lsn));
        }
        let mut models = inner.base.clone();
        inner.changes.range(..=end.0).for_each(|(_, (_, change))| apply(&mut models, change));
        Ok(models)
    }

    /// What lies behind `end` never happened; what lies before is settled.
    pub fn settle(&self, end: Lsn, models: BTreeMap<ObjectId, Model>) {
        let mut inner = self.0.lock().unwrap();
        inner.changes.clear();
        inner.groups.clear();
        inner.base = models;
        inner.base_lsn = end.0;
    }
}

fn apply(models: &mut BTreeMap<ObjectId, Model>, change: &Change) {
    match change {
        Change::Put { targets, origin } => targets.iter().for_each(|(object, seq)| {
            models.entry(*object).or_default().live.insert(*seq, *origin);
        }),
        Change::Take { object, seqs } => {
            let model = models.entry(*object).or_default();
            model.live.retain(|seq, _| !seqs.contains(seq));
        }
        Change::Set { object, value } => models.entry(*object).or_default().value = *value,
    }
}
