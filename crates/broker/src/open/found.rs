//! What has been read of the log: records of the catalog, queues, and what must not be missing.

use super::OpenError;
use crate::catalog::{CATALOG, Record, decode_part, decode_state};
use crate::parts::{FoundParts, Parts};
use crate::queue::restore::Restoring;
use crate::{coordinator, topic};
use narumq_log::{Entry, FileUse, Head, Kind, Recover, Run, varint};
use narumq_model::{Lsn, Name, ObjectId, Seq};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What has been read of the log.
#[derive(Default)]
pub(super) struct Found {
    pub(super) records: BTreeMap<Vec<u8>, Record>,
    pub(super) queues: HashMap<ObjectId, Restoring>,
    pub(super) partitions: HashMap<ObjectId, topic::restore::Restoring>,
    pub(super) groups: HashMap<ObjectId, coordinator::restore::Restoring>,
    covered: Lsn,
    pub(super) next_object: u64,
    pub(super) unreadable: Option<Lsn>,
    catalog: FoundParts,
    pub(super) parts: Parts,
}

impl Found {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self { next_object: CATALOG.0 + 1, ..Self::default() }
    }

    /// Every message that should be there lies in a file.
    pub(super) fn nothing_lost(&self) -> Result<(), OpenError> {
        let queues = self.records.values().filter_map(|record| match record {
            Record::Queue(_, definition) => self.queues.get_key_value(&definition.id),
            _ => None,
        });
        if let Some(lsn) = self.catalog.missing() {
            return Err(OpenError::Part(CATALOG, lsn));
        }
        for (id, queue) in queues {
            if let Some(lsn) = queue.incomplete() {
                return Err(OpenError::Part(*id, lsn));
            }
            if let Some((first, count)) = queue.lost() {
                return Err(OpenError::Lost(*id, first, count));
            }
        }
        Ok(())
    }
}

impl Recover for Found {
    fn state(&mut self, lsn: Lsn, head: &Head<'_>) {
        let object = head.entry.object;
        let read = if object == CATALOG {
            self.catalog_state(lsn, head)
        } else if head.entry.part == 0 && head.entry.data.first() == Some(&topic::STATE) {
            // The newest State of the catalog may come behind those of the objects that it names.
            self.partitions.entry(object).or_default().state(head).then_some(())
        } else if head.entry.part == 0 && head.entry.data.first() == Some(&coordinator::restore::STATE) {
            self.groups.entry(object).or_default().state(lsn, head)
        } else {
            if head.entry.part != 0 {
                self.groups.entry(object).or_default().part(lsn, head);
            }
            self.queues.entry(object).or_default().state(lsn, head).then_some(())
        };
        if read.is_none() {
            self.unreadable.get_or_insert(lsn);
        }
    }

    fn run(&mut self, object: ObjectId, file: &Arc<FileUse>, run: &Run) {
        // Whether it is a queue or a partition may only be told later.
        self.queues.entry(object).or_default().lies_in(file, run.first, run.last);
        self.partitions.entry(object).or_default().run(file, run);
    }

    fn entry(&mut self, file: &Arc<FileUse>, lsn: Lsn, head: &Head<'_>) {
        let entry = &head.entry;
        let read = match entry.kind {
            Kind::Enqueue => {
                let bytes = head.body.map_or(0, |b| b.len).saturating_sub(entry.props_len.into());
                for (object, seq) in head.targets() {
                    let queue = self.queues.entry(object).or_default();
                    queue.enqueued(lsn, seq, entry, bytes);
                    queue.lies_in(file, seq, seq);
                }
                Some(())
            }
            Kind::Batch => {
                self.partitions.entry(entry.object).or_default().batch(file, entry.seq);
                Some(())
            }
            Kind::Group => {
                self.groups.entry(entry.object).or_default().image(lsn, entry.data);
                Some(())
            }
            Kind::Commit => self.groups.entry(entry.object).or_default().commit(lsn, entry.data),
            Kind::Trim => self.partitions.entry(entry.object).or_default().trimmed(entry.data).then_some(()),
            Kind::Remove => self.queues.entry(entry.object).or_default().removed(lsn, entry.data).then_some(()),
            Kind::Count => self.counted(entry, lsn),
            Kind::State => {
                self.state(lsn, head);
                Some(())
            }
            Kind::Define | Kind::Delete if lsn > self.covered => self.catalog(entry),
            Kind::Define | Kind::Delete | Kind::EpochStart | Kind::EpochEnd | Kind::RoundDone => Some(()),
            _ => None,
        };
        if read.is_none() {
            self.unreadable.get_or_insert(lsn);
        }
    }
}

impl Found {
    fn catalog_state(&mut self, lsn: Lsn, head: &Head<'_>) -> Option<()> {
        if head.entry.part != 0 {
            self.catalog.take(head.entry.part, lsn, head.entry.data);
            return Some(());
        }
        let (next, mut records) = decode_state(head.entry.data)?;
        let (parts, data) = self.catalog.listed(lsn, &head.parts);
        for part in data {
            records.extend(decode_part(part)?);
        }
        self.parts = parts;
        self.covered = lsn;
        self.next_object = self.next_object.max(next);
        self.records = records.into_iter().map(|r| (r.key(), r)).collect();
        Some(())
    }

    fn counted(&mut self, entry: &Entry<'_>, lsn: Lsn) -> Option<()> {
        let mut at = 0;
        let mut number = || varint::get(entry.data, &mut at);
        let (seq, hand_overs, failures) = (number()?, u16::try_from(number()?).ok()?, u16::try_from(number()?).ok()?);
        self.queues.entry(entry.object).or_default().counted(lsn, Seq(seq), hand_overs, failures);
        Some(())
    }

    fn catalog(&mut self, entry: &Entry<'_>) -> Option<()> {
        let record = Record::decode(entry.data)?;
        let id = match &record {
            Record::Exchange(_, exchange) => exchange.id.0,
            Record::Queue(_, queue) => queue.id.0,
            Record::Topic(_, topic) => topic.partitions.iter().fold(topic.id, |id, p| id.max(*p)).0,
            Record::Group(_, group) => group.id.0,
            Record::Vhost(_) | Record::User(..) | Record::Binding(..) | Record::Producers(_) => 0,
        };
        self.next_object = self.next_object.max(id + 1);
        if entry.kind == Kind::Define {
            self.records.insert(record.key(), record);
            return Some(());
        }
        self.records.remove(&record.key());
        // What leads from or to something deleted is deleted with it.
        let bound = |vhost: &Name, name: &Name, queue: bool| {
            let (vhost, name) = (vhost.clone(), name.clone());
            move |record: &Record| match record {
                Record::Binding(v, b) if *v == vhost => match &b.destination {
                    narumq_model::Destination::Queue(to) => queue && *to == name || !queue && b.source == name,
                    narumq_model::Destination::Exchange(to) => !queue && (*to == name || b.source == name),
                },
                _ => false,
            }
        };
        match &record {
            Record::Exchange(vhost, exchange) => {
                let gone = bound(vhost, &exchange.name, false);
                self.records.retain(|_, r| !gone(r));
            }
            Record::Queue(vhost, queue) => {
                let gone = bound(vhost, &queue.name, true);
                self.records.retain(|_, r| !gone(r));
                self.queues.remove(&queue.id);
            }
            Record::Group(_, group) => drop(self.groups.remove(&group.id)),
            Record::Topic(vhost, topic) => {
                let gone = bound(vhost, &topic.name, true);
                self.records.retain(|_, r| !gone(r));
                self.partitions.retain(|id, _| !topic.partitions.contains(id));
            }
            _ => {}
        }
        Some(())
    }
}
