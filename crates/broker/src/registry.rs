//! Who is connected: what the doors tell of their sessions, for listings and for operators.

use crate::Broker;
use crate::core::lock;
use crate::event::Event;
use crate::turn::Turn;
use core::net::SocketAddr;
use narumq_model::{Headers, Name, SessionId, Time};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// One ordered stream of a connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChannelListing {
    /// Its number.
    pub number: u16,
    /// Publishes are confirmed.
    pub confirm: bool,
    /// It is transactional.
    pub transactional: bool,
    /// Consumers.
    pub consumers: u32,
    /// Deliveries not yet settled.
    pub unsettled: u64,
    /// Publishes not yet confirmed.
    pub unconfirmed: u64,
    /// Prefetch of each new consumer, 0 = unlimited.
    pub prefetch: u32,
    /// Prefetch of the whole channel, 0 = unlimited.
    pub global_prefetch: u32,
}

/// A connection that has logged in.
#[derive(Clone, Debug)]
pub struct ConnectionListing {
    /// Its session.
    pub session: SessionId,
    /// Who logged in.
    pub user: Name,
    /// The vhost it entered.
    pub vhost: Name,
    /// The other end.
    pub peer: SocketAddr,
    /// This end.
    pub local: SocketAddr,
    /// Whether the bytes travel encrypted.
    pub tls: bool,
    /// The protocol, as listings show it.
    pub protocol: &'static str,
    /// `running`, `blocked`, …
    pub state: &'static str,
    /// How it logged in.
    pub mechanism: &'static str,
    /// When it logged in.
    pub connected_at: Time,
    /// Heartbeat interval in seconds, 0 = none.
    pub heartbeat_seconds: u32,
    /// Largest frame in bytes.
    pub frame_max: u32,
    /// Channels at most.
    pub channel_max: u32,
    /// What the client said of itself.
    pub client_properties: Headers,
    /// Its channels, as of its last change.
    pub channels: Vec<ChannelListing>,
}

/// All connections, by session.
#[derive(Debug, Default)]
pub(crate) struct Registry(Mutex<BTreeMap<SessionId, ConnectionListing>>);

impl Broker {
    /// A session has logged in, or something that listings show has changed.
    pub fn register(&self, listing: ConnectionListing) {
        lock(&self.registry.0).insert(listing.session, listing);
    }

    /// Changes what is listed of a session.
    pub fn update_listing(&self, session: SessionId, change: impl FnOnce(&mut ConnectionListing)) {
        if let Some(listing) = lock(&self.registry.0).get_mut(&session) {
            change(listing);
        }
    }

    /// A session has ended.
    pub fn unregister(&self, session: SessionId) {
        lock(&self.registry.0).remove(&session);
    }

    /// All connections.
    pub fn connections(&self) -> Vec<ConnectionListing> {
        lock(&self.registry.0).values().cloned().collect()
    }

    /// An operator ends a connection, for this reason. False if there is none.
    pub fn kick(&self, session: SessionId, reason: &str, turn: &mut Turn) -> bool {
        let known = lock(&self.registry.0).contains_key(&session);
        if known {
            self.core.mailboxes.post(session, Event::Kick(reason.to_owned()), turn);
        }
        known
    }
}
