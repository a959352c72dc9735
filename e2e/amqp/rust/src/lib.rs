//! What the end-to-end tests of the lapin client share: the broker they run against and a client session.

#![forbid(unsafe_code)]

mod broker;
mod session;

pub use broker::{Broker, external_uri, shared_uri};
pub use session::{
    DEADLINE, Session, ack, ack_all, assert_protocol_error, bodies, declare, get, persistent, publish, table, take,
    unique, within,
};
