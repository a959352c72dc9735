//! What was found becomes vhosts, exchanges, queues, bindings and users; a new log gets the first of them.

use super::OpenError;
use super::found::Found;
use crate::Broker;
use crate::catalog::Record;
use crate::coordinator::Coordinated;
use crate::core::lock;
use crate::queue::Queue;
use crate::topic::restore::{Broken, SegmentFiles, segment_files};
use crate::topic::segment_names;
use crate::topology::Vhost;
use crate::turn::Turn;
use crate::users::{Account, Users};
use narumq_log::{Ended, Kind};
use narumq_model::{GroupDefinition, Lsn, Name, ObjectId, Seq, TopicDefinition};
use std::sync::{Arc, PoisonError};

impl Broker {
    /// Returns the names of files that nobody wants any more: of topics that are there, and others.
    pub(super) fn bring_up(
        &self,
        mut found: Found,
        ended: Ended,
        turn: &mut Turn,
    ) -> Result<(Vec<String>, Vec<String>), OpenError> {
        let records: Vec<Record> = std::mem::take(&mut found.records).into_values().collect();
        let mut users = Users::default();
        for record in &records {
            match record {
                Record::Vhost(name) => self.enter_vhost(name.clone()),
                Record::User(_, opaque) => drop(Account::decode(opaque).map(|account| users.put(account))),
                _ => {}
            }
        }
        if self.vhost(&self.settings.default_vhost).is_none() {
            self.enter_vhost(self.settings.default_vhost.clone());
            self.log_record(Kind::Define, &Record::Vhost(self.settings.default_vhost.clone()), turn);
        }
        if users.iter().len() == 0 {
            users = Users::with_guest(self.settings.salt);
            for account in users.iter() {
                self.log_record(Kind::Define, &Record::user(account), turn);
            }
        }
        *self.users.write().unwrap_or_else(PoisonError::into_inner) = users;
        let (mut segments, mut unwanted) =
            segment_files(&self.core.log).map_err(|error| OpenError::Segment(ObjectId(0), error))?;
        let mut replaced = Vec::new();
        for record in records {
            match record {
                Record::Topic(vhost, definition) => {
                    replaced.extend(self.bring_up_topic(&vhost, definition, &mut found, &mut segments, turn)?);
                }
                Record::Group(vhost, definition) => self.bring_up_group(&vhost, definition, &mut found, turn)?,
                Record::Producers(next) => lock(&self.producers).begin(next),
                other => self.bring_up_record(other, &mut found, ended, turn),
            }
        }
        // What is left belongs to topics that have been deleted: their ids are never given again.
        let gone = segments.into_iter().filter(|(id, _)| id.0 < found.next_object);
        unwanted.extend(gone.flat_map(|(id, files)| files.into_iter().flat_map(move |of| segment_names(id, of))));
        Ok((replaced, unwanted))
    }

    fn bring_up_group(
        &self,
        vhost: &str,
        definition: GroupDefinition,
        found: &mut Found,
        turn: &mut Turn,
    ) -> Result<(), OpenError> {
        let Some(vhost) = self.vhost(vhost) else { return Ok(()) };
        let restoring = found.groups.remove(&definition.id).unwrap_or_default();
        if let Some(lsn) = restoring.incomplete() {
            return Err(OpenError::Part(definition.id, lsn));
        }
        let unreadable = || OpenError::Group(definition.name.clone());
        let (group, parts) = restoring.finish(&self.settings.groups, turn.now).ok_or_else(unreadable)?;
        let name = definition.name.clone();
        let of = Arc::new(Coordinated::new(definition, vhost.name().clone(), group, Lsn(0), turn.now));
        {
            let mut cell = of.lock();
            cell.parts = parts;
            cell.arm(&of, &self.core);
        }
        self.core.enter_group(of.clone());
        vhost.write().groups.insert(name, of);
        Ok(())
    }

    /// Returns the names of files that nobody wants any more.
    fn bring_up_topic(
        &self,
        vhost: &str,
        definition: TopicDefinition,
        found: &mut Found,
        segments: &mut SegmentFiles,
        turn: &mut Turn,
    ) -> Result<Vec<String>, OpenError> {
        let mut unwanted = Vec::new();
        let Some(vhost) = self.vhost(vhost) else { return Ok(unwanted) };
        let unknown = || OpenError::Format(definition.name.clone(), definition.format);
        let dialect = self.settings.dialects.get(definition.format).ok_or_else(unknown)?.clone();
        let topic = self.enter_topic(&vhost, definition, &dialect);
        for partition in topic.partitions().iter() {
            let id = partition.id;
            let files = segments.remove(&id).unwrap_or_default();
            let restoring = found.partitions.remove(&id).unwrap_or_default();
            let finished = restoring.finish(partition, &self.core, &files, turn.now);
            unwanted.extend(finished.map_err(|broken| match broken {
                Broken::Io(error) => OpenError::Segment(id, error),
                Broken::Lost(offset) => OpenError::LostBatches(id, offset),
            })?);
        }
        Ok(unwanted)
    }

    /// Records come by tag: exchanges and queues before bindings.
    fn bring_up_record(&self, record: Record, found: &mut Found, ended: Ended, turn: &mut Turn) {
        match record {
            Record::Exchange(vhost, definition) => {
                if let Some(vhost) = self.vhost(&vhost) {
                    vhost.write().add_exchange(Arc::new(definition), false);
                }
            }
            Record::Queue(vhost, definition) => {
                let Some(vhost) = self.vhost(&vhost) else { return };
                let epoch = self.core.log.epoch();
                let first = Seq((epoch.0 << 40) + 1);
                let restoring = found.queues.remove(&definition.id);
                let queue = Arc::new(Queue::new(definition, vhost.name().clone(), None, first, turn.now));
                if let Some(restoring) = restoring {
                    restoring.finish(&queue, ended.clean, epoch);
                }
                self.core.enter(queue.clone());
                vhost.write().queues.insert(queue.definition.name.clone(), queue.clone());
            }
            Record::Binding(vhost, binding) => {
                let Some(vhost) = self.vhost(&vhost) else { return };
                let mut state = vhost.write();
                if let Some(source) = state.exchanges.get_mut(&binding.source) {
                    source.bindings.insert(binding.key, binding.arguments, binding.header_match, binding.destination);
                }
            }
            Record::Vhost(_) | Record::User(..) | Record::Topic(..) | Record::Group(..) | Record::Producers(_) => {}
        }
    }

    pub(crate) fn enter_vhost(&self, name: Name) {
        let vhost = Vhost::new(name.clone());
        {
            let mut state = vhost.write();
            for spec in &self.settings.given_exchanges {
                state.add_exchange(Arc::new(spec.clone().define(ObjectId(0))), true);
            }
        }
        self.vhosts.write().unwrap_or_else(PoisonError::into_inner).insert(name, vhost);
    }
}
