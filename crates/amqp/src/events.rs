//! Events from the broker: deliveries, ends of consumers, what has become durable, goodbyes.

use crate::codec::{BasicCancel, BasicGet, write_method};
use crate::commands::basic;
use crate::consumers::Stage;
use crate::delivery::{self, Shown};
use crate::error::{Code, Refused};
use crate::input::NO_METHOD;
use crate::session::{AmqpSession, Phase};
use crate::unsettled::Unsettled;
use narumq_broker::{Delivery, Outcome, delivery_cost};
use narumq_door::Context;
use narumq_model::{Lsn, ObjectId};

impl AmqpSession {
    /// A message for one of our consumers.
    #[inline]
    pub(crate) fn deliver(&mut self, delivery: &Delivery, cx: &mut Context<'_>) {
        let Some(link) = &mut self.link else { return };
        let Some(consumer) = link.consumers.get(delivery.consumer) else { return };
        let cost = delivery_cost(&delivery.message);
        let channel = self.channels.get_mut(consumer.channel).filter(|channel| !channel.closing);
        let (Some(channel), true) = (channel, consumer.stage != Stage::Gone) else {
            // Nobody has seen it: it goes back as it was.
            link.spent += cost;
            if let Some(queue) = consumer.source.queue().filter(|_| !consumer.takes) {
                cx.broker.settle(queue, (self.id, None), &[delivery.seq], Outcome::Return, cx.turn);
            }
            return;
        };
        let tag = channel.next_tag();
        if !consumer.takes {
            let slot = consumer.source.slot();
            channel.queues.again(slot);
            let (seq, queue, key) = (delivery.seq, slot, Some(delivery.consumer));
            channel.unsettled.push(Unsettled { tag, seq, queue, consumer: key });
        }
        link.spent += cost;
        let shown = Shown { frame_max: link.frame_max, counts: consumer.counts, scratch: &mut link.scratch };
        delivery::deliver(channel, (&consumer.tag, tag), &delivery.message, shown, cx.out);
    }

    /// Nothing more comes for a consumer: its queue is gone, or it was cancelled and this stands behind its last delivery.
    pub(crate) fn consumer_ended(&mut self, key: u32, cx: &mut Context<'_>) {
        let Some(link) = &mut self.link else { return };
        let Some(consumer) = link.consumers.remove(key) else { return };
        link.changed = true;
        link.streams.retain(|stream| *stream != key);
        let channel = self.channels.get_mut(consumer.channel).filter(|channel| !channel.closing);
        match (consumer.stage, channel) {
            (Stage::Cancelling { nowait }, channel) => {
                link.cancelling -= 1;
                if let Some(channel) = channel {
                    channel.cancelled(&consumer, nowait, cx);
                }
            }
            (Stage::Serving, Some(channel)) => {
                channel.consumers.remove(&consumer.tag);
                channel.queues.leave(consumer.source.slot(), 1);
                if channel.reply.as_ref().is_some_and(|reply| reply.tag == consumer.tag) {
                    channel.reply = None;
                }
                if link.client.cancel_notify {
                    let cancel = BasicCancel { consumer_tag: &consumer.tag, nowait: true };
                    let number = channel.number;
                    write_method(channel.stream(cx.out), number, &cancel);
                }
            }
            (Stage::Gone, _) | (Stage::Serving, None) => {}
        }
    }

    /// A `basic.get` that waited may find its message now.
    pub(crate) fn get_again(&mut self, queue: Option<ObjectId>, cx: &mut Context<'_>) {
        let Some(link) = &mut self.link else { return };
        let Some(get) = link.get.take_if(|get| queue.is_none_or(|id| id == get.queue.id())) else { return };
        let Some(channel) = self.channels.get_mut(get.channel).filter(|channel| !channel.closing) else { return };
        if let Err(refused) = basic::try_get(link, channel, get.queue, get.takes, cx) {
            self.refuse(get.channel, &refused, BasicGet::ID, cx);
        }
    }

    pub(crate) fn durable(&mut self, lsn: Lsn, cx: &mut Context<'_>) {
        let Some(link) = &mut self.link else { return };
        link.durable = link.durable.max(lsn);
        if link.brake.congested {
            link.look_at_brake(cx);
        }
        link.streams_due |= link.stream_pending > Lsn(0) && link.stream_pending <= lsn;
        self.tell_confirms(lsn, cx);
    }

    /// An operator ends the connection, or the broker stops.
    pub(crate) fn forced(&mut self, reason: &str, cx: &mut Context<'_>) {
        if self.phase == Phase::Running {
            self.refuse_connection(&Refused::new(Code::ConnectionForced, reason), NO_METHOD, cx);
        } else if !matches!(self.phase, Phase::Closing | Phase::Closed) {
            cx.out.close();
            self.phase = Phase::Closed;
        }
    }
}
