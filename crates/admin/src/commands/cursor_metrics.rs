//! `/metrics` of topics, groups and queues one by one: under our own names, and under those of the kafka_exporter.
//!
//! All is looked at once; then each name is written with all its values, as the format wants it. What is told one by one is
//! bounded, so that a scrape's cost is.

use super::metrics::{Exposition, escape};
use crate::Shared;
use narumq_broker::{Broker, CursorListing, Vhost};
use narumq_door::Context;
use narumq_model::Time;
use std::fmt::Write;

/// Partitions, cursors of groups, and queues told one by one, of each at most.
const TOLD_MAX: usize = 10_000;

/// One line of each name: the labels, our own and the exporter's, and the values.
struct Row<const N: usize> {
    own: String,
    exporter: String,
    values: [Option<String>; N],
}

/// A name with the column of values that it shows, and whose labels it has.
struct Family {
    name: &'static str,
    help: &'static str,
    column: usize,
    exporter: bool,
}

const fn own(name: &'static str, column: usize, help: &'static str) -> Family {
    Family { name, help, column, exporter: false }
}

const fn exporter(name: &'static str, column: usize, help: &'static str) -> Family {
    Family { name, help, column, exporter: true }
}

const PARTITIONS: [Family; 5] = [
    own("narumq_topic_partition_start_offset", 0, "The first record's offset."),
    own("narumq_topic_partition_end_offset", 1, "The offset behind the last record that readers see."),
    own("narumq_topic_partition_bytes", 2, "Bytes kept, in memory and on the disk."),
    exporter("kafka_topic_partition_oldest_offset", 0, "Oldest Offset of a Broker at Topic/Partition"),
    exporter("kafka_topic_partition_current_offset", 1, "Current Offset of a Broker at Topic/Partition"),
];
const TOPICS: [Family; 1] = [exporter("kafka_topic_partitions", 0, "Number of partitions for this Topic")];
const CURSORS: [Family; 5] = [
    own("narumq_group_committed_offset", 0, "The offset of the next record to read."),
    own("narumq_group_lag", 1, "Records behind the committed offset."),
    own("narumq_group_oldest_age_seconds", 2, "Since the oldest record that is not read arrived; 0 without lag."),
    exporter("kafka_consumergroup_current_offset", 0, "Current Offset of a ConsumerGroup at Topic/Partition"),
    exporter("kafka_consumergroup_lag", 1, "Current Approximate Lag of a ConsumerGroup at Topic/Partition"),
];
const GROUPS: [Family; 1] = [exporter("kafka_consumergroup_members", 0, "Amount of members in a consumer group")];
const QUEUES: [Family; 2] = [
    own("narumq_queue_lag", 0, "Messages that wait, and those handed over and not settled."),
    own("narumq_queue_oldest_age_seconds", 1, "About since when the oldest of them came; 0 without lag."),
];

/// Writes all of them.
pub(super) fn cursors(out: &mut Exposition, shared: &Shared, cx: &Context<'_>) {
    let (broker, now) = (cx.broker, cx.turn.now);
    let (mut partitions, mut topics, mut cursors, mut groups, mut queues) = Default::default();
    for vhost in broker.vhosts() {
        of_topics(broker, &vhost, &mut partitions, &mut topics);
        of_groups(broker, &vhost, now, (&mut cursors, &mut groups));
        of_queues(shared, broker, &vhost, now, &mut queues);
    }
    out.gauge("kafka_brokers", "Number of Brokers in the Kafka Cluster.", 1);
    let untold = write(out, &PARTITIONS, &partitions) + write(out, &TOPICS, &topics);
    out.gauge("narumq_topic_partitions_untold", "Partitions that are not told one by one.", untold);
    let untold = write(out, &CURSORS, &cursors) + write(out, &GROUPS, &groups) + write(out, &QUEUES, &queues);
    out.gauge("narumq_cursors_untold", "Cursors that are not told one by one.", untold);
}

/// Rows up to the bound, and how many there are beyond.
struct Rows<const N: usize> {
    rows: Vec<Row<N>>,
    beyond: usize,
}

impl<const N: usize> Default for Rows<N> {
    fn default() -> Self {
        Self { rows: Vec::new(), beyond: 0 }
    }
}

impl<const N: usize> Rows<N> {
    /// Adds what `row` makes, if there is room.
    fn add(&mut self, row: impl FnOnce() -> Option<Row<N>>) {
        if self.rows.len() == TOLD_MAX {
            self.beyond += 1;
        } else {
            self.rows.extend(row());
        }
    }
}

fn of_topics(broker: &Broker, vhost: &Vhost, partitions: &mut Rows<3>, topics: &mut Rows<1>) {
    let name = escape(vhost.name());
    for topic in broker.topics(vhost) {
        let definition = topic.definition();
        let label = escape(&definition.name);
        let labels = || format!("topic=\"{label}\"");
        let count = definition.partitions.len();
        topics.add(|| Some(Row { own: labels(), exporter: labels(), values: [Some(count.to_string())] }));
        for number in 0..count {
            partitions.add(|| {
                let offsets = broker.offsets(&topic.partition(number as u32)?)?;
                let values = [offsets.start, offsets.high, offsets.bytes].map(|value| Some(value.to_string()));
                let exporter = format!("partition=\"{number}\",topic=\"{label}\"");
                Some(Row {
                    own: format!("vhost=\"{name}\",topic=\"{label}\",partition=\"{number}\""),
                    exporter,
                    values,
                })
            });
        }
    }
}

fn of_groups(broker: &Broker, vhost: &Vhost, now: Time, (cursors, groups): (&mut Rows<3>, &mut Rows<1>)) {
    let name = escape(vhost.name());
    for (group, read) in broker.all_cursors(vhost) {
        let label = escape(&group);
        read.iter().for_each(|cursor| cursors.add(|| Some(of_cursor(cursor, &name, &label, now))));
        groups.add(|| {
            let labels = format!("consumergroup=\"{label}\"");
            let members = broker.describe_group(vhost, &group)?.members.len().to_string();
            Some(Row { own: labels.clone(), exporter: labels, values: [Some(members)] })
        });
    }
}

fn of_cursor(cursor: &CursorListing, vhost: &str, group: &str, now: Time) -> Row<3> {
    let (topic, number) = (escape(&cursor.topic.definition().name), cursor.partition);
    Row {
        own: format!("vhost=\"{vhost}\",group=\"{group}\",topic=\"{topic}\",partition=\"{number}\""),
        exporter: format!("consumergroup=\"{group}\",partition=\"{number}\",topic=\"{topic}\""),
        values: [
            Some(cursor.committed.offset.to_string()),
            Some(cursor.lag().to_string()),
            Some(seconds(cursor.waiting_since.map(|arrival| arrival.at), now)),
        ],
    }
}

fn of_queues(shared: &Shared, broker: &Broker, vhost: &Vhost, now: Time, queues: &mut Rows<2>) {
    let name = escape(vhost.name());
    for queue in shared.queues(broker, vhost) {
        queues.add(|| {
            let counts = broker.counts(&queue);
            let labels = format!("vhost=\"{name}\",queue=\"{}\"", escape(queue.name()));
            let lag = counts.ready + counts.unsettled;
            let values = [Some(lag.to_string()), Some(seconds(counts.oldest, now))];
            Some(Row { own: labels.clone(), exporter: labels, values })
        });
    }
}

fn seconds(since: Option<Time>, now: Time) -> String {
    let millis = since.map_or(0, |came| now.since(came));
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

/// Writes the families of these rows; returns how many rows there was no room for.
fn write<const N: usize>(out: &mut Exposition, families: &[Family], rows: &Rows<N>) -> usize {
    for Family { name, help, column, exporter } in families {
        if !rows.rows.iter().any(|row| row.values[*column].is_some()) {
            continue;
        }
        let _ = writeln!(out.0, "# HELP {name} {help}\n# TYPE {name} gauge");
        for row in &rows.rows {
            let labels = if *exporter { &row.exporter } else { &row.own };
            if let Some(value) = &row.values[*column] {
                let _ = writeln!(out.0, "{name}{{{labels}}} {value}");
            }
        }
    }
    rows.beyond
}
