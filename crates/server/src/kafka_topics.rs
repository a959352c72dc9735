//! Topics of Kafka's format for the management door, which knows them by definition only.

use bytes::Bytes;
use narumq_admin::{NewTopicRecord, TopicBatch, TopicFormat, TopicRecord, TopicSetting};
use narumq_broker::{Broker, TopicSettings, Vhost};
use narumq_kafka::records::{Header, NewRecord};
use narumq_kafka::{FORMAT, administration};
use narumq_model::{Durability, FormatId, Name, Time, TopicDefinition};

/// Sets up topics, and reads and writes record batches of message format v2.
pub(crate) struct KafkaTopics;

impl TopicFormat for KafkaTopics {
    fn format(&self) -> FormatId {
        FORMAT
    }

    fn check_name(&self, name: &str, vhost: &Vhost, broker: &Broker) -> Result<(), String> {
        administration::check_topic_name(name, vhost, broker)
    }

    fn plan(&self, given: &[(Name, Name)], usual: Durability) -> Result<(TopicSettings, Option<Durability>), String> {
        administration::plan_settings(given, usual)
    }

    fn change(
        &self,
        before: &TopicDefinition,
        changes: &[(Name, Option<Name>)],
        usual: Durability,
    ) -> Result<TopicSettings, String> {
        administration::change_settings(before, changes, usual)
    }

    fn settings(&self, topic: &TopicDefinition) -> Vec<TopicSetting> {
        let told = administration::settings_of(topic).into_iter().map(|setting| TopicSetting {
            name: setting.name.to_owned(),
            value: setting.value,
            given: setting.given,
            fixed: setting.fixed,
            about: setting.about.to_owned(),
        });
        told.collect()
    }

    fn assignment(&self, bytes: &[u8]) -> Option<Vec<(String, Vec<u32>)>> {
        administration::read_assignment(bytes)
    }

    fn read(&self, batches: &[u8], each: &mut dyn FnMut(&TopicRecord<'_>) -> bool) -> Option<u64> {
        administration::read_batches(batches, &mut |offset, record| {
            let headers = record.headers.map(|Header { key, value }| (key, value)).collect();
            let (time, key, body) = (record.timestamp, record.key, record.value);
            each(&TopicRecord { offset, time, key, body, headers })
        })
    }

    fn write(&self, records: &[NewTopicRecord], topic: &TopicDefinition, now: Time) -> Result<TopicBatch, String> {
        let headers: Vec<Vec<Header<'_>>> = records.iter().map(headers).collect();
        let of = |(record, headers)| new_record(record, headers, now);
        let records: Vec<NewRecord<'_>> = records.iter().zip(&headers).map(of).collect();
        let written = administration::write_batch(&records, topic, now)?;
        Ok(TopicBatch { bytes: written.bytes, count: written.count, max_time: written.max_time })
    }
}

fn headers(record: &NewTopicRecord) -> Vec<Header<'_>> {
    record.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() }).collect()
}

fn new_record<'r>(record: &'r NewTopicRecord, headers: &'r Vec<Header<'r>>, now: Time) -> NewRecord<'r> {
    let bytes = |bytes: &'r Option<Bytes>| bytes.as_deref();
    let timestamp = record.time.unwrap_or(now.0.cast_signed());
    NewRecord { timestamp, key: bytes(&record.key), value: bytes(&record.body), headers }
}
