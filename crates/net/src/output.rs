//! Writing: each connection with something to say, once a turn, and what follows from how far that came.

use crate::connection::{Connection, Fate, Stage};
use crate::core::Core;
use narumq_door::{Cause, Event};
use narumq_model::Time;
use std::io::{ErrorKind, IoSlice, Write};
use std::net::Shutdown;

/// Pieces that one system call takes.
const SLICES_MAX: usize = 64;

impl Core {
    /// Writes what is ready, calls back if all of it left, and settles what the connection waits for.
    pub(crate) fn flush(&mut self, conn: &mut Connection) -> Fate {
        conn.dirty = false;
        let ready = conn.outbox.ready_len();
        if ready > 0 && conn.writable {
            if write_out(conn).is_err() {
                self.end(conn, Cause::Reset);
                return Fate::Drop;
            }
            let left = conn.outbox.ready_len();
            if left == 0 && conn.stage == Stage::Open {
                // Marked first, so that what the call writes goes out in this turn, too.
                self.call(conn, |session, cx| session.on_writable(cx));
                if conn.outbox.ready_len() == 0 {
                    conn.dirty = false;
                    self.dirty.pop();
                }
            }
            if left < ready && conn.stage == Stage::Open {
                conn.limit = Time::NEVER;
            }
        }
        let fate = self.settle(conn);
        if fate == Fate::Keep && conn.outbox.ready_len() == 0 {
            self.take_back(conn);
        }
        fate
    }

    /// Asks the session all that may have changed by a call.
    fn settle(&mut self, conn: &mut Connection) -> Fate {
        if let Some(session) = &conn.session {
            let paused = session.paused();
            conn.again |= conn.paused && !paused;
            conn.paused = paused;
            let waits_for = session.waits_for().max(conn.outbox.held_until());
            match waits_for {
                // It is on the disk already: no further sync may ever come to say so.
                Some(lsn) if lsn <= self.durable => self.tell_now(conn),
                Some(_) if !conn.waiting => {
                    conn.waiting = true;
                    self.waiting.push(conn.id.index);
                }
                _ => {}
            }
        }
        self.throttle(conn);
        let fate = self.close_in_order(conn);
        if fate == Fate::Keep {
            self.enqueue(conn);
            self.schedule(conn);
        }
        fate
    }

    /// Lets go what waited for the disk, and tells the session.
    pub(crate) fn tell_durable(&mut self, conn: &mut Connection) {
        conn.outbox.release(self.durable);
        self.tell(conn, Event::Durable(self.durable));
    }

    /// Tells it out of the row, but a session that is not content with the answer only once a millisecond.
    fn tell_now(&mut self, conn: &mut Connection) {
        if conn.told < self.turn.now {
            conn.told = self.turn.now;
            self.tell_durable(conn);
        } else {
            conn.outbox.release(self.durable);
            self.mark_if_ready(conn);
            self.look_at(conn, self.turn.now.plus(1));
        }
    }

    fn mark_if_ready(&mut self, conn: &mut Connection) {
        if conn.outbox.ready_len() > 0 && conn.writable {
            self.mark(conn);
        }
    }

    fn throttle(&mut self, conn: &mut Connection) {
        let (ready, max) = (conn.outbox.ready_len(), self.settings.output_bytes_max);
        if ready > max {
            conn.throttled = true;
            if conn.stage == Stage::Open && conn.limit == Time::NEVER {
                conn.limit = self.turn.now.plus(self.settings.stall_millis);
            }
        } else if conn.throttled && ready <= max / 2 {
            conn.throttled = false;
            if conn.stage == Stage::Open {
                conn.limit = Time::NEVER;
            }
        }
    }

    /// Takes a connection that is to be closed one stage further, if it has come so far.
    fn close_in_order(&mut self, conn: &mut Connection) -> Fate {
        if conn.stage == Stage::Open && conn.outbox.is_closing() {
            conn.stage = Stage::Closing;
            conn.kept = Vec::new();
            conn.limit = self.turn.now.plus(self.settings.close_millis);
        }
        if conn.stage != Stage::Closing {
            return Fate::Keep;
        }
        // Nobody answers for held lanes any more once the session is gone.
        let written = if conn.session.is_some() { conn.outbox.is_empty() } else { conn.outbox.ready_len() == 0 };
        if !written {
            return Fate::Keep;
        }
        self.end(conn, Cause::ClosedByUs);
        if conn.broken || conn.socket.shutdown(Shutdown::Write).is_err() {
            return Fate::Drop;
        }
        if conn.hung_up && !conn.readable {
            return Fate::Drop;
        }
        conn.stage = Stage::Lingering;
        conn.limit = self.turn.now.plus(self.settings.linger_millis);
        Fate::Keep
    }

    /// The timer looks at a connection: a limit may be over, or the session wants its tick.
    pub(crate) fn serve_timer(&mut self, conn: &mut Connection) -> Fate {
        let now = self.turn.now;
        conn.due = Time::NEVER;
        if conn.limit <= now {
            self.end(conn, Cause::Unread);
            return Fate::Drop;
        }
        if conn.session.as_ref().and_then(|s| s.next_tick()).is_some_and(|at| at <= now) {
            self.call(conn, |session, cx| session.on_tick(cx));
        } else {
            self.mark(conn);
        }
        Fate::Keep
    }
}

/// Writes until nothing is left or the kernel takes no more.
fn write_out(conn: &mut Connection) -> Result<(), ErrorKind> {
    loop {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut count = 0;
        for (slice, chunk) in slices.iter_mut().zip(conn.outbox.chunks()) {
            *slice = IoSlice::new(chunk);
            count += 1;
        }
        let result = match &slices[..count] {
            [] => return Ok(()),
            [one] => conn.socket.write(one),
            many => conn.socket.write_vectored(many),
        };
        match result {
            Ok(0) => return Err(ErrorKind::WriteZero),
            Ok(written) => {
                conn.outbox.advance(written);
                conn.traffic.add_sent(written);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                conn.writable = false;
                return Ok(());
            }
            Err(error) => return Err(error.kind()),
        }
    }
}
