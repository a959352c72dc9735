//! What the channels of one connection share once it is open.

use crate::consumers::{Consumer, Consumers};
use crate::error::Refused;
use crate::flow::Brake;
use crate::names::Names;
use crate::routes::Routes;
use crate::unsettled::Unsettled;
use narumq_broker::{Credit, QueueHandle, User, Vhost};
use narumq_door::Context;
use narumq_model::limits::DELIVERY_CREDIT_BYTES;
use narumq_model::{Lsn, MessageBuilder, Name, Seq, SessionId};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// What a client says it understands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Client {
    /// It wants to be told when a consumer ends because its queue does.
    pub(crate) cancel_notify: bool,
    /// It wants to be told when its publishes are not read.
    pub(crate) blocked: bool,
    /// It wants to be told when its login fails.
    pub(crate) failure_close: bool,
}

/// A `basic.get` that waits for its message to be read from the disk.
#[derive(Debug)]
pub(crate) struct WaitingGet {
    pub(crate) channel: u16,
    pub(crate) queue: QueueHandle,
    pub(crate) takes: bool,
}

/// The shared state of an open connection.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: SessionId,
    pub(crate) client: Client,
    pub(crate) user: Name,
    /// It may publish in others' names.
    pub(crate) impersonates: bool,
    pub(crate) vhost: Vhost,
    pub(crate) frame_max: u32,
    pub(crate) names: Names,
    pub(crate) consumers: Consumers,
    /// What may be delivered before the peer has read what was, in bytes.
    pub(crate) credit: Credit,
    /// What of that lies in the outbox.
    pub(crate) spent: i64,
    pub(crate) builder: MessageBuilder,
    pub(crate) routes: Routes,
    pub(crate) brake: Brake,
    /// Channels with publishes that are not confirmed yet.
    pub(crate) confirming: Vec<u16>,
    /// Channels with acks that are not passed on yet.
    pub(crate) acking: Vec<u16>,
    /// The highest LSN that a confirm waits for.
    pub(crate) waiting: Lsn,
    /// The last thing that it published to the log.
    pub(crate) written: Lsn,
    /// The last thing that it wrote to the log at all, also by channels that have ended.
    pub(crate) last_lsn: Lsn,
    /// What the session has been told to be durable.
    pub(crate) durable: Lsn,
    /// Cancelled consumers whose last deliveries are still on their way.
    pub(crate) cancelling: u32,
    pub(crate) get: Option<WaitingGet>,
    /// Channels with publishes to topics that are not appended yet.
    pub(crate) gathered: Vec<u16>,
    /// The keys of the consumers that read topics.
    pub(crate) streams: Vec<u32>,
    /// There may be more to read, or more room for it.
    pub(crate) streams_due: bool,
    /// When this is durable readers of topics see more.
    pub(crate) stream_pending: Lsn,
    /// Something has changed that listings show.
    pub(crate) changed: bool,
    /// Buffers that are used again.
    pub(crate) scratch: Vec<u8>,
    pub(crate) taken: Vec<Unsettled>,
    pub(crate) seqs: Vec<Seq>,
}

/// What is settled once about a connection, from its login.
pub(crate) struct Admission {
    pub(crate) id: SessionId,
    pub(crate) client: Client,
    pub(crate) user: User,
    pub(crate) frame_max: u32,
    pub(crate) seed: u128,
}

impl Link {
    pub(crate) fn new(admission: Admission, vhost: Vhost) -> Self {
        let Admission { id, client, user, frame_max, seed } = admission;
        Self {
            id,
            client,
            impersonates: user.tags.iter().any(|tag| &**tag == "impersonator"),
            user: user.name,
            vhost,
            frame_max,
            names: Names::new(seed),
            consumers: Consumers::default(),
            credit: Arc::new(AtomicI64::new(DELIVERY_CREDIT_BYTES)),
            spent: 0,
            builder: MessageBuilder::default(),
            routes: Routes::default(),
            brake: Brake::default(),
            confirming: Vec::new(),
            acking: Vec::new(),
            waiting: Lsn(0),
            written: Lsn(0),
            last_lsn: Lsn(0),
            durable: Lsn(0),
            cancelling: 0,
            get: None,
            gathered: Vec::new(),
            streams: Vec::new(),
            streams_due: false,
            stream_pending: Lsn(0),
            changed: false,
            scratch: Vec::new(),
            taken: Vec::new(),
            seqs: Vec::new(),
        }
    }

    /// The name of the vhost, for texts.
    pub(crate) fn vhost_name(&self) -> &Name {
        self.vhost.name()
    }

    /// A queue by name, for a command that uses it.
    pub(crate) fn queue(&self, name: &str, cx: &Context<'_>) -> Result<QueueHandle, Refused> {
        Ok(cx.broker.queue(&self.vhost, name, self.id)?)
    }

    /// What was delivered has left: consumers that wait for room are served.
    pub(crate) fn refill(&mut self, cx: &mut Context<'_>) {
        let left = std::mem::take(&mut self.spent);
        if left == 0 || self.credit.fetch_add(left, Ordering::Relaxed) > 0 {
            return;
        }
        self.streams_due |= !self.streams.is_empty();
        let of = |consumer: &Consumer| consumer.source.queue().cloned();
        let mut queues: Vec<QueueHandle> = self.consumers.iter().filter_map(of).collect();
        queues.sort_unstable_by_key(QueueHandle::id);
        queues.dedup_by_key(|queue| queue.id());
        for queue in &queues {
            cx.broker.resume(queue, cx.turn);
        }
    }

    /// The highest LSN that confirms or congestion wait for.
    pub(crate) fn waits_for(&self) -> Option<Lsn> {
        if self.brake.congested {
            return Some(self.written);
        }
        let waiting = self.waiting.max(self.stream_pending);
        (waiting > self.durable).then_some(waiting)
    }
}

/// Makes what is written to `lane` from now on wait for `lsn`, if it is not durable yet.
pub(crate) fn hold(cx: &mut Context<'_>, lane: u16, lsn: Lsn) {
    if lsn > cx.broker.durable() {
        cx.turn.want_sync(lsn);
        cx.out.hold_until(lane.into(), lsn);
    }
}
