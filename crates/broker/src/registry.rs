//! Who is connected: what the doors tell of their sessions, for listings and for operators.

use crate::Broker;
use crate::core::lock;
use crate::event::Event;
use crate::turn::Turn;
use core::net::SocketAddr;
use narumq_model::{Headers, Name, SessionId, Time};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What has gone over a connection. One thread adds, the connection's worker; any may look.
#[derive(Debug, Default)]
pub struct Traffic {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Traffic {
    /// Bytes have come in.
    pub fn add_received(&self, bytes: usize) {
        add(&self.received, bytes);
    }

    /// Bytes have gone out.
    pub fn add_sent(&self, bytes: usize) {
        add(&self.sent, bytes);
    }

    /// Bytes that have come in, from the first one on.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Bytes that have gone out.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

/// With one thread that adds, a load and a store are enough, and cheaper than an addition that locks the bus.
fn add(counter: &AtomicU64, bytes: usize) {
    counter.store(counter.load(Ordering::Relaxed) + bytes as u64, Ordering::Relaxed);
}

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
    /// What has gone over it until now.
    pub traffic: Arc<Traffic>,
    /// Its channels, as of its last change.
    pub channels: Vec<ChannelListing>,
}

/// All connections, by session.
#[derive(Debug, Default)]
pub(crate) struct Registry(Mutex<Listed>);

#[derive(Debug, Default)]
struct Listed {
    connections: BTreeMap<SessionId, ConnectionListing>,
    /// Bytes received and sent over connections that are not listed any more.
    gone: (u64, u64),
}

impl Broker {
    /// A session has logged in, or something that listings show has changed.
    pub fn register(&self, listing: ConnectionListing) {
        lock(&self.registry.0).connections.insert(listing.session, listing);
    }

    /// Changes what is listed of a session.
    pub fn update_listing(&self, session: SessionId, change: impl FnOnce(&mut ConnectionListing)) {
        if let Some(listing) = lock(&self.registry.0).connections.get_mut(&session) {
            change(listing);
        }
    }

    /// A session has ended.
    pub fn unregister(&self, session: SessionId) {
        let mut listed = lock(&self.registry.0);
        if let Some(listing) = listed.connections.remove(&session) {
            listed.gone.0 += listing.traffic.received();
            listed.gone.1 += listing.traffic.sent();
        }
    }

    /// Bytes received and sent over all connections that were ever listed, up to when they were taken off the list.
    pub fn traffic(&self) -> (u64, u64) {
        let listed = lock(&self.registry.0);
        let (mut received, mut sent) = listed.gone;
        for listing in listed.connections.values() {
            received += listing.traffic.received();
            sent += listing.traffic.sent();
        }
        (received, sent)
    }

    /// All connections.
    pub fn connections(&self) -> Vec<ConnectionListing> {
        lock(&self.registry.0).connections.values().cloned().collect()
    }

    /// An operator ends a connection, for this reason. False if there is none.
    pub fn kick(&self, session: SessionId, reason: &str, turn: &mut Turn) -> bool {
        let known = lock(&self.registry.0).connections.contains_key(&session);
        if known {
            self.core.mailboxes.post(session, Event::Kick(reason.to_owned()), turn);
        }
        known
    }
}
