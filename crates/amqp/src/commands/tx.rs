//! Class tx: publishes and settlements that happen together, or not at all.

use crate::channel::Channel;
use crate::codec::{TxCommitOk, TxRollbackOk, TxSelectOk};
use crate::delivery;
use crate::error::Refused;
use crate::link::Link;
use crate::slots::STREAM;
use crate::unsettled::Unsettled;
use narumq_broker::{Outcome, Route, TxPublish, TxSettle};
use narumq_door::Context;
use narumq_model::{Lsn, Message, limits::GROUP_BYTES_MAX};
use std::sync::atomic::Ordering;

/// What a channel has asked for since the last commit or rollback.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    publishes: Vec<TxPublish>,
    /// Mandatory messages that no queue takes.
    unroutable: Vec<Message>,
    /// Messages that no queue takes and nobody misses.
    dropped: u64,
    settled: Vec<(Unsettled, Outcome)>,
    /// What the publishes come to in the log, about.
    bytes: u64,
}

/// What each publish costs beside its bytes.
const PUBLISH_BYTES: u64 = 256;

impl Transaction {
    /// A message to be published at the commit.
    pub(crate) fn publish(&mut self, route: Route, message: Message, give_back: bool) -> Result<(), Refused> {
        let copies = route.queues().max(1) as u64;
        self.bytes += copies * (message.memory() as u64 + PUBLISH_BYTES);
        if self.bytes > GROUP_BYTES_MAX {
            return Err(Refused::failed(format!("transaction is larger than {GROUP_BYTES_MAX} bytes")));
        }
        if give_back {
            self.unroutable.push(message);
        } else if route.queues() > 0 {
            self.publishes.push(TxPublish { route, message });
        } else {
            self.dropped += 1;
        }
        Ok(())
    }

    /// Deliveries to be settled at the commit.
    pub(crate) fn settle(&mut self, deliveries: impl IntoIterator<Item = Unsettled>, outcome: Outcome) {
        self.settled.extend(deliveries.into_iter().map(|delivery| (delivery, outcome)));
    }

    /// The deliveries whose settlement is forgotten.
    pub(crate) fn into_settled(self) -> impl Iterator<Item = Unsettled> {
        self.settled.into_iter().map(|(delivery, _)| delivery)
    }
}

/// `tx.select`
pub(super) fn select(channel: &mut Channel, cx: &mut Context<'_>) -> Result<(), Refused> {
    if channel.confirms.is_some() {
        return Err(Refused::failed("cannot switch from confirm to tx mode"));
    }
    channel.transaction.get_or_insert_default();
    channel.answer(Lsn(0), &TxSelectOk, cx);
    Ok(())
}

fn begun(channel: &mut Channel) -> Result<Transaction, Refused> {
    let transaction = channel.transaction.as_deref_mut().map(std::mem::take);
    transaction.ok_or_else(|| Refused::failed("channel is not transactional"))
}

/// `tx.commit`
pub(super) fn commit(link: &mut Link, channel: &mut Channel, cx: &mut Context<'_>) -> Result<(), Refused> {
    let Transaction { publishes, unroutable, dropped, settled, .. } = begun(channel)?;
    let consumed = settled.iter().filter(|(delivery, _)| delivery.consumer.is_some()).count() as i64;
    let before = channel.shared.fetch_add(consumed, Ordering::Relaxed);
    for (delivery, _) in settled.iter().filter(|(delivery, _)| delivery.queue == STREAM) {
        channel.settle_read(delivery.consumer, 1, link, cx);
    }
    let settles = grouped(channel, settled);
    let published = cx.broker.transact(settles, publishes, link.id, cx.turn);
    channel.wrote(published.lsn, link);
    if consumed > 0 && before <= 0 {
        channel.resume(link, cx);
    }
    let counts = &mut cx.turn.counts;
    counts.received += unroutable.len() as u64 + dropped;
    counts.unroutable_returned += unroutable.len() as u64;
    counts.unroutable_dropped += dropped;
    for message in &unroutable {
        delivery::give_back(channel, message, link.frame_max, cx.out);
    }
    if published.refused {
        return Err(Refused::failed("partial tx completion"));
    }
    channel.answer(published.lsn, &TxCommitOk, cx);
    Ok(())
}

/// The settlements of each queue, consumer and outcome together.
fn grouped(channel: &mut Channel, mut settled: Vec<(Unsettled, Outcome)>) -> Vec<TxSettle> {
    let group = |(delivery, outcome): &(Unsettled, Outcome)| (delivery.queue, delivery.consumer, *outcome as u8);
    settled.sort_by_key(group);
    let mut settles = Vec::new();
    for run in settled.chunk_by(|a, b| group(a) == group(b)) {
        let (first, outcome) = run[0];
        if let Some(queue) = channel.queues.get(first.queue).cloned() {
            let seqs = run.iter().map(|(delivery, _)| delivery.seq).collect();
            settles.push(TxSettle { queue, seqs, outcome, consumer: first.consumer });
        }
        channel.queues.leave(first.queue, run.len());
    }
    settles
}

/// `tx.rollback`
pub(super) fn rollback(channel: &mut Channel, cx: &mut Context<'_>) -> Result<(), Refused> {
    let transaction = begun(channel)?;
    channel.unsettled.put_back(transaction.into_settled());
    channel.answer(Lsn(0), &TxRollbackOk, cx);
    Ok(())
}
