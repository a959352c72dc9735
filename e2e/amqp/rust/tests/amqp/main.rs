//! End-to-end tests of the AMQP 0-9-1 port with the unmodified lapin client.

mod connection;
mod consume;
mod dead_letter;
mod publish;
mod recovery;
mod topology;
