//! The AMQP 0-9-1 door.
#![forbid(unsafe_code)]

pub mod codec;
