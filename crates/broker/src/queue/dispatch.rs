//! Ready messages meet consumers with credit.

use super::consumers::ConsumerSpec;
use super::lane::{Front, Ready};
use super::{Queue, QueueState};
use crate::core::Core;
use crate::event::{Delivery, Event};
use crate::turn::Turn;
use narumq_model::{DeathReason, SessionId};
use std::sync::Arc;

impl QueueState {
    /// Hands over as long as there are ready messages in memory and consumers with credit.
    pub(crate) fn dispatch(&mut self, queue: &Arc<Queue>, core: &Core, turn: &mut Turn) {
        if self.consumers.is_empty() {
            return;
        }
        let single = if queue.definition.policy.single_active_consumer { self.active } else { None };
        while let Some(lane) = self.top() {
            let Some(head) = self.lanes[lane].peek() else {
                debug_assert!(matches!(self.lanes[lane].front(), Front::Cold));
                break;
            };
            if let Some(reason) = Self::dies_before_hand_over(head, queue, turn) {
                self.kill_head(lane, reason, queue, turn);
                continue;
            }
            let Some(consumer) = self.consumers.next(single) else { break };
            consumer.charge(&head.message);
            let (session, key, takes) = (consumer.spec.session, consumer.spec.key, consumer.spec.takes);
            let Some(ready) = self.pop(lane) else { break };
            let seq = ready.seq;
            turn.counts.redelivered += u64::from(ready.message.redelivered);
            let message = if takes {
                turn.counts.delivered_auto += 1;
                self.gone(&ready);
                ready.message
            } else {
                turn.counts.delivered_manual += 1;
                self.lease(ready, session)
            };
            self.events.push((session, Event::Deliver(Delivery { consumer: key, seq, message })));
        }
        self.read_ahead(queue, core);
    }

    /// Why a message at the head dies instead of being handed over, if it does.
    #[inline]
    fn dies_before_hand_over(head: &Ready, queue: &Queue, turn: &Turn) -> Option<DeathReason> {
        if head.message.expires_at < turn.now {
            return Some(DeathReason::Expired);
        }
        let limit = queue.definition.policy.hand_over_limit;
        limit.is_some_and(|limit| u32::from(head.message.hand_overs) >= limit).then_some(DeathReason::DeliveryLimit)
    }

    /// Messages at the heads die that may not be handed over any more, until one may.
    pub(super) fn kill_heads(&mut self, queue: &Arc<Queue>, turn: &mut Turn) {
        while let Some(lane) = self.top()
            && let Some(reason) = self.lanes[lane].peek().and_then(|h| Self::dies_before_hand_over(h, queue, turn))
        {
            self.kill_head(lane, reason, queue, turn);
        }
    }

    /// A new consumer, not yet served.
    pub(crate) fn add_consumer(&mut self, spec: ConsumerSpec) {
        let key = (spec.session, spec.key);
        self.consumers.add(spec);
        self.had_consumer = true;
        self.active.get_or_insert(key);
    }

    /// Whether this consumer is the one served alone.
    pub(crate) fn is_active(&self, spec: &ConsumerSpec) -> bool {
        self.active == Some((spec.session, spec.key))
    }

    /// A consumer goes. If it was the one served alone, the next in line takes over.
    pub(crate) fn remove_consumer(&mut self, session: SessionId, key: u32) -> bool {
        if self.consumers.remove(session, key).is_none() {
            return false;
        }
        if self.active == Some((session, key)) {
            self.active = self.consumers.iter().next().map(|c| (c.spec.session, c.spec.key));
        }
        true
    }
}
