//! Consumers of topics: they read on while the client has room, and what they are told of stays where it is.
//!
//! ```text
//! Ready, Durable, an ack, room in the outbox ─► streams_due ─► read_streams ─► deliveries, up to prefetch and credit
//! ```

use crate::consumers::{Consumer, Source};
use crate::delivery::{self, Shown};
use crate::link::Link;
use crate::session::AmqpSession;
use crate::slots::STREAM;
use crate::unsettled::Unsettled;
use narumq_broker::{Stream, delivery_cost};
use narumq_door::Context;
use narumq_model::{Lsn, Seq};
use std::sync::atomic::Ordering;

/// How far one consumer has read a topic.
#[derive(Debug)]
pub(crate) struct Reading {
    stream: Stream,
    /// What it may have unsettled, at least 1.
    prefetch: usize,
    unsettled: usize,
}

impl Reading {
    pub(crate) fn new(stream: Stream, prefetch: u16) -> Self {
        Self { stream, prefetch: prefetch.into(), unsettled: 0 }
    }

    /// So many deliveries have been settled.
    pub(crate) fn settled(&mut self, count: usize) {
        self.unsettled = self.unsettled.saturating_sub(count);
    }
}

impl AmqpSession {
    /// Lets the consumers of topics read on, if there may be more for them.
    #[inline]
    pub(crate) fn read_streams(&mut self, cx: &mut Context<'_>) {
        if self.link.as_ref().is_some_and(|link| link.streams_due) {
            self.read_all(cx);
        }
    }

    fn read_all(&mut self, cx: &mut Context<'_>) {
        let Some(link) = &mut self.link else { return };
        (link.streams_due, link.stream_pending) = (false, Lsn(0));
        let mut gone = Vec::new();
        for key in link.streams.clone() {
            if !self.read_one(key, cx) {
                gone.push(key);
            }
        }
        // Its topic has been deleted.
        gone.into_iter().for_each(|key| self.consumer_ended(key, cx));
    }

    /// False if the topic is gone.
    fn read_one(&mut self, key: u32, cx: &mut Context<'_>) -> bool {
        let Some(link) = &mut self.link else { return true };
        let Link { consumers, credit, spent, scratch, frame_max, stream_pending, .. } = link;
        let Some(Consumer { channel, tag, source: Source::Stream(Some(reading)), .. }) = consumers.get(key) else {
            return true;
        };
        let Some(channel) = self.channels.get_mut(*channel).filter(|channel| !channel.closing) else { return true };
        let shared = channel.shared.clone();
        let mut room =
            reading.prefetch.saturating_sub(reading.unsettled).min(shared.load(Ordering::Relaxed).max(0) as usize);
        if room == 0 || credit.load(Ordering::Relaxed) <= 0 {
            return true;
        }
        let Context { broker, turn, out } = cx;
        let mut delivered = 0;
        let progress = broker.read_stream(&mut reading.stream, turn, &mut |offset, message| {
            let cost = delivery_cost(&message);
            *spent += cost;
            delivered += 1;
            room -= 1;
            let number = channel.next_tag();
            channel.unsettled.push(Unsettled { tag: number, seq: Seq(offset), queue: STREAM, consumer: Some(key) });
            let shown = Shown { frame_max: *frame_max, counts: false, scratch };
            delivery::deliver(channel, (tag, number), &message, shown, out);
            room > 0 && credit.fetch_sub(cost, Ordering::Relaxed) > cost
        });
        reading.unsettled += delivered;
        shared.fetch_sub(delivered as i64, Ordering::Relaxed);
        turn.counts.delivered_manual += delivered as u64;
        *stream_pending = (*stream_pending).max(progress.pending);
        !progress.deleted
    }
}
