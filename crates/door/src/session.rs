//! One connection's protocol state, and the verbs by which it is driven.

use crate::Outbox;
use core::net::SocketAddr;
use narumq_broker::{Broker, Event, Traffic, Turn};
use narumq_model::{Lsn, SessionId, Time};
use std::sync::Arc;

/// What is known of a connection when it opens.
#[derive(Clone, Debug)]
pub struct ConnInfo {
    /// Its session's address for events.
    pub id: SessionId,
    /// The other end.
    pub peer: SocketAddr,
    /// This end, as the client dialled it.
    pub local: SocketAddr,
    /// Whether the bytes travel encrypted.
    pub tls: bool,
    /// 128 bits that no one can guess, for names the protocol must make up.
    pub seed: u128,
    /// What has gone over it, counted by `net`, for listings.
    pub traffic: Arc<Traffic>,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The peer closed its end in order.
    PeerClosed,
    /// The connection broke.
    Reset,
    /// The peer did not read its answers.
    Unread,
    /// We closed it.
    ClosedByUs,
}

/// What a session needs in a call: the broker, the turn (with its `now`), and where answers go.
pub struct Context<'a> {
    /// The broker.
    pub broker: &'a Broker,
    /// The running turn. `net` ends it after the call.
    pub turn: &'a mut Turn,
    /// Where bytes to the peer go.
    pub out: &'a mut Outbox,
}

/// What a session made of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// How many bytes it has done with; the rest comes again, with more behind it.
    pub consumed: usize,
    /// How many bytes must lie there in all before calling again is of use; 0 = any more.
    pub needed: usize,
}

/// One connection's protocol state machine. No verb blocks, none reads a clock.
pub trait Session: Send {
    /// Bytes have come. May leave a tail unconsumed (an unfinished frame, or because it has become [`paused`](Self::paused)).
    fn on_bytes(&mut self, input: &[u8], cx: &mut Context<'_>) -> Flow;
    /// Something happened elsewhere that concerns this session.
    fn on_event(&mut self, event: Event, cx: &mut Context<'_>);
    /// A batch of events is over; what was coalesced may be written now.
    fn on_batch_end(&mut self, _cx: &mut Context<'_>) {}
    /// The outbox has been written out to the socket, in whole.
    fn on_writable(&mut self, cx: &mut Context<'_>);
    /// The instant of `next_tick` has come.
    fn on_tick(&mut self, cx: &mut Context<'_>);
    /// When `on_tick` wants to be called; asked after every other verb.
    fn next_tick(&self) -> Option<Time>;
    /// Whether input must wait (a blocked publisher, a parked request): `net` stops reading and keeps unconsumed bytes, but
    /// still sees the peer hang up. Asked after every other verb; when it turns false kept bytes come again at once.
    fn paused(&self) -> bool {
        false
    }
    /// The highest LSN that something in this session waits for beside the outbox's held lanes (confirms, congestion); `None` = nothing.
    /// While it is `Some`, or a lane is held, each sync brings `Event::Durable`.
    fn waits_for(&self) -> Option<Lsn>;
    /// The connection is gone. Unsettled deliveries go back, exclusive objects go.
    fn on_close(&mut self, cause: Cause, cx: &mut Context<'_>);
}

/// A protocol: makes a session for each connection of its listeners.
pub trait Door: Send + Sync {
    /// The protocol's name in flags, logs and metrics, lower case.
    fn name(&self) -> &'static str;
    /// A connection has been accepted. `now` as in `Turn::now`.
    fn open(&self, info: ConnInfo, now: Time) -> Box<dyn Session>;
}
