//! One AMQP connection: frames in, commands, events, frames out.
//!
//! ```text
//! Header ──► Start ──► Tune ──► Open ──► Running ──► Closing ──► Closed
//!              └─ a refused login that cannot be told ─► Silent ─┘
//! ```

use crate::Settings;
use crate::channel::Channel;
use crate::codec::{
    BasicCancel, CodecError, ConnectionCloseOk, FrameKind, Method, MethodId, PROTOCOL_HEADER, Parsed,
    Published as WholeMessage, parse_frame, parse_protocol_header, parse_published, write_heartbeat, write_method,
};
use crate::commands::{self, basic};
use crate::consumers::Stage;
use crate::content::Expected;
use crate::delivery::{self, Shown};
use crate::error::{Code, Refused};
use crate::heartbeat::Heartbeat;
use crate::limits::{CLOSE_MS, HANDSHAKE_MS, OUTPUT_MAX, POLL_MS, SILENCE_MS};
use crate::link::{Client, Link};
use crate::listing::Introduction;
use crate::publish;
use crate::unsettled::Unsettled;
use foldhash::fast::RandomState;
use narumq_broker::{Delivery, Outcome, QueueHandle, User, delivery_cost};
use narumq_door::{Cause, ConnInfo, Context, Event, Flow, Session};
use narumq_model::{Lsn, ObjectId, SessionId, Time};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

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

/// What became of the front of the input.
enum Step {
    /// So many bytes are done with.
    Done(usize),
    /// So many bytes must lie there.
    Need(usize),
    /// Nothing more is looked at for now.
    Wait,
}

const NO_METHOD: MethodId = MethodId { class: 0, method: 0 };

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
    pub(crate) channels: HashMap<u16, Box<Channel>, RandomState>,
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
            channels: HashMap::default(),
            left: false,
            choked: false,
            polled: now,
        }
    }

    /// Looks at the front of the input.
    #[inline]
    fn step(&mut self, input: &[u8], cx: &mut Context<'_>) -> Step {
        if self.phase == Phase::Running
            && let Some(message) = parse_published(input, self.frame_max)
            && let Some(step) = self.publish_whole(&message, cx)
        {
            return step;
        }
        if self.phase == Phase::Header { self.protocol_header(input, cx) } else { self.frame(input, cx) }
    }

    fn protocol_header(&mut self, input: &[u8], cx: &mut Context<'_>) -> Step {
        match parse_protocol_header(input) {
            Ok(Some(_)) => {
                self.start(cx);
                Step::Done(PROTOCOL_HEADER.len())
            }
            Ok(None) => Step::Need(PROTOCOL_HEADER.len()),
            Err(_) => {
                cx.out.main().extend_from_slice(&PROTOCOL_HEADER);
                cx.out.close();
                self.phase = Phase::Closed;
                Step::Done(input.len())
            }
        }
    }

    /// Takes a whole message, unless its channel expects something else.
    #[inline]
    fn publish_whole(&mut self, message: &WholeMessage<'_>, cx: &mut Context<'_>) -> Option<Step> {
        let link = self.link.as_mut()?;
        let channel = self.channels.get_mut(&message.publish.channel)?;
        if channel.closing || channel.content.expected != Expected::Method || message.publish.immediate {
            return None;
        }
        if !link.may_publish(cx) {
            return Some(Step::Wait);
        }
        if let Err(refused) = publish::whole(link, channel, message, cx) {
            self.refuse(message.publish.channel, &refused, crate::codec::BasicPublish::ID, cx);
        }
        Some(Step::Done(message.wire_len))
    }

    fn frame(&mut self, input: &[u8], cx: &mut Context<'_>) -> Step {
        let frame = match parse_frame(input, self.frame_max) {
            Ok(Parsed::Frame(frame)) => frame,
            Ok(Parsed::NeedMore(needed)) => return Step::Need(needed),
            Err(error) => return self.broken(error, input, cx),
        };
        let done = Step::Done(frame.wire_len());
        match (frame.kind, self.phase) {
            (FrameKind::Heartbeat, _) | (_, Phase::Silent | Phase::Closed) => {}
            (FrameKind::Method, _) => return self.method(frame.channel, frame.payload, cx).unwrap_or(done),
            (FrameKind::Header | FrameKind::Body, Phase::Running) => {
                self.content(frame.kind, frame.channel, frame.payload, cx);
            }
            (FrameKind::Header | FrameKind::Body, Phase::Closing) => {}
            (FrameKind::Header | FrameKind::Body, _) => {
                let refused = publish::unexpected("expected method frame, got non method frame instead");
                self.refuse_connection(&refused, NO_METHOD, cx);
            }
        }
        done
    }

    /// The bytes make no sense any more: nothing that follows can be trusted.
    fn broken(&mut self, error: CodecError, input: &[u8], cx: &mut Context<'_>) -> Step {
        if matches!(self.phase, Phase::Closing | Phase::Silent | Phase::Closed) {
            cx.out.close();
            self.phase = Phase::Closed;
        } else {
            self.refuse_connection(&error.into(), NO_METHOD, cx);
        }
        Step::Done(input.len())
    }

    /// Serves a method; `Some` if it is not done with.
    fn method(&mut self, number: u16, payload: &[u8], cx: &mut Context<'_>) -> Option<Step> {
        let id = MethodId::of_payload(payload).unwrap_or(NO_METHOD);
        let method = match Method::decode(payload) {
            Ok(method) => method,
            Err(_) if self.ignores(number) => return None,
            Err(error) => {
                self.refuse_connection(&error.into(), id, cx);
                return None;
            }
        };
        if self.phase == Phase::Closing {
            self.closing(&method, cx);
            return None;
        }
        let served = match (number, id.class) {
            (0, 10) => self.serve_connection(&method, cx),
            (0, _) => Err(Refused::new(Code::ChannelError, "channel 0 is for the connection alone")),
            (_, 10) => Err(Refused::new(Code::CommandInvalid, "unimplemented method")),
            _ if self.phase != Phase::Running => {
                let text = format!("unexpected method in connection state {}", self.phase.name());
                Err(Refused::new(Code::ChannelError, text))
            }
            _ => match self.channel_method(number, &method, cx) {
                Ok(true) => Ok(()),
                Ok(false) => return Some(Step::Wait),
                Err(refused) => Err(refused),
            },
        };
        if let Err(refused) = served {
            self.refuse(number, &refused, id, cx);
        }
        None
    }

    /// Whether frames of a channel are thrown away.
    fn ignores(&self, number: u16) -> bool {
        self.phase == Phase::Closing || self.channels.get(&number).is_some_and(|channel| channel.closing)
    }

    /// We have closed the connection: only the end of it is of interest.
    fn closing(&mut self, method: &Method<'_>, cx: &mut Context<'_>) {
        match method {
            Method::ConnectionCloseOk(_) => {}
            Method::ConnectionClose(_) => write_method(cx.out.lane(0), 0, &ConnectionCloseOk),
            _ => return,
        }
        cx.out.close();
        self.phase = Phase::Closed;
    }

    /// Serves a method of a channel; false if it must wait.
    fn channel_method(&mut self, number: u16, method: &Method<'_>, cx: &mut Context<'_>) -> Result<bool, Refused> {
        if let Some(channel) = self.channels.get(&number).filter(|channel| !channel.closing) {
            publish::check_no_content(channel)?;
        }
        if self.serve_channel_class(number, method, cx)? {
            return Ok(true);
        }
        let (Some(link), Some(channel)) = (&mut self.link, self.channels.get_mut(&number)) else { return Ok(true) };
        if matches!(method, Method::BasicPublish(_)) && !link.may_publish(cx) {
            return Ok(false);
        }
        commands::serve(link, channel, method, cx).map(|()| true)
    }

    fn content(&mut self, kind: FrameKind, number: u16, payload: &[u8], cx: &mut Context<'_>) {
        let Some(link) = &mut self.link else { return };
        let served = match self.channels.get_mut(&number) {
            Some(channel) if channel.closing => return,
            Some(channel) if kind == FrameKind::Header => publish::header(link, channel, payload, cx),
            Some(channel) => publish::body(link, channel, payload, cx),
            None => Err(publish::unexpected("expected method frame, got non method frame instead")),
        };
        if let Err(refused) = served {
            self.refuse(number, &refused, NO_METHOD, cx);
        }
    }

    fn refuse(&mut self, number: u16, refused: &Refused, method: MethodId, cx: &mut Context<'_>) {
        if refused.ends_connection() || number == 0 {
            self.refuse_connection(refused, method, cx);
        } else {
            self.refuse_channel(number, refused, method, cx);
        }
    }

    /// What was gathered from many frames is passed on at the end of a stretch of input.
    fn end_of_input(&mut self, cx: &mut Context<'_>) {
        let Some(link) = &mut self.link else { return };
        while let Some(number) = link.acking.pop() {
            if let Some(channel) = self.channels.get_mut(&number) {
                channel.unlist_acks();
                channel.pass_acks(link, cx);
            }
        }
        let durable = link.durable;
        self.tell_confirms(durable, cx);
        self.choked = cx.out.ready_len() > OUTPUT_MAX;
        self.list_changes(cx);
    }

    fn tell_confirms(&mut self, durable: Lsn, cx: &mut Context<'_>) {
        let Some(link) = &mut self.link else { return };
        let channels = &mut self.channels;
        link.confirming
            .retain(|number| channels.get_mut(number).is_some_and(|channel| channel.tell_confirms(durable, cx)));
    }

    /// A message for one of our consumers.
    #[inline]
    fn deliver(&mut self, delivery: &Delivery, cx: &mut Context<'_>) {
        let Some(link) = &mut self.link else { return };
        let Some(consumer) = link.consumers.get(delivery.consumer) else { return };
        let cost = delivery_cost(&delivery.message);
        let channel = self.channels.get_mut(&consumer.channel).filter(|channel| !channel.closing);
        let (Some(channel), true) = (channel, consumer.stage != Stage::Gone) else {
            // Nobody has seen it: it goes back as it was.
            let queue = consumer.queue.clone();
            link.credit.fetch_add(cost, Ordering::Relaxed);
            if !consumer.takes {
                cx.broker.settle(&queue, (self.id, None), &[delivery.seq], Outcome::Return, cx.turn);
            }
            return;
        };
        let tag = channel.next_tag();
        if !consumer.takes {
            channel.queues.again(consumer.slot);
            let (seq, queue, key) = (delivery.seq, consumer.slot, Some(delivery.consumer));
            channel.unsettled.push(Unsettled { tag, seq, queue, consumer: key });
        }
        link.spent += cost;
        let shown = Shown { frame_max: link.frame_max, counts: consumer.counts, scratch: &mut link.scratch };
        delivery::deliver(channel, (&consumer.tag, tag), &delivery.message, shown, cx.out);
    }

    /// Nothing more comes for a consumer: its queue is gone, or it was cancelled and this stands behind its last delivery.
    fn consumer_ended(&mut self, key: u32, cx: &mut Context<'_>) {
        let Some(link) = &mut self.link else { return };
        let Some(consumer) = link.consumers.remove(key) else { return };
        link.changed = true;
        let channel = self.channels.get_mut(&consumer.channel).filter(|channel| !channel.closing);
        match (consumer.stage, channel) {
            (Stage::Cancelling { nowait }, channel) => {
                link.cancelling -= 1;
                if let Some(channel) = channel {
                    channel.cancelled(&consumer, nowait, cx);
                }
            }
            (Stage::Serving, Some(channel)) => {
                channel.consumers.remove(&consumer.tag);
                channel.queues.leave(consumer.slot, 1);
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
    fn get_again(&mut self, queue: Option<ObjectId>, cx: &mut Context<'_>) {
        let Some(link) = &mut self.link else { return };
        let Some(get) = link.get.take_if(|get| queue.is_none_or(|id| id == get.queue.id())) else { return };
        let Some(channel) = self.channels.get_mut(&get.channel).filter(|channel| !channel.closing) else { return };
        if let Err(refused) = basic::try_get(link, channel, get.queue, get.takes, cx) {
            self.refuse(get.channel, &refused, crate::codec::BasicGet::ID, cx);
        }
    }

    fn durable(&mut self, lsn: Lsn, cx: &mut Context<'_>) {
        let Some(link) = &mut self.link else { return };
        link.durable = link.durable.max(lsn);
        if link.brake.congested {
            link.look_at_brake(cx);
        }
        self.tell_confirms(lsn, cx);
    }

    /// The connection is gone, with or without a goodbye.
    fn abandon(&mut self, cx: &mut Context<'_>) {
        if !self.left {
            self.leave(false, cx);
        }
        let Some(link) = self.link.take() else { return };
        let mut queues: Vec<&QueueHandle> = link.consumers.iter().filter(|c| !c.takes).map(|c| &c.queue).collect();
        queues.sort_unstable_by_key(|queue| queue.id());
        queues.dedup_by_key(|queue| queue.id());
        for queue in queues {
            cx.broker.take_back(queue, link.id, cx.turn);
        }
    }

    /// An operator ends the connection, or the broker stops.
    fn forced(&mut self, reason: &str, cx: &mut Context<'_>) {
        if self.phase == Phase::Running {
            self.refuse_connection(&Refused::new(Code::ConnectionForced, reason), NO_METHOD, cx);
        } else if !matches!(self.phase, Phase::Closing | Phase::Closed) {
            cx.out.close();
            self.phase = Phase::Closed;
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
            Event::Ready { queue } => self.get_again(Some(queue), cx),
            Event::Durable(lsn) => self.durable(lsn, cx),
            Event::Pressure(pressure) => {
                if let Some(link) = &mut self.link {
                    link.press(pressure, cx);
                }
            }
            Event::Kick(reason) => self.forced(&reason, cx),
            Event::Stop => self.forced("broker forced connection closure with reason 'shutdown'", cx),
        }
    }

    fn on_batch_end(&mut self, cx: &mut Context<'_>) {
        self.list_changes(cx);
    }

    fn on_writable(&mut self, cx: &mut Context<'_>) {
        self.heartbeat.spoke(cx.turn.now);
        self.choked = false;
        if let Some(link) = &mut self.link {
            link.refill(cx);
        }
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
