//! One channel: its consumers, its deliveries, its modes, and the order of what it is told.
//!
//! Answers go through the channel's lane of the outbox, which waits while an answer waits for the disk. Deliveries,
//! returns and confirms go past it, unless an answer that they must not overtake is still held ([`Channel::stream`]).

mod settling;

use crate::codec::{BasicCancelOk, WireMethod, write_method};
use crate::commands::tx::Transaction;
use crate::confirms::{Confirms, LATER};
use crate::consumers::{Consumer, Stage};
use crate::content::Content;
use crate::error::Refused;
use crate::limits::UNLIMITED;
use crate::link::{Link, hold};
use crate::routes::LastRoute;
use crate::slots::QueueSlots;
use crate::unsettled::UnsettledDeliveries;
use bytes::Bytes;
use foldhash::fast::RandomState;
use narumq_broker::{Credit, Outcome, Published};
use narumq_door::{Context, Outbox};
use narumq_model::{Lsn, Name};
use settling::Acks;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

/// The consumer of direct replies.
#[derive(Debug)]
pub(crate) struct ReplyConsumer {
    pub(crate) tag: Bytes,
    /// The queue behind it, which is the address of replies.
    pub(crate) queue: Name,
}

/// One channel.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) number: u16,
    /// We have closed it and wait for the client to say so, too.
    pub(crate) closing: bool,
    pub(crate) content: Content,
    pub(crate) last_route: LastRoute,
    pub(crate) confirms: Option<Confirms>,
    confirms_listed: bool,
    pub(crate) transaction: Option<Box<Transaction>>,
    /// Keys of the consumers by tag.
    pub(crate) consumers: HashMap<Bytes, u32, RandomState>,
    pub(crate) unsettled: UnsettledDeliveries,
    pub(crate) queues: QueueSlots,
    acks: Acks,
    tag: u64,
    /// Of the consumers that will be started.
    pub(crate) prefetch: u16,
    /// What all consumers of the channel may still be delivered.
    pub(crate) shared: Credit,
    pub(crate) shared_limit: i64,
    pub(crate) last_queue: Option<Name>,
    pub(crate) reply: Option<ReplyConsumer>,
    /// The last thing that this channel wrote to the log.
    pub(crate) last_lsn: Lsn,
    /// What is not an answer must stay behind one that is held.
    behind: bool,
}

impl Channel {
    pub(crate) fn new(number: u16) -> Self {
        Self {
            number,
            closing: false,
            content: Content::default(),
            last_route: LastRoute::default(),
            confirms: None,
            confirms_listed: false,
            transaction: None,
            consumers: HashMap::default(),
            unsettled: UnsettledDeliveries::default(),
            queues: QueueSlots::default(),
            acks: Acks::default(),
            tag: 0,
            prefetch: 0,
            shared: Arc::new(AtomicI64::new(UNLIMITED)),
            shared_limit: UNLIMITED,
            last_queue: None,
            reply: None,
            last_lsn: Lsn(0),
            behind: false,
        }
    }

    /// Takes note of what was written to the log: the answers to the channel's and the connection's end wait for it.
    #[inline]
    pub(crate) fn wrote(&mut self, lsn: Lsn, link: &mut Link) {
        self.last_lsn = self.last_lsn.max(lsn);
        link.last_lsn = link.last_lsn.max(lsn);
    }

    /// Answers a command; the answer waits for `lsn` and for the answers before it.
    pub(crate) fn answer(&mut self, lsn: Lsn, method: &impl WireMethod, cx: &mut Context<'_>) {
        hold(cx, self.number, lsn);
        write_method(cx.out.lane(self.number.into()), self.number, method);
    }

    /// Answers a command; nothing that follows from it overtakes the answer.
    pub(crate) fn answer_first(&mut self, method: &impl WireMethod, cx: &mut Context<'_>) {
        self.answer(Lsn(0), method, cx);
        self.keep_order(cx.out);
    }

    /// An answer has been written that nothing may overtake.
    pub(crate) fn keep_order(&mut self, out: &Outbox) {
        self.behind = out.is_held(self.number.into());
    }

    /// Whether what is not an answer must go through the lane.
    #[inline]
    pub(crate) fn is_behind(&mut self, out: &Outbox) -> bool {
        self.behind = self.behind && out.is_held(self.number.into());
        self.behind
    }

    /// Where deliveries, returns, confirms and cancellations go.
    #[inline]
    pub(crate) fn stream<'o>(&mut self, out: &'o mut Outbox) -> &'o mut Vec<u8> {
        if self.is_behind(out) { out.lane(self.number.into()) } else { out.main() }
    }

    /// The next delivery tag.
    #[inline]
    pub(crate) fn next_tag(&mut self) -> u64 {
        self.tag += 1;
        self.tag
    }

    /// A publish is done: counts it if the channel confirms.
    #[inline]
    pub(crate) fn published(&mut self, link: &mut Link, published: Published, cx: &mut Context<'_>) {
        let Published { lsn, refused, gathered } = published;
        self.wrote(lsn, link);
        if gathered && link.gathered.last() != Some(&self.number) {
            link.gathered.push(self.number);
        }
        link.written = link.written.max(lsn);
        let Some(confirms) = &mut self.confirms else { return };
        cx.turn.counts.received_confirm += 1;
        confirms.published(if gathered { LATER } else { lsn }, refused);
        if lsn > Lsn(0) {
            cx.turn.want_sync(lsn);
            link.waiting = link.waiting.max(lsn);
        }
        if !self.confirms_listed {
            self.confirms_listed = true;
            link.confirming.push(self.number);
        }
    }

    /// What was published to topics is on its way to the log, as this entry at the latest.
    pub(crate) fn appended(&mut self, lsn: Lsn, link: &mut Link) {
        self.wrote(lsn, link);
        link.written = link.written.max(lsn);
        if let Some(confirms) = &mut self.confirms {
            // Queues may have taken the same messages.
            confirms.appended(self.last_lsn);
            link.waiting = link.waiting.max(self.last_lsn);
        }
    }

    /// Tells confirms that are due; false once none are left.
    pub(crate) fn tell_confirms(&mut self, durable: Lsn, cx: &mut Context<'_>) -> bool {
        let number = self.number;
        let Some(mut confirms) = self.confirms.take() else { return false };
        if confirms.is_due(durable) {
            cx.turn.counts.confirmed += confirms.tell(number, durable, self.stream(cx.out));
        }
        self.confirms_listed = confirms.is_waiting();
        self.confirms = Some(confirms);
        self.confirms_listed
    }

    /// The client cancels a consumer. The answer comes when what was on its way has gone out.
    pub(crate) fn cancel(&mut self, tag: &[u8], nowait: bool, link: &mut Link, cx: &mut Context<'_>) {
        let key = self.consumers.remove(tag);
        let Some((key, consumer)) = key.and_then(|key| Some((key, link.consumers.get(key)?))) else {
            if !nowait {
                self.answer(Lsn(0), &BasicCancelOk { consumer_tag: tag }, cx);
            }
            return;
        };
        consumer.stage = Stage::Cancelling { nowait };
        consumer.source.stop(link.id, key, cx);
        link.cancelling += 1;
        if self.reply.as_ref().is_some_and(|reply| reply.tag == tag) {
            self.reply = None;
        }
    }

    /// Nothing more comes for a consumer that was cancelled.
    pub(crate) fn cancelled(&mut self, consumer: &Consumer, nowait: bool, cx: &mut Context<'_>) {
        self.queues.leave(consumer.source.slot(), 1);
        if !nowait {
            self.answer(Lsn(0), &BasicCancelOk { consumer_tag: &consumer.tag }, cx);
        }
    }

    /// The end of the channel: consumers go, what is not settled goes back as failed, what is not committed is forgotten.
    pub(crate) fn end(&mut self, link: &mut Link, cx: &mut Context<'_>) {
        self.pass_acks(link, cx);
        self.transaction.take().into_iter().for_each(|tx| self.unsettled.put_back(tx.into_settled()));
        for (_, key) in self.consumers.drain() {
            let Some(consumer) = link.consumers.get(key) else { continue };
            consumer.stage = Stage::Gone;
            consumer.source.stop(link.id, key, cx);
        }
        let mut left = Vec::new();
        if self.unsettled.take_through(0, &mut left).is_ok() {
            self.settle(&mut left, Outcome::Fail, link, cx);
        }
        self.reply = None;
        self.content = Content::default();
    }

    /// The queue that a command means: the last declared one if it names none.
    pub(crate) fn queue_name<'a>(&self, name: &'a [u8]) -> Result<std::borrow::Cow<'a, str>, Refused> {
        let name = crate::names::checked(name)?;
        if !name.is_empty() {
            return Ok(name);
        }
        match &self.last_queue {
            Some(last) => Ok(last.to_string().into()),
            None => Err(Refused::not_found("no previously declared queue")),
        }
    }
}
