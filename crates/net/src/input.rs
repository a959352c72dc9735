//! Reading: from the socket into the worker's one buffer, and from there to the session.
//!
//! ```text
//!  the worker's buffer:   [ ......... kept | read now ......... ]
//!                         0               256 KiB               512 KiB
//! ```
//! What a connection kept from before is put right in front of what is read now, so that the session sees one piece, and a
//! connection that kept nothing costs no copy. Only input longer than the front half is gathered in the connection's own
//! vector, which grows as bytes come, never by what a peer announces.

use crate::connection::{Connection, Fate, Stage};
use crate::core::Core;
use narumq_door::{Cause, Context};
use narumq_model::limits::READ_TURN_BYTES_MAX;
use std::io::{ErrorKind, Read};

const MIDDLE: usize = READ_TURN_BYTES_MAX;

impl Core {
    /// Looks once at the input of a connection. Returns its fate and how many bytes were read.
    pub(crate) fn serve_input(&mut self, conn: &mut Connection) -> (Fate, usize) {
        conn.queued = false;
        if conn.stage != Stage::Open || conn.outbox.is_closing() {
            return self.discard(conn);
        }
        if conn.broken && (conn.paused || conn.throttled) {
            self.end(conn, Cause::Reset);
            return (Fate::Drop, 0);
        }
        if conn.paused {
            let fate = if conn.hung_up { self.peer_closed(conn) } else { Fate::Keep };
            return (fate, 0);
        }
        if conn.throttled {
            return (Fate::Keep, 0);
        }
        if conn.again {
            conn.again = false;
            if !conn.kept.is_empty() {
                let fate = self.feed(conn, 0);
                if fate == Fate::Keep {
                    self.enqueue(conn);
                }
                return (fate, 0);
            }
        }
        if !conn.readable {
            return (Fate::Keep, 0);
        }
        let read = match self.read(conn) {
            Ok(0) => {
                (conn.hung_up, conn.readable) = (true, false);
                return (self.peer_closed(conn), 0);
            }
            Ok(read) => read,
            Err(ErrorKind::WouldBlock) => return (Fate::Keep, 0),
            Err(_) => {
                self.end(conn, Cause::Reset);
                return (Fate::Drop, 0);
            }
        };
        let fate = self.feed(conn, read);
        if fate == Fate::Keep {
            self.enqueue(conn);
        }
        (fate, read)
    }

    /// One read into the back half of the buffer. A short one says that the kernel has no more.
    fn read(&mut self, conn: &mut Connection) -> Result<usize, ErrorKind> {
        loop {
            match conn.socket.read(&mut self.input[MIDDLE..]) {
                Ok(read) => {
                    conn.readable = read == READ_TURN_BYTES_MAX || conn.hung_up;
                    conn.traffic.add_received(read);
                    return Ok(read);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    conn.readable = false;
                    return Err(error.kind());
                }
            }
        }
    }

    /// Shows the session what was kept and the `read` bytes behind the middle of the buffer; keeps what it leaves.
    fn feed(&mut self, conn: &mut Connection, read: usize) -> Fate {
        let kept = conn.kept.len();
        if kept + read < conn.needed || kept > MIDDLE || read == 0 {
            conn.kept.extend_from_slice(&self.input[MIDDLE..MIDDLE + read]);
            if conn.kept.len() < conn.needed {
                return Fate::Keep;
            }
            let input = std::mem::take(&mut conn.kept);
            let consumed = self.show(conn, &input);
            if consumed < input.len() {
                conn.kept = input;
                conn.kept.drain(..consumed);
            }
        } else {
            let mut buffer = std::mem::take(&mut self.input);
            let from = MIDDLE - kept;
            buffer[from..MIDDLE].copy_from_slice(&conn.kept);
            let input = &buffer[from..MIDDLE + read];
            let consumed = self.show(conn, input);
            if consumed < input.len() {
                conn.kept.clear();
                conn.kept.extend_from_slice(&input[consumed..]);
            } else if kept > 0 {
                conn.kept = Vec::new();
            }
            self.input = buffer;
        }
        if conn.needed.max(conn.kept.len()) > self.settings.input_bytes_max {
            self.end(conn, Cause::ClosedByUs);
            return Fate::Drop;
        }
        if conn.outbox.ready_len() > self.settings.output_bytes_max {
            conn.throttled = true;
        }
        Fate::Keep
    }

    /// Calls the session with `input`; returns how much of it is done with.
    fn show(&mut self, conn: &mut Connection, input: &[u8]) -> usize {
        self.mark(conn);
        let Some(session) = conn.session.as_deref_mut() else { return input.len() };
        self.called = true;
        let mut cx = Context { broker: &self.broker, turn: &mut self.turn, out: &mut conn.outbox };
        let flow = session.on_bytes(input, &mut cx);
        conn.paused = session.paused();
        if conn.outbox.is_closing() {
            conn.needed = 0;
            return input.len();
        }
        conn.needed = flow.needed;
        flow.consumed.min(input.len())
    }

    /// Throws input away until the peer hangs up, so that closing the socket destroys none of our last bytes.
    fn discard(&mut self, conn: &mut Connection) -> (Fate, usize) {
        let read = match self.read(conn) {
            Ok(0) => {
                conn.hung_up = true;
                conn.readable = false;
                let over = conn.stage == Stage::Lingering || conn.broken;
                if over {
                    self.end(conn, Cause::PeerClosed);
                }
                return (if over { Fate::Drop } else { Fate::Keep }, 0);
            }
            Ok(read) => read,
            Err(ErrorKind::WouldBlock) => return (Fate::Keep, 0),
            Err(_) => {
                self.end(conn, Cause::Reset);
                return (Fate::Drop, 0);
            }
        };
        if conn.stage == Stage::Lingering {
            conn.discarded += read;
            if conn.discarded > self.settings.linger_bytes {
                return (Fate::Drop, read);
            }
        }
        self.enqueue(conn);
        (Fate::Keep, read)
    }
}
