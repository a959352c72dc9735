//! As much of an AMQP 0-9-1 client as following a queue takes: log in, declare, bind, consume, acknowledge.
//!
//! ```text
//! frame:  type u8 | channel u16 | size u32 | payload | 0xCE        type 1 method, 2 header, 3 body, 8 heartbeat
//! ```

mod connection;
mod fields;
mod properties;

pub(crate) use connection::{Connection, Delivery, Failed};
