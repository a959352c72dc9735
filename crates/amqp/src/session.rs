//! One AMQP connection: frames in, commands, events, frames out.
//!
//! ```text
//! Header ──► Start ──► Tune ──► Open ──► Running ──► Closing ──► Closed
//!              └─ a refused login that cannot be told ─► Silent ─┘
//! ```

use crate::Settings;
use crate::channels::Channels;
use crate::codec::write_heartbeat;
use crate::heartbeat::Heartbeat;
use crate::input::Step;
use crate::limits::{CLOSE_MS, HANDSHAKE_MS, OUTPUT_MAX, POLL_MS, SILENCE_MS};
use crate::link::{Client, Link};
use crate::listing::Introduction;
use narumq_broker::{QueueHandle, User};
use narumq_door::{Cause, ConnInfo, Context, Event, Flow, Session};
use narumq_model::{Lsn, SessionId, Time};
use std::sync::Arc;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The protocol header is expected.
    Header,
    /// `connection.start-ok` is expected.
    Start,
    /// `connection.tune-ok` is expected.
    Tune,
    /// `connection.open` is expected.
    Open,
    /// Channels may be used.
    Running,
    /// We have closed it and wait for the answer.
    Closing,
    /// Its login failed, and it gets no word.
    Silent,
    /// The last bytes are on their way.
    Closed,
}

impl Phase {
    /// The name in texts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Header => "pre_init",
            Self::Start => "starting",
            Self::Tune => "tuning",
            Self::Open => "opening",
            Self::Running => "running",
            Self::Closing | Self::Silent => "closing",
            Self::Closed => "closed",
        }
    }
}

/// The protocol state of one connection.
pub(crate) struct AmqpSession {
    pub(crate) id: SessionId,
    pub(crate) settings: Arc<Settings>,
    pub(crate) loopback: bool,
    pub(crate) info: ConnInfo,
    pub(crate) phase: Phase,
    /// When the phase began, as far as it may only last so long.
    pub(crate) since: Time,
    pub(crate) client: Client,
    pub(crate) user: Option<User>,
    /// What the login told of the connection, for listings.
    pub(crate) listing: Introduction,
    pub(crate) frame_max: u32,
    pub(crate) channel_max: u16,
    pub(crate) heartbeat: Heartbeat,
    /// What the channels share, once the connection is open.
    pub(crate) link: Option<Link>,
    pub(crate) channels: Channels,
    /// What belonged to the connection has been given up.
    pub(crate) left: bool,
    /// Too much output waits: no command is looked at.
    choked: bool,
    polled: Time,
}

impl AmqpSession {
    pub(crate) fn new(settings: Arc<Settings>, info: ConnInfo, now: Time) -> Self {
        Self {
            id: info.id,
            frame_max: settings.frame_max,
            channel_max: settings.channel_max,
            settings,
            loopback: info.peer.ip().to_canonical().is_loopback(),
            info,
            phase: Phase::Header,
            since: now,
            client: Client::default(),
            user: None,
            listing: Introduction::default(),
            heartbeat: Heartbeat::new(now),
            link: None,
            channels: Channels::default(),
            left: false,
            choked: false,
            polled: now,
        }
    }

    /// What was gathered from many frames is passed on at the end of a stretch of input.
    fn end_of_input(&mut self, cx: &mut Context<'_>) {
        let Some(link) = &mut self.link else { return };
        while let Some(number) = link.acking.pop() {
            if let Some(channel) = self.channels.get_mut(number) {
                channel.unlist_acks();
                channel.pass_acks(link, cx);
            }
        }
        let durable = link.durable;
        self.settle_gathered(cx);
        self.tell_confirms(durable, cx);
        self.read_streams(cx);
        self.choked = cx.out.ready_len() > OUTPUT_MAX;
        self.list_changes(cx);
    }

    /// What was published to topics is appended, so that its confirms know what they wait for.
    pub(crate) fn settle_gathered(&mut self, cx: &mut Context<'_>) {
        let Some(link) = self.link.as_mut().filter(|link| !link.gathered.is_empty()) else { return };
        let lsn = cx.broker.end_of_publishes(cx.turn);
        cx.turn.want_sync(lsn);
        for number in std::mem::take(&mut link.gathered) {
            if let Some(channel) = self.channels.get_mut(number) {
                channel.appended(lsn, link);
                cx.turn.want_sync(channel.last_lsn);
            }
        }
    }

    pub(crate) fn tell_confirms(&mut self, durable: Lsn, cx: &mut Context<'_>) {
        let Some(link) = &mut self.link else { return };
        let channels = &mut self.channels;
        link.confirming
            .retain(|number| channels.get_mut(*number).is_some_and(|channel| channel.tell_confirms(durable, cx)));
    }

    /// The connection is gone, with or without a goodbye.
    fn abandon(&mut self, cx: &mut Context<'_>) {
        if !self.left {
            self.leave(false, cx);
        }
        let Some(link) = self.link.take() else { return };
        let settling = link.consumers.iter().filter(|consumer| !consumer.takes);
        let mut queues: Vec<&QueueHandle> = settling.filter_map(|consumer| consumer.source.queue()).collect();
        queues.sort_unstable_by_key(|queue| queue.id());
        queues.dedup_by_key(|queue| queue.id());
        for queue in queues {
            cx.broker.take_back(queue, link.id, cx.turn);
        }
    }

    /// Whether something is waited for that is looked at again and again.
    fn polls(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.brake.is_blocked() || link.get.is_some())
    }

    /// Until when the phase may last.
    fn deadline(&self) -> Time {
        match self.phase {
            Phase::Header | Phase::Start | Phase::Tune | Phase::Open => self.since.plus(HANDSHAKE_MS),
            Phase::Closing => self.since.plus(CLOSE_MS),
            Phase::Silent => self.since.plus(SILENCE_MS),
            Phase::Running | Phase::Closed => Time::NEVER,
        }
    }
}

impl Session for AmqpSession {
    fn on_bytes(&mut self, input: &[u8], cx: &mut Context<'_>) -> Flow {
        self.heartbeat.heard(cx.turn.now);
        if let Some(link) = &mut self.link {
            link.look_at_brake(cx);
        }
        let (mut consumed, mut needed) = (0, 0);
        while consumed < input.len() && !self.paused() && !cx.out.is_closing() {
            match self.step(&input[consumed..], cx) {
                Step::Done(bytes) => consumed += bytes,
                Step::Need(bytes) => {
                    needed = bytes;
                    break;
                }
                Step::Wait => break,
            }
            self.choked = cx.out.ready_len() > OUTPUT_MAX;
        }
        self.end_of_input(cx);
        Flow { consumed, needed }
    }

    fn on_event(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Deliver(delivery) => self.deliver(&delivery, cx),
            Event::Cancelled { consumer } => self.consumer_ended(consumer, cx),
            Event::Ready { queue } => {
                if let Some(link) = &mut self.link {
                    link.streams_due |= !link.streams.is_empty();
                }
                self.get_again(Some(queue), cx);
            }
            Event::Durable(lsn) => self.durable(lsn, cx),
            Event::Pressure(pressure) => {
                if let Some(link) = &mut self.link {
                    link.press(pressure, cx);
                }
            }
            Event::Kick(reason) => self.forced(&reason, cx),
            Event::Group { .. } => {}
            Event::Stop => self.forced("broker forced connection closure with reason 'shutdown'", cx),
        }
    }

    fn on_batch_end(&mut self, cx: &mut Context<'_>) {
        self.list_changes(cx);
        // Nothing will be written that gives the credit back of what went back itself.
        if cx.out.ready_len() == 0
            && let Some(link) = &mut self.link
        {
            link.refill(cx);
        }
        self.read_streams(cx);
    }

    fn on_writable(&mut self, cx: &mut Context<'_>) {
        self.heartbeat.spoke(cx.turn.now);
        self.choked = false;
        if let Some(link) = &mut self.link {
            link.refill(cx);
        }
        self.read_streams(cx);
    }

    fn on_tick(&mut self, cx: &mut Context<'_>) {
        let now = cx.turn.now;
        if self.deadline() <= now {
            cx.out.close();
            self.phase = Phase::Closed;
            return;
        }
        if self.paused() || cx.out.ready_len() > 0 {
            // We do not listen, or the peer is busy reading: its silence is no sign.
            self.heartbeat.heard(now);
        }
        if self.heartbeat.missed(now) && self.phase != Phase::Closed {
            cx.out.close();
            self.phase = Phase::Closed;
            return;
        }
        if self.heartbeat.owed(now) {
            self.heartbeat.spoke(now);
            write_heartbeat(cx.out.main());
        }
        if let Some(link) = &mut self.link {
            link.changed = true;
        }
        self.list_changes(cx);
        if self.polls() && now.since(self.polled) >= POLL_MS {
            self.polled = now;
            if let Some(link) = self.link.as_mut().filter(|link| link.brake.is_blocked()) {
                link.press(cx.broker.pressure(), cx);
            }
            self.get_again(None, cx);
        }
    }

    fn next_tick(&self) -> Option<Time> {
        let poll = if self.polls() { self.polled.plus(POLL_MS) } else { Time::NEVER };
        let heartbeat = if self.phase == Phase::Closed { Time::NEVER } else { self.heartbeat.next() };
        let next = self.deadline().min(heartbeat).min(poll);
        (next < Time::NEVER).then_some(next)
    }

    #[inline]
    fn paused(&self) -> bool {
        self.choked
            || self.link.as_ref().is_some_and(|link| {
                self.phase == Phase::Running && (link.brake.holds() || link.cancelling > 0 || link.get.is_some())
            })
    }

    fn waits_for(&self) -> Option<Lsn> {
        self.link.as_ref().and_then(Link::waits_for)
    }

    fn on_close(&mut self, _: Cause, cx: &mut Context<'_>) {
        self.abandon(cx);
    }
}
