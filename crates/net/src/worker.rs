//! One worker thread: the turns of its connections.

mod turn_end;

use crate::connection::{Connection, Fate};
use crate::core::Core;
use crate::listen::{Arrival, Listener};
use crate::settings::Surroundings;
use crate::start::Shared;
use crate::table::Table;
use mio::event::Event as Readiness;
use mio::{Events, Poll, Token};
use narumq_door::{Cause, Event};
use narumq_model::{SessionId, Time};
use std::io::ErrorKind;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The token of the bell; listeners have the ones below it, connections `generation << 32 | index`.
pub(crate) const BELL: Token = Token(usize::MAX);
const LISTENERS: usize = usize::MAX - 1024;

/// Readiness taken from the kernel at once.
const EVENTS_MAX: usize = 256;
/// Input taken in one turn from all connections together, in bytes: what bounds how long answers wait for their turn's end.
const TURN_BYTES_MAX: usize = 1 << 20;

/// A worker's own state.
pub(crate) struct Worker {
    pub(crate) number: u16,
    pub(crate) poll: Poll,
    pub(crate) core: Core,
    pub(crate) table: Table,
    pub(crate) mail: Vec<(SessionId, Event)>,
    pub(crate) shared: std::sync::Arc<Shared>,
    pub(crate) surroundings: Surroundings,
    /// Worker 0 alone has listeners.
    pub(crate) listeners: Vec<Listener>,
    /// Which listeners may have more connections for us.
    pub(crate) accepting: Vec<usize>,
    pub(crate) next_worker: usize,
    /// When the connections that are left are cut; None = it is not being stopped.
    pub(crate) stop_at: Option<Time>,
    /// The last turn ended with work left.
    pub(crate) busy: bool,
}

impl Worker {
    /// Turns until the broker is stopped. Returns how many connections had to be cut.
    pub(crate) fn run(mut self) -> usize {
        let mut events = Events::with_capacity(EVENTS_MAX);
        loop {
            let timeout = self.timeout();
            if let Err(error) = self.poll.poll(&mut events, timeout) {
                assert!(error.kind() == ErrorKind::Interrupted, "waiting for the kernel failed: {error}");
            }
            let rung = self.shared.bells[self.number as usize].awake();
            self.core.turn.now = self.surroundings.clock.now();
            for event in &events {
                self.note(event);
            }
            if rung {
                self.answer_bell();
            }
            self.serve_timers();
            self.accept();
            self.serve_input();
            self.finish_turn();
            if self.stop_at.is_some_and(|at| self.table.len() == 0 || at <= self.core.turn.now) {
                return self.cut_rest();
            }
        }
    }

    /// How long to wait for the kernel; None = until something happens.
    fn timeout(&mut self) -> Option<Duration> {
        if self.busy || !self.core.ready.is_empty() || !self.accepting.is_empty() {
            return Some(Duration::ZERO);
        }
        let mut until = self.core.timers.next().min(self.stop_at.unwrap_or(Time::NEVER));
        until = self.listeners.iter().filter_map(|l| l.resting).fold(until, Time::min);
        if self.number == 0 {
            until = until.min(self.set_alarm());
        }
        if !self.shared.bells[self.number as usize].try_sleep() {
            return Some(Duration::ZERO);
        }
        (until < Time::NEVER).then(|| Duration::from_millis(until.since(self.surroundings.clock.now())))
    }

    /// Tells the other workers when this one will look at the broker's deadlines; they ring when one comes before that.
    fn set_alarm(&self) -> Time {
        loop {
            let deadline = self.core.broker.next_deadline().unwrap_or(Time::NEVER);
            self.shared.alarm.store(deadline.0, Ordering::SeqCst);
            if self.core.broker.next_deadline().unwrap_or(Time::NEVER) >= deadline {
                return deadline;
            }
        }
    }

    /// Notes what the kernel says; the work comes after.
    fn note(&mut self, event: &Readiness) {
        let Token(token) = event.token();
        if token >= LISTENERS {
            let listener = token - LISTENERS;
            if event.token() != BELL && !self.accepting.contains(&listener) {
                self.accepting.push(listener);
            }
            return;
        }
        let Some(conn) = self.table.get(token as u32, (token >> 32) as u32) else { return };
        conn.writable |= event.is_writable();
        conn.hung_up |= event.is_read_closed();
        conn.broken |= event.is_write_closed() || event.is_error();
        conn.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        if conn.writable && conn.outbox.ready_len() > 0 {
            self.core.mark(conn);
        }
        self.core.enqueue(conn);
    }

    fn answer_bell(&mut self) {
        let arrivals = std::mem::take(&mut *self.shared.arrivals(self.number));
        arrivals.into_iter().for_each(|arrival| self.open(arrival));
        let grace = self.shared.grace.load(Ordering::SeqCst);
        if grace < u64::MAX && self.stop_at.is_none() {
            // Who is connected already, as far as it can tell, is told goodbye like the others.
            self.accepting = (0..self.listeners.len()).collect();
            self.accept();
            self.listeners.clear();
            self.accepting.clear();
            self.stop_at = Some(self.core.turn.now.plus(grace));
            for index in 0..self.table.end() {
                if let Some(conn) = self.table.at(index).filter(|c| c.session.is_some()) {
                    self.core.tell(conn, Event::Stop);
                }
            }
        }
    }

    fn serve_timers(&mut self) {
        while let Some((due, index, generation)) = self.core.timers.pop(self.core.turn.now) {
            if let Some(conn) = self.table.get(index, generation).filter(|c| c.due == due) {
                let fate = self.core.serve_timer(conn);
                self.apply(index, fate);
            }
        }
        if self.number == 0 && self.core.broker.next_deadline().is_some_and(|at| at <= self.core.turn.now) {
            self.core.broker.advance(&mut self.core.turn);
        }
    }

    fn accept(&mut self) {
        let now = self.core.turn.now;
        for (at, listener) in self.listeners.iter().enumerate() {
            if listener.resting.is_some_and(|until| until <= now) && !self.accepting.contains(&at) {
                self.accepting.push(at);
            }
        }
        let mut arrived = Vec::new();
        let (listeners, warn) = (&mut self.listeners, &self.surroundings.warn);
        self.accepting.retain(|&at| {
            listeners[at].accept(now, |arrival| arrived.push(arrival)).unwrap_or_else(|error| {
                warn(format_args!("no new connections for a moment: {error}"));
                false
            })
        });
        arrived.into_iter().for_each(|arrival| self.hand_out(arrival));
    }

    fn hand_out(&mut self, arrival: Arrival) {
        let worker = self.next_worker;
        self.next_worker = (worker + 1) % self.shared.bells.len();
        if worker == self.number as usize {
            return self.open(arrival);
        }
        self.shared.arrivals(worker as u16).push(arrival);
        self.shared.bells[worker].ring();
    }

    fn open(&mut self, arrival: Arrival) {
        if self.stop_at.is_some() {
            return;
        }
        let (index, generation) = self.table.next_key();
        let id = SessionId { worker: self.number, index, generation };
        let token = Token((generation as usize) << 32 | index as usize);
        // A peer that is gone before it was looked at is no one's concern.
        if let Ok(mut conn) =
            arrival.open(id, token, self.poll.registry(), (self.surroundings.seed)(), self.core.turn.now)
        {
            self.core.mark(&mut conn);
            self.table.insert(conn);
        }
    }

    fn serve_input(&mut self) {
        let mut bytes = 0;
        for _ in 0..self.core.ready.len() {
            let Some(index) = self.core.ready.pop_front() else { break };
            if let Some(conn) = self.table.at(index) {
                let (fate, read) = self.core.serve_input(conn);
                self.apply(index, fate);
                bytes += read;
            }
            if bytes >= TURN_BYTES_MAX {
                break;
            }
        }
    }

    fn apply(&mut self, index: u32, fate: Fate) {
        if fate == Fate::Drop {
            debug_assert!(self.table.at(index).is_none_or(|c: &mut Connection| c.session.is_none()));
            self.table.remove(index);
        }
    }

    /// The time to say goodbye is over: cuts what is left.
    fn cut_rest(mut self) -> usize {
        let mut cut = 0;
        for index in 0..self.table.end() {
            if let Some(conn) = self.table.at(index) {
                cut += usize::from(conn.session.is_some());
                self.core.end(conn, Cause::ClosedByUs);
                self.table.remove(index);
            }
        }
        self.core.broker.end_turn(&mut self.core.turn);
        cut
    }
}

/// The token of the `at`-th listener.
pub(crate) fn listener_token(at: usize) -> Token {
    Token(LISTENERS + at)
}
