//! Messages that reach a topic through an exchange or under its name: those of one turn to one partition are one batch.

use crate::Broker;
use crate::topic::{Batch, Partition, Topic};
use crate::turn::Turn;
use narumq_model::{Headers, KeyFrom, Lsn, Message, Record, TopicPolicy, Value};
use std::sync::Arc;

/// Bytes of messages beyond which what has gathered is appended.
const GATHERED_MAX: usize = 512 << 10;
/// A message of more than this share of the largest batch is measured before it is taken.
const NEARLY: usize = 4;

/// Messages on their way into one partition.
#[derive(Debug)]
pub(crate) struct Framing {
    topic: Arc<Topic>,
    partition: Arc<Partition>,
    /// They came without a key: more of their kind join them.
    keyless: bool,
    records: Vec<Record>,
    bytes: usize,
}

impl Broker {
    /// Takes a message for a topic, to be appended with others of this turn. False if the topic does not take it.
    pub(crate) fn gather(&self, topic: &Arc<Topic>, message: &Message, turn: &mut Turn) -> bool {
        let Some(read) = self.settings.dialects.messages(message.format) else { return false };
        let mut record = read.read(message);
        let definition = topic.definition();
        let policy = &definition.policy;
        if record.exchange.is_none() && record.routing_key.as_deref() == Some(definition.name.as_bytes()) {
            // It came from where there are no exchanges, and was sent on by the topic's name alone.
            record.routing_key = None;
        }
        choose_key(policy, &mut record);
        if policy.compacts && record.key.is_none() {
            return false;
        }
        let partitions = topic.partitions();
        let Some(first) = partitions.first() else { return false };
        let bytes = message.body().len() + message.memory();
        let most = policy.batch_bytes_max as usize;
        if bytes > most / NEARLY && first.dialect.frame(std::slice::from_ref(&record), policy, turn.now).len() > most {
            return false;
        }
        let keyless = record.key.is_none();
        let partition = match turn.framing.iter().find(|f| keyless && f.keyless && Arc::ptr_eq(&f.topic, topic)) {
            Some(framing) => framing.partition.clone(),
            None => partitions[topic.partition_of(record.key.as_deref(), partitions.len())].clone(),
        };
        let same = |framing: &&mut Framing| Arc::ptr_eq(&framing.partition, &partition) && framing.keyless == keyless;
        let framing = match turn.framing.iter_mut().find(same) {
            Some(framing) => framing,
            None => {
                let topic = topic.clone();
                turn.framing.push(Framing { topic, partition, keyless, records: Vec::new(), bytes: 0 });
                turn.framing.last_mut().expect("it was just pushed")
            }
        };
        framing.records.push(record);
        framing.bytes += bytes;
        if framing.bytes > GATHERED_MAX {
            self.end_of_publishes(turn);
        }
        true
    }

    /// Appends what this turn's publishes have gathered for topics; the confirms of these publishes wait for the LSN.
    pub fn end_of_publishes(&self, turn: &mut Turn) -> Lsn {
        for framing in std::mem::take(&mut turn.framing) {
            self.append_records(&framing.partition, &framing.records, &framing.topic.definition().policy, turn);
        }
        turn.framed
    }

    /// Appends records as one batch, or as several if one would be too large.
    fn append_records(&self, partition: &Arc<Partition>, records: &[Record], policy: &TopicPolicy, turn: &mut Turn) {
        let mut bytes = partition.dialect.frame(records, policy, turn.now);
        if bytes.len() > policy.batch_bytes_max as usize && records.len() > 1 {
            let (before, behind) = records.split_at(records.len() / 2);
            self.append_records(partition, before, policy, turn);
            return self.append_records(partition, behind, policy, turn);
        }
        partition.dialect.place(&mut bytes, 0, self.leader_epoch());
        let facts = partition.dialect.batch(&bytes).expect("a dialect reads what it frames");
        let batch = Batch { bytes: &bytes, count: facts.count, max_time: facts.max_time, producer: None };
        // A topic that has been deleted meanwhile takes nothing any more, as a queue.
        if let Ok(appended) = self.append(&crate::PartitionHandle(partition.clone()), batch, turn) {
            turn.framed = turn.framed.max(appended.lsn);
        }
    }
}

/// Gives a record without a key the one that the topic's policy finds in it.
fn choose_key(policy: &TopicPolicy, record: &mut Record) {
    if record.key.is_some() {
        return;
    }
    record.key = match &policy.key_from {
        KeyFrom::Nothing => None,
        KeyFrom::RoutingKey => record.routing_key.clone().filter(|key| !key.is_empty()),
        KeyFrom::Header(name) => header(&record.headers, name.as_bytes()),
    };
}

fn header(headers: &Headers, name: &[u8]) -> Option<bytes::Bytes> {
    match headers.get(name)? {
        Value::Text(bytes) | Value::Binary(bytes) => Some(bytes.clone()),
        value => value.as_integer().map(|number| number.to_string().into()),
    }
}
