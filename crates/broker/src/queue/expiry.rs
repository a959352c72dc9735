//! Age: messages die at the head of their lane, queues die when nobody uses them.

use super::lane::Front;
use super::{Queue, QueueState};
use crate::core::Core;
use crate::turn::Turn;
use narumq_model::{DeathReason, Time};
use std::sync::Arc;

impl QueueState {
    /// Messages at the head of each lane that are due die.
    pub(crate) fn expire(&mut self, queue: &Arc<Queue>, core: &Core, turn: &mut Turn) {
        if !self.timed {
            return;
        }
        for lane in 0..self.lanes.len() {
            while self.lanes[lane].peek().is_some_and(|head| head.message.expires_at <= turn.now) {
                self.kill_head(lane, DeathReason::Expired, queue, turn);
            }
            if matches!(self.lanes[lane].front(), Front::Cold) {
                self.read_for(lane, queue, core);
            }
        }
    }

    pub(super) fn kill_head(&mut self, lane: usize, reason: DeathReason, queue: &Arc<Queue>, turn: &mut Turn) {
        if let Some(ready) = self.pop(lane) {
            self.die(ready, reason, queue, turn);
        }
    }

    /// Whether nobody has used the queue for so long that it goes.
    pub(crate) fn outlived(&self, queue: &Queue, now: Time) -> bool {
        let expires = queue.definition.policy.expires_ms;
        expires.is_some_and(|ms| self.consumers.is_empty() && self.last_used.plus(ms) <= now)
    }

    /// The queue was armed and its time has come: what is due dies.
    pub(crate) fn on_deadline(&mut self, queue: &Arc<Queue>, core: &Core, turn: &mut Turn) {
        self.armed = Time::NEVER;
        self.expire(queue, core, turn);
        self.settle_in(queue, core, turn);
    }

    /// Arms the queue for the earliest instant at which something is due, if that is earlier than it is armed for.
    pub(crate) fn arm(&mut self, queue: &Queue, core: &Core, turn: &mut Turn) {
        let expires = queue.definition.policy.expires_ms;
        if !self.timed && expires.is_none() && self.delayed.is_empty() {
            return;
        }
        let mut next = Time::NEVER;
        if self.timed {
            let heads = self.lanes.iter().filter_map(|lane| lane.peek().map(|h| h.message.expires_at));
            next = heads.min().unwrap_or(Time::NEVER);
        }
        if let Some(ms) = expires.filter(|_| self.consumers.is_empty()) {
            next = next.min(self.last_used.plus(ms));
        }
        next = next.min(self.delayed.next().unwrap_or(Time::NEVER));
        if next < self.armed {
            self.armed = next;
            if core.arm(next, queue.id()) {
                turn.mark(0);
            }
        }
    }
}
