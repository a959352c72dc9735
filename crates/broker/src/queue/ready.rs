//! The messages that are ready: by priority, each in its lane.

use super::QueueState;
use super::lane::Ready;
use narumq_model::Message;

impl QueueState {
    pub(crate) fn ready(&self) -> u64 {
        self.ready
    }

    pub(super) fn lane_of(&self, message: &Message) -> usize {
        self.lane_at(message.priority)
    }

    pub(super) fn lane_at(&self, priority: u8) -> usize {
        usize::from(priority).min(self.lanes.len() - 1)
    }

    /// Takes the ready message at the front of a lane, if it is in memory.
    #[inline]
    pub(super) fn pop(&mut self, lane: usize) -> Option<Ready> {
        let ready = self.lanes[lane].pop()?;
        self.ready -= 1;
        self.ready_bytes = self.ready_bytes.saturating_sub(ready.message.payload_len() as u64);
        Some(ready)
    }

    /// Puts a message back to its original place.
    pub(super) fn put_back(&mut self, ready: Ready) {
        self.ready += 1;
        self.ready_bytes += ready.message.payload_len() as u64;
        let lane = self.lane_of(&ready.message);
        self.lanes[lane].put_back(ready);
    }

    /// The highest lane that has ready messages.
    #[inline]
    pub(super) fn top(&self) -> Option<usize> {
        self.lanes.iter().rposition(|lane| lane.len() > 0)
    }
}
