//! Memory of messages that a queue holds outside of its lanes, and when it is worth a look at what can be let go.

use narumq_model::Message;

/// Bytes of messages that are kept in memory while they are handed over or not visible yet.
#[derive(Debug, Default)]
pub(super) struct HeldMemory {
    bytes: usize,
    /// With so much they are looked at again: twice of what could not be let go when they were last. Else what is in no log
    /// would be walked over at each step.
    look_at: usize,
}

impl HeldMemory {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    #[inline]
    pub(super) fn add(&mut self, message: &Message) {
        self.bytes += message.memory();
    }

    #[inline]
    pub(super) fn remove(&mut self, message: &Message) {
        self.bytes -= message.memory();
        self.look_at = self.look_at.min(2 * self.bytes);
    }

    /// Whether more than `most` bytes are kept, and enough has changed since they were looked at.
    pub(super) fn is_worth_a_look(&self, most: usize) -> bool {
        self.bytes > most.max(self.look_at)
    }

    /// All have been looked at.
    pub(super) fn looked_at(&mut self) {
        self.look_at = 2 * self.bytes;
    }
}
