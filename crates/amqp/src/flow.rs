//! Publishers are held back: by a shortage, which the client is told, or for a moment, which it is not.

use crate::codec::{ConnectionBlocked, ConnectionUnblocked, write_method};
use crate::link::Link;
use narumq_broker::Pressure;
use narumq_door::Context;

/// Why a connection is not read.
#[derive(Debug, Default)]
pub(crate) struct Brake {
    /// It has published: only then it is held back.
    published: bool,
    pressure: Pressure,
    /// The client has been told, or would have been if it could be.
    blocked: bool,
    /// Too much is on its way to the disk.
    pub(crate) congested: bool,
}

impl Brake {
    /// Whether input must wait.
    #[inline]
    pub(crate) fn holds(&self) -> bool {
        self.blocked || self.congested
    }

    /// Whether a shortage holds it.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked
    }
}

fn reason(pressure: Pressure) -> &'static [u8] {
    match (pressure.memory, pressure.disk) {
        (true, true) => b"low on memory & low on disk",
        (true, false) => b"low on memory",
        (false, _) => b"low on disk",
    }
}

impl Link {
    /// Looks whether this publisher must wait; before each stretch of input, and when it publishes for the first time.
    pub(crate) fn look_at_brake(&mut self, cx: &mut Context<'_>) {
        let pressure = cx.broker.pressure();
        if pressure.blocks() {
            self.brake.pressure = pressure;
        }
        self.brake.congested = self.brake.published && cx.broker.congested();
        if self.brake.congested {
            cx.turn.want_sync(self.written);
        }
        self.apply_pressure(cx);
    }

    /// A shortage has come or gone.
    pub(crate) fn press(&mut self, pressure: Pressure, cx: &mut Context<'_>) {
        self.brake.pressure = pressure;
        self.apply_pressure(cx);
    }

    /// Whether a publish may be looked at.
    #[inline]
    pub(crate) fn may_publish(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.brake.published {
            self.brake.published = true;
            self.look_at_brake(cx);
        }
        !self.brake.holds()
    }

    fn apply_pressure(&mut self, cx: &mut Context<'_>) {
        let blocked = self.brake.published && self.brake.pressure.blocks();
        if blocked == std::mem::replace(&mut self.brake.blocked, blocked) {
            return;
        }
        self.changed = true;
        if !self.client.blocked {
            return;
        }
        if blocked {
            write_method(cx.out.main(), 0, &ConnectionBlocked { reason: reason(self.brake.pressure) });
        } else {
            write_method(cx.out.main(), 0, &ConnectionUnblocked);
        }
    }
}
