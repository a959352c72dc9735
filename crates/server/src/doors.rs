//! The doors: one function each, and where they listen.

use crate::amqp_properties::AmqpProperties;
use crate::config::address::Address;
use crate::config::{Config, KafkaConfig};
use crate::directory::{Opened, ProcessDirectory};
use crate::kafka_topics::KafkaTopics;
use crate::{startup, system};
use narumq_broker::{Dialects, StreamForm};
use narumq_door::Door;
use narumq_net::Listen;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Everything that is to listen. `identity` is the data directory's, `ready` tells the health checks whether the broker serves, `broker` is filled once it is open.
pub(crate) fn listeners(config: &Config, identity: u128, ready: &Arc<AtomicBool>, broker: &Opened) -> Vec<Listen> {
    let mut listeners = Vec::new();
    listen(&mut listeners, &config.amqp, || amqp(config));
    listen(&mut listeners, &config.kafka, || kafka(config, identity));
    listen(&mut listeners, &config.http, || admin(config, ready, broker));
    listeners
}

/// A door that is off is not made.
fn listen(listeners: &mut Vec<Listen>, addresses: &[Address], door: impl FnOnce() -> Arc<dyn Door>) {
    if !addresses.is_empty() {
        let door = door();
        let listen = |a: &Address| Listen { address: a.socket, door: door.clone(), optional: a.optional };
        listeners.extend(addresses.iter().map(listen));
    }
}

fn amqp(config: &Config) -> Arc<dyn Door> {
    let (heartbeat, identity) = (config.heartbeat, config.identity);
    let settings = narumq_amqp::Settings { heartbeat, identity, ..narumq_amqp::Settings::default() };
    Arc::new(narumq_amqp::Amqp::new(settings))
}

fn kafka(config: &Config, identity: u128) -> Arc<dyn Door> {
    let cluster_id = narumq_kafka::cluster_id(identity);
    let log_dir = config.data_dir.join("log").display().to_string();
    let KafkaConfig { advertised, sasl, auto_create, num_partitions, strict_replication } = config.kafka_door.clone();
    let settings = narumq_kafka::Settings {
        cluster_id,
        log_dir,
        advertised,
        sasl,
        auto_create,
        partitions: num_partitions,
        strict_replication,
        ..narumq_kafka::Settings::default()
    };
    Arc::new(narumq_kafka::Kafka::new(settings))
}

/// What streams are made of that are declared through a door without topics.
pub(crate) fn streams() -> StreamForm {
    StreamForm { format: narumq_kafka::FORMAT, settings: narumq_kafka::stream_settings }
}

/// How the core reads the batches and messages of each door.
pub(crate) fn dialects() -> Dialects {
    let mut dialects = Dialects::default();
    dialects.register(narumq_kafka::FORMAT, Arc::new(narumq_kafka::RecordBatches));
    dialects.register_messages(narumq_amqp::FORMAT, Arc::new(narumq_amqp::BasicMessages));
    dialects
}

fn admin(config: &Config, ready: &Arc<AtomicBool>, broker: &Opened) -> Arc<dyn Door> {
    let listener = |protocol: &str, a: &Address| narumq_admin::Listener {
        protocol: protocol.to_owned(),
        address: a.socket.ip(),
        port: a.socket.port(),
    };
    let amqp = config.amqp.iter().map(|a| listener("amqp", a));
    let kafka = config.kafka.iter().map(|a| listener("kafka", a));
    let listeners = amqp.chain(kafka).chain(config.http.iter().map(|a| listener("http", a))).collect();
    Arc::new(narumq_admin::Admin::new(narumq_admin::Config {
        node: "narumq@localhost".into(),
        product: "NaruMQ".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        compatible_version: narumq_amqp::Identity::Compatible.told()[1].into(),
        started: system::wall_clock(),
        listeners,
        ready: ready.clone(),
        directory: Box::new(ProcessDirectory {
            broker: broker.clone(),
            memory_limit: config.memory_limit,
            disk_limit: startup::disk_reserve(config),
            data: config.data_dir.clone(),
        }),
        properties: vec![Box::new(AmqpProperties)],
        topics: vec![Box::new(KafkaTopics)],
        unlisted: narumq_amqp::is_reply_queue,
    }))
}
