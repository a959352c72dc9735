//! What becomes of AMQP's messages in Kafka's batches, of Kafka's records in AMQP's messages, and on the way back.
#![allow(clippy::unwrap_used, reason = "a test fails where a helper of it fails")]

mod exact;
mod kit;
mod shown_to_amqp;
mod shown_to_kafka;
