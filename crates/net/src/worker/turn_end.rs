//! The end of a turn: mail is handed out, the broker's turn ended, and what the sessions have to say written.

use super::Worker;
use narumq_door::Event;
use std::sync::atomic::Ordering;

/// How often a turn hands out mail and writes before it looks at the kernel again.
const ROUNDS_MAX: usize = 8;

impl Worker {
    /// Hands out mail, ends the broker's turn and writes, until nothing comes of it any more.
    pub(super) fn finish_turn(&mut self) {
        self.busy = true;
        for _ in 0..ROUNDS_MAX {
            self.core.called = false;
            self.serve_durable();
            self.serve_pressure();
            self.serve_mail();
            self.core.broker.end_turn(&mut self.core.turn);
            if self.core.broker.failed().is_some() {
                // What the answers speak of may not be kept: nobody is answered any more.
                self.busy = false;
                return;
            }
            if self.core.dirty.is_empty() {
                self.busy = self.core.called;
                break;
            }
            self.flush();
        }
        if self.busy {
            self.core.broker.end_turn(&mut self.core.turn);
        }
        if self.number != 0
            && self.core.broker.next_deadline().is_some_and(|at| at.0 < self.shared.alarm.load(Ordering::SeqCst))
        {
            self.shared.bells[0].ring();
        }
    }

    fn serve_durable(&mut self) {
        let durable = self.core.broker.durable();
        if durable <= self.core.durable {
            return;
        }
        self.core.durable = durable;
        let mut waiting = std::mem::take(&mut self.core.waiting);
        for index in waiting.drain(..) {
            if let Some(conn) = self.table.at(index).filter(|c| c.waiting) {
                conn.waiting = false;
                self.core.tell_durable(conn);
            }
        }
        // Who still waits puts itself on the list again when it is flushed; until then it is empty.
        self.core.waiting = waiting;
    }

    /// Tells every session when resources have become short, or enough again.
    fn serve_pressure(&mut self) {
        let pressure = self.core.broker.pressure();
        if pressure == self.core.pressure {
            return;
        }
        self.core.pressure = pressure;
        for index in 0..self.table.end() {
            if let Some(conn) = self.table.at(index).filter(|c| c.session.is_some()) {
                self.core.tell(conn, Event::Pressure(pressure));
            }
        }
    }

    fn serve_mail(&mut self) {
        for _ in 0..ROUNDS_MAX {
            self.core.broker.mailboxes().take(self.number, &mut self.mail);
            if self.mail.is_empty() {
                break;
            }
            for (to, event) in self.mail.drain(..) {
                if let Some(conn) = self.table.get(to.index, to.generation).filter(|c| c.session.is_some()) {
                    self.core.tell(conn, event);
                }
            }
        }
        while let Some(index) = self.core.touched.pop() {
            if let Some(conn) = self.table.at(index).filter(|c| c.touched) {
                conn.touched = false;
                self.core.call(conn, |session, cx| session.on_batch_end(cx));
            }
        }
    }

    fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.core.dirty);
        for &index in &dirty {
            if let Some(conn) = self.table.at(index).filter(|c| c.dirty) {
                let fate = self.core.flush(conn);
                self.apply(index, fate);
            }
        }
        if self.core.dirty.is_empty() {
            dirty.clear();
            self.core.dirty = dirty;
        }
    }
}
