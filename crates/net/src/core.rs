//! What the steps of a turn share: the broker and its turn, the buffers, and the lists of who is to be looked at.

use crate::connection::{Connection, Fate, Stage};
use crate::settings::Settings;
use crate::timers::Timers;
use narumq_door::{Broker, Cause, Context, Event, Pressure, Session, Turn};
use narumq_model::limits::READ_TURN_BYTES_MAX;
use narumq_model::{Lsn, SessionId, Time};
use std::collections::VecDeque;
use std::sync::Arc;

/// Warm output buffers that are kept for the next turns.
const BUFFERS_MAX: usize = 32;
/// An output buffer that grew beyond this is not kept.
const BUFFER_BYTES_MAX: usize = 1 << 20;

/// What the steps of a turn share.
pub(crate) struct Core {
    pub(crate) broker: Arc<Broker>,
    pub(crate) settings: Settings,
    pub(crate) turn: Turn,
    /// What of the disk's progress the sessions have been told.
    pub(crate) durable: Lsn,
    /// What the sessions have been told is short.
    pub(crate) pressure: Pressure,
    /// Input is read into the back half; what a connection kept is put right before it.
    pub(crate) input: Vec<u8>,
    pub(crate) ready: VecDeque<u32>,
    pub(crate) dirty: Vec<u32>,
    pub(crate) waiting: Vec<u32>,
    pub(crate) touched: Vec<u32>,
    pub(crate) timers: Timers,
    /// A session was called since the mailbox was looked into: there may be new mail.
    pub(crate) called: bool,
    buffers: Vec<Vec<u8>>,
}

impl Core {
    pub(crate) fn new(broker: Arc<Broker>, settings: Settings, turn: Turn) -> Self {
        let durable = broker.durable();
        Self {
            broker,
            settings,
            turn,
            durable,
            pressure: Pressure::default(),
            input: vec![0; 2 * READ_TURN_BYTES_MAX],
            ready: VecDeque::new(),
            dirty: Vec::new(),
            waiting: Vec::new(),
            touched: Vec::new(),
            timers: Timers::default(),
            called: false,
            buffers: Vec::new(),
        }
    }

    /// Calls a verb of the session, if it is still there, with a warm buffer to write into.
    pub(crate) fn call(&mut self, conn: &mut Connection, verb: impl FnOnce(&mut dyn Session, &mut Context<'_>)) {
        self.mark(conn);
        if let Some(session) = conn.session.as_deref_mut() {
            self.called = true;
            let mut cx = Context { broker: &self.broker, turn: &mut self.turn, out: &mut conn.outbox };
            verb(session, &mut cx);
        }
    }

    /// Tells a session of an event, and remembers that its batch is to be ended.
    pub(crate) fn tell(&mut self, conn: &mut Connection, event: Event) {
        if !conn.touched {
            conn.touched = true;
            self.touched.push(conn.id.index);
        }
        self.call(conn, |session, cx| session.on_event(event, cx));
    }

    /// Tells the session, once, that its connection is gone. What it writes now goes nowhere.
    pub(crate) fn end(&mut self, conn: &mut Connection, cause: Cause) {
        if let Some(mut session) = conn.session.take() {
            self.called = true;
            let mut cx = Context { broker: &self.broker, turn: &mut self.turn, out: &mut conn.outbox };
            session.on_close(cause, &mut cx);
        }
    }

    /// The peer has said all it had to say. Answers that are ready still go out: it may have shut only its own end.
    pub(crate) fn peer_closed(&mut self, conn: &mut Connection) -> Fate {
        let answers = conn.outbox.ready_len() > 0;
        self.end(conn, Cause::PeerClosed);
        conn.kept = Vec::new();
        if !answers || conn.broken {
            return Fate::Drop;
        }
        conn.stage = Stage::Closing;
        conn.limit = self.turn.now.plus(self.settings.close_millis);
        self.mark(conn);
        Fate::Keep
    }

    /// Puts a connection on the list of those to be written and settled, and lends it a buffer.
    pub(crate) fn mark(&mut self, conn: &mut Connection) {
        if !conn.dirty {
            conn.dirty = true;
            self.dirty.push(conn.id.index);
            if let Some(mut buffer) = self.buffers.pop() {
                conn.outbox.swap_buffer(&mut buffer);
                self.keep(buffer);
            }
        }
    }

    /// Puts a connection on the list of those with input, if it has some that may be looked at.
    pub(crate) fn enqueue(&mut self, conn: &mut Connection) {
        if !conn.queued && conn.wants_input() {
            conn.queued = true;
            self.ready.push_back(conn.id.index);
        }
    }

    /// Takes back the buffer of a connection that has nothing to write.
    pub(crate) fn take_back(&mut self, conn: &mut Connection) {
        let mut buffer = Vec::new();
        conn.outbox.swap_buffer(&mut buffer);
        self.keep(buffer);
    }

    fn keep(&mut self, buffer: Vec<u8>) {
        if (1..=BUFFER_BYTES_MAX).contains(&buffer.capacity()) && self.buffers.len() < BUFFERS_MAX {
            debug_assert!(buffer.is_empty());
            self.buffers.push(buffer);
        }
    }

    /// Lets the timer look at a connection no later than when its session or its limit wants it.
    pub(crate) fn schedule(&mut self, conn: &mut Connection) {
        let tick = conn.session.as_ref().and_then(|s| s.next_tick()).unwrap_or(Time::NEVER);
        self.look_at(conn, tick.min(conn.limit));
    }

    /// Lets the timer look at a connection at `due` or before.
    pub(crate) fn look_at(&mut self, conn: &mut Connection, due: Time) {
        if due < conn.due {
            conn.due = due;
            let SessionId { index, generation, .. } = conn.id;
            self.timers.set(due, index, generation);
        }
    }
}
