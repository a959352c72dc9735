//! Settling: acks that come one by one are passed on together, and consumers learn that there is room again.

use super::Channel;
use crate::consumers::{Consumer, Source};
use crate::limits::UNLIMITED;
use crate::link::Link;
use crate::slots::STREAM;
use crate::unsettled::Unsettled;
use narumq_broker::Outcome;
use narumq_door::Context;
use narumq_model::Seq;
use std::sync::atomic::Ordering;

/// Acks that came one by one and are passed on together.
#[derive(Debug, Default)]
pub(super) struct Acks {
    queue: u32,
    consumer: Option<u32>,
    seqs: Vec<Seq>,
    /// The connection knows that there are some.
    listed: bool,
}

impl Channel {
    /// Takes note of an ack of one delivery, to be passed on with others.
    #[inline]
    pub(crate) fn acknowledge(&mut self, delivery: Unsettled, link: &mut Link, cx: &mut Context<'_>) {
        if self.acks.queue != delivery.queue || self.acks.consumer != delivery.consumer {
            self.pass_acks(link, cx);
            (self.acks.queue, self.acks.consumer) = (delivery.queue, delivery.consumer);
        }
        self.acks.seqs.push(delivery.seq);
        if !self.acks.listed {
            self.acks.listed = true;
            link.acking.push(self.number);
        }
    }

    /// Passes on the acks taken note of.
    pub(crate) fn pass_acks(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        if self.acks.seqs.is_empty() {
            return;
        }
        let mut seqs = std::mem::take(&mut self.acks.seqs);
        let (queue, consumer) = (self.acks.queue, self.acks.consumer);
        self.settle_batch((queue, consumer), &seqs, Outcome::Accept, link, cx);
        seqs.clear();
        self.acks.seqs = seqs;
    }

    /// The connection has taken this channel off its list.
    pub(crate) fn unlist_acks(&mut self) {
        self.acks.listed = false;
    }

    /// Settles deliveries, those of one queue and consumer together.
    pub(crate) fn settle(
        &mut self,
        deliveries: &mut Vec<Unsettled>,
        outcome: Outcome,
        link: &mut Link,
        cx: &mut Context<'_>,
    ) {
        let group = |delivery: &Unsettled| (delivery.queue, delivery.consumer);
        if deliveries.windows(2).any(|pair| group(&pair[0]) != group(&pair[1])) {
            deliveries.sort_by_key(group);
        }
        let mut seqs = std::mem::take(&mut link.seqs);
        for run in deliveries.chunk_by(|a, b| group(a) == group(b)) {
            seqs.clear();
            seqs.extend(run.iter().map(|delivery| delivery.seq));
            self.settle_batch(group(&run[0]), &seqs, outcome, link, cx);
        }
        deliveries.clear();
        link.seqs = seqs;
    }

    fn settle_batch(
        &mut self,
        (slot, consumer): (u32, Option<u32>),
        seqs: &[Seq],
        outcome: Outcome,
        link: &mut Link,
        cx: &mut Context<'_>,
    ) {
        if slot == STREAM {
            self.settle_read(consumer, seqs.len(), link, cx);
            let before = self.shared.fetch_add(seqs.len() as i64, Ordering::Relaxed);
            if before <= 0 {
                self.resume(link, cx);
            }
            return;
        }
        let Some(queue) = self.queues.get(slot) else { return };
        let freed = if consumer.is_some() { seqs.len() } else { 0 };
        let before = if freed > 0 { self.shared.fetch_add(freed as i64, Ordering::Relaxed) } else { 1 };
        let lsn = cx.broker.settle(queue, (link.id, consumer), seqs, outcome, cx.turn);
        self.wrote(lsn, link);
        self.queues.leave(slot, seqs.len());
        if before <= 0 {
            self.resume(link, cx);
        }
    }

    /// Records out of a topic stay where they are, however they are settled: there is room for more.
    pub(crate) fn settle_read(&mut self, consumer: Option<u32>, count: usize, link: &mut Link, cx: &mut Context<'_>) {
        if let Some(Consumer { source: Source::Stream(Some(reading)), .. }) =
            consumer.and_then(|key| link.consumers.get(key))
        {
            reading.settled(count);
            cx.turn.counts.acknowledged += count as u64;
        }
        link.streams_due = true;
    }

    /// The consumers of this channel are looked at again: there may be room by the channel's shared allowance.
    pub(crate) fn resume(&self, link: &mut Link, cx: &mut Context<'_>) {
        let mut seen: Vec<u32> = Vec::new();
        for key in self.consumers.values() {
            let Some(consumer) = link.consumers.get(*key).filter(|consumer| !consumer.takes) else { continue };
            match &consumer.source {
                Source::Stream(_) => link.streams_due = true,
                Source::Queue { queue, slot } if !seen.contains(slot) => {
                    seen.push(*slot);
                    cx.broker.resume(queue, cx.turn);
                }
                Source::Queue { .. } => {}
            }
        }
    }

    /// Sets how much all consumers of the channel together may have unsettled; 0 = any number.
    pub(crate) fn share(&mut self, limit: u16, link: &mut Link, cx: &mut Context<'_>) {
        let limit = if limit == 0 { UNLIMITED } else { limit.into() };
        let more = limit - std::mem::replace(&mut self.shared_limit, limit);
        let before = self.shared.fetch_add(more, Ordering::Relaxed);
        if before <= 0 && before + more > 0 {
            self.resume(link, cx);
        }
    }
}
