//! One connection as its worker sees it: the socket, the session, what was read too early and what waits to be written.

use mio::net::TcpStream;
use narumq_door::{Outbox, Session, Traffic};
use narumq_model::{SessionId, Time};
use std::sync::Arc;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Input goes to the session.
    Open,
    /// The last bytes are being written; input is thrown away.
    Closing,
    /// Our end is shut; we wait for the peer to hang up, so that the last bytes reach it.
    Lingering,
}

/// What is to become of a connection after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Fate {
    /// It stays.
    Keep,
    /// Its place is to be freed and its socket closed.
    Drop,
}

/// One connection. An idle one holds no buffer.
pub(crate) struct Connection {
    pub(crate) socket: TcpStream,
    pub(crate) id: SessionId,
    /// None once it has been told that the connection is gone.
    pub(crate) session: Option<Box<dyn Session>>,
    pub(crate) outbox: Outbox,
    /// What has gone over it, for whoever lists it.
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) stage: Stage,
    /// Input that the session has not consumed, in front of what will be read next.
    pub(crate) kept: Vec<u8>,
    /// How long `kept` must be before the session wants to see it again.
    pub(crate) needed: usize,
    /// The kernel may have input: told by edge, true until a read says otherwise.
    pub(crate) readable: bool,
    /// The kernel may take output: told by edge, true until a write says otherwise.
    pub(crate) writable: bool,
    /// The peer has shut its end; input may still lie before that.
    pub(crate) hung_up: bool,
    /// The connection is broken in both directions.
    pub(crate) broken: bool,
    /// The session takes no input for now.
    pub(crate) paused: bool,
    /// The session takes input again: what is kept is to be shown to it at once.
    pub(crate) again: bool,
    /// Too much waits to be written: no input is read.
    pub(crate) throttled: bool,
    /// It stands in the list of those with input to read.
    pub(crate) queued: bool,
    /// It stands in the list of those to be written and settled at the end of the turn.
    pub(crate) dirty: bool,
    /// It stands in the list of those that wait for the disk.
    pub(crate) waiting: bool,
    /// It has had an event in this batch.
    pub(crate) touched: bool,
    /// When it was last told at once what was durable already.
    pub(crate) told: Time,
    /// When the timer looks at it; `NEVER` = not.
    pub(crate) due: Time,
    /// Until when it must have made progress (stalled, closing, lingering); `NEVER` = no such limit.
    pub(crate) limit: Time,
    /// Bytes thrown away since our end was shut.
    pub(crate) discarded: usize,
}

impl Connection {
    pub(crate) fn new(socket: TcpStream, id: SessionId, session: Box<dyn Session>, traffic: Arc<Traffic>) -> Self {
        Self {
            socket,
            id,
            session: Some(session),
            outbox: Outbox::default(),
            traffic,
            stage: Stage::Open,
            kept: Vec::new(),
            needed: 0,
            readable: false,
            writable: true,
            hung_up: false,
            broken: false,
            paused: false,
            again: false,
            throttled: false,
            queued: false,
            dirty: false,
            waiting: false,
            touched: false,
            told: Time(0),
            due: Time::NEVER,
            limit: Time::NEVER,
            discarded: 0,
        }
    }

    /// Whether there is input to look at now, and someone who takes it.
    pub(crate) fn wants_input(&self) -> bool {
        match self.stage {
            Stage::Open if self.paused => self.hung_up || self.broken,
            Stage::Open if self.throttled => self.broken,
            Stage::Open => self.again || self.readable,
            Stage::Closing | Stage::Lingering => self.readable,
        }
    }
}
