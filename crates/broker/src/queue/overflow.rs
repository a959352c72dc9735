//! What is too much dies at the head, unless it is too old: whichever came first.
//!
//! Where the head lies on the disk it must be read before it can die. Until then it is noted since when each message is too
//! much, and what had expired by that time has died of age.

use super::{Queue, QueueState};
use crate::core::Core;
use crate::turn::Turn;
use narumq_model::{DeathReason, Overflow, QueuePolicy, Time};
use std::collections::VecDeque;
use std::sync::Arc;

/// Since when so many messages are too much.
#[derive(Debug, Default)]
pub(super) struct Excess {
    since: VecDeque<(Time, u64)>,
    count: u64,
}

impl Excess {
    /// `count` messages are too much now.
    #[inline]
    fn note(&mut self, count: u64, now: Time) {
        if self.count == count {
            return;
        }
        if self.count < count {
            self.since.push_back((now, count - self.count));
        }
        let mut less = self.count.saturating_sub(count);
        while less > 0
            && let Some((_, last)) = self.since.back_mut()
        {
            let taken = less.min(*last);
            *last -= taken;
            less -= taken;
            self.since.pop_back_if(|(_, last)| *last == 0);
        }
        self.count = count;
    }

    /// One message dies: since when it was too much.
    fn take(&mut self) -> Option<Time> {
        let (since, count) = self.since.front_mut()?;
        let since = *since;
        *count -= 1;
        self.count -= 1;
        self.since.pop_front_if(|(_, count)| *count == 0);
        Some(since)
    }
}

impl QueueState {
    /// How many messages are too much; one at a time where it is their bytes.
    #[inline]
    fn excess(&self, policy: &QueuePolicy) -> u64 {
        let messages = policy.max_length.map_or(0, |max| self.ready.saturating_sub(max));
        messages.max(policy.max_length_bytes.is_some_and(|max| self.ready_bytes > max).into())
    }

    /// Drops from the head, highest priority first, what is over the limits.
    #[inline]
    pub(super) fn overflow(&mut self, queue: &Arc<Queue>, core: &Core, turn: &mut Turn) {
        let policy = &queue.definition.policy;
        if policy.overflow != Overflow::DropHead || policy.max_length.is_none() && policy.max_length_bytes.is_none() {
            return;
        }
        let mut since = turn.now;
        loop {
            let excess = self.excess(policy);
            // Bytes that are still too much have been so since the message before died.
            self.excess.note(excess, since);
            let Some(lane) = self.top().filter(|_| excess > 0) else { return };
            let Some(ready) = self.pop(lane) else { return self.read_for(lane, queue, core) };
            since = self.excess.take().unwrap_or(turn.now);
            let too_old = ready.message.expires_at <= since;
            let reason = if too_old { DeathReason::Expired } else { DeathReason::MaxLength };
            self.die(ready, reason, queue, turn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_too_much_first_goes_first() {
        let mut excess = Excess::default();
        [(1, 10), (1, 11), (4, 12), (3, 13), (5, 14)].iter().for_each(|(n, at)| excess.note(*n, Time(*at)));
        let since: Vec<u64> = std::iter::from_fn(|| excess.take()).map(|since| since.0).collect();
        assert_eq!(since, [10, 12, 12, 14, 14]);
        excess.note(2, Time(20));
        excess.note(0, Time(21));
        assert_eq!((excess.take(), excess.count), (None, 0));
    }
}
