//! A broker on a small log and a virtual clock: what the tests of this crate drive it with.
#![allow(dead_code, unused_imports, reason = "each test uses its part")]

mod gate;

pub use gate::Gate;

use bytes::Bytes;
use narumq_broker::{
    Broker, ConsumerSpec, Credit, Declared, Delivery, Event, ExchangeSpec, Got, Outcome, QueueCounts, QueueHandle,
    QueueSpec, Route, RouteQuery, Settings, Turn, Vhost, Wake,
};
use narumq_log::disk::Disk;
use narumq_log::{Given, Options};
use narumq_model::{
    BindingDefinition, Destination, ExchangeKind, FormatId, HeaderMatch, Headers, Lsn, Message, MessageBuilder,
    MessageParts, Name, QueuePolicy, Seq, SessionId, Time,
};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// How long something that must happen may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Small files, so that sealing, rounds and recycling happen all the time.
pub fn small() -> Options {
    Options { file_bytes: 64 << 10, first_file_bytes: 64 << 10, chunk_bytes: 8 << 10, ..Options::default() }
}

/// The session with this number.
pub fn session(index: u32) -> SessionId {
    SessionId { worker: 0, index, generation: 1 }
}

struct Bell(Sender<()>);

impl Wake for Bell {
    fn wake(&self, _: u16) {
        let _ = self.0.send(());
    }
}

/// A running broker.
pub struct Rig {
    pub broker: Arc<Broker>,
    pub vhost: Vhost,
    pub now: Time,
    pub events: VecDeque<(SessionId, Event)>,
    bell: Receiver<()>,
    builder: MessageBuilder,
}

impl Rig {
    /// Opens a broker over `disk`.
    pub fn open(disk: Arc<dyn Disk>, options: Options, now: Time) -> Self {
        Self::try_open(disk, options, now).expect("the broker comes up")
    }

    /// The same, with the refusal as a value.
    pub fn try_open(disk: Arc<dyn Disk>, options: Options, now: Time) -> Result<Self, narumq_broker::OpenError> {
        let mut state = 0x5eed_u64 ^ now.0;
        let random = Box::new(move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state
        });
        let settings = Settings {
            workers: 1,
            memory_limit: u64::MAX,
            message_bytes_max: 1 << 27,
            durability: Default::default(),
            given_exchanges: vec![],
            headers_of: None,
            default_vhost: "/".into(),
            salt: [1, 2, 3, 4],
        };
        let broker = Broker::open(settings, options, Given { disk, random }, now)?;
        let (ring, bell) = channel();
        broker.mailboxes().set_wake(Box::new(Bell(ring)));
        let user = broker.authenticate("guest", b"guest", true).expect("guest is there");
        let vhost = broker.open_vhost("/", &user).expect("the vhost is there");
        Ok(Self { broker, vhost, now, events: VecDeque::new(), bell, builder: MessageBuilder::default() })
    }

    /// One turn: what it did is noted, synced as asked, and its events collected.
    pub fn turn<T>(&mut self, step: impl FnOnce(&Self, &mut Turn) -> T) -> T {
        self.broker.end_turn(&mut Turn::new(self.now, Some(0)));
        let mut turn = Turn::new(self.now, Some(0));
        let result = step(self, &mut turn);
        self.broker.end_turn(&mut turn);
        self.collect();
        result
    }

    /// Takes what lies in the mailbox.
    pub fn collect(&mut self) {
        let mut taken = Vec::new();
        self.broker.mailboxes().take(0, &mut taken);
        self.events.extend(taken);
    }

    /// Waits until `done` says so, looking whenever the broker wakes the worker (and now and then: not all it does is told).
    pub fn wait(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let mut looks = 0;
        loop {
            self.collect();
            if done(self) {
                return;
            }
            assert!(self.broker.failed().is_none(), "the log has failed: {:?}", self.broker.failed());
            match self.bell.recv_timeout(Duration::from_millis(2)) {
                Ok(()) => while self.bell.try_recv().is_ok() {},
                Err(RecvTimeoutError::Timeout) => looks += 1,
                Err(RecvTimeoutError::Disconnected) => panic!("the broker is gone"),
            }
            assert!(looks < PATIENCE.as_millis() / 2, "waited in vain: {what}");
        }
    }

    /// Waits until everything up to `lsn` is durable.
    pub fn durable(&mut self, lsn: Lsn) {
        self.turn(|_, turn| turn.want_sync(lsn));
        self.wait("durable", |rig| rig.broker.durable() >= lsn);
    }

    /// Makes everything that was done so far durable, States and counts included.
    pub fn fence(&mut self) -> Lsn {
        let lsn = self.turn(|rig, turn| {
            let binding = BindingDefinition {
                source: "fence".into(),
                destination: Destination::Exchange("fence".into()),
                key: Bytes::new(),
                arguments: Headers::default(),
                header_match: HeaderMatch::All,
            };
            rig.broker.declare_exchange(&rig.vhost, exchange("fence", ExchangeKind::Fanout), turn);
            rig.broker.bind(&rig.vhost, binding.clone(), session(0), turn).expect("a binding");
            rig.broker.unbind(&rig.vhost, &binding, session(0), turn).expect("no binding")
        });
        assert!(lsn > Lsn(0));
        self.durable(lsn);
        lsn
    }

    /// Declares a queue and waits for nothing.
    pub fn declare(&mut self, owner: SessionId, spec: QueueSpec) -> QueueHandle {
        self.turn(|rig, turn| {
            let (declared, _) = rig.broker.declare_queue(&rig.vhost, spec, owner, turn).expect("a queue");
            let (Declared::Created(queue) | Declared::Existing(queue)) = declared;
            queue
        })
    }

    /// A durable queue with this policy.
    pub fn durable_queue(&mut self, name: &str, policy: QueuePolicy) -> QueueHandle {
        self.declare(session(0), QueueSpec { name: Some(name.into()), durable: true, policy, ..QueueSpec::default() })
    }

    /// The queue of this name, if it is there.
    pub fn queue(&self, name: &str) -> Option<QueueHandle> {
        self.broker.queues(&self.vhost).into_iter().find(|q| &**q.name() == name)
    }

    /// Where `exchange` leads with this key.
    pub fn route(&self, exchange: &str, key: &str) -> Route {
        let keys = [key.as_bytes()];
        let query = RouteQuery { exchange: exchange.as_bytes(), keys: &keys, headers: &Headers::default };
        self.broker.route(&self.vhost, &query).expect("the exchange is there")
    }

    /// A message with this number and payload length, as published to (exchange, key).
    pub fn message(&mut self, id: u64, len: usize, (exchange, key): (&str, &str), durable: bool) -> Message {
        let payload = payload(id, len);
        let props = [0x10, 0, 1 + u8::from(durable)];
        let parts =
            MessageParts { exchange: exchange.as_bytes(), key: key.as_bytes(), props: &props, payload: &payload };
        let mut message = self.builder.build(&parts, FormatId(1));
        message.durable = durable;
        message
    }

    /// Publishes to one queue by name.
    pub fn publish(&mut self, queue: &str, id: u64, len: usize, durable: bool) -> Lsn {
        let message = self.message(id, len, ("", queue), durable);
        self.publish_message(queue, message)
    }

    /// Publishes this message to one queue by name.
    pub fn publish_message(&mut self, queue: &str, message: Message) -> Lsn {
        let route = self.route("", queue);
        let published = self.turn(|rig, turn| rig.broker.publish(&route, message, turn));
        assert!(!published.refused);
        published.lsn
    }

    /// Starts a consumer of `session`.
    pub fn consume(&mut self, queue: &QueueHandle, who: SessionId, key: u32, change: impl FnOnce(&mut ConsumerSpec)) {
        let mut spec = consumer(who, key);
        change(&mut spec);
        self.turn(|rig, turn| rig.broker.consume(queue, spec, turn)).expect("a consumer");
    }

    /// Asks for one message, waiting for the disk if need be.
    pub fn get(&mut self, queue: &QueueHandle, who: SessionId, takes: bool) -> Option<(Delivery, u64)> {
        loop {
            match self.turn(|rig, turn| rig.broker.get(queue, who, takes, turn)).expect("the queue is there") {
                Got::Message { delivery, remaining } => return Some((delivery, remaining)),
                Got::Empty => return None,
                Got::Pending => {
                    let id = queue.id();
                    self.wait("ready", |rig| {
                        let told = |(to, e): &(SessionId, Event)| {
                            *to == who && matches!(e, Event::Ready { queue } if *queue == id)
                        };
                        let found = rig.events.iter().position(told);
                        found.map(|at| rig.events.remove(at)).is_some()
                    });
                }
            }
        }
    }

    /// Settles deliveries of a session.
    pub fn settle(&mut self, queue: &QueueHandle, who: SessionId, key: Option<u32>, seqs: &[Seq], how: Outcome) -> Lsn {
        self.turn(|rig, turn| rig.broker.settle(queue, (who, key), seqs, how, turn))
    }

    /// Moves the clock and does what is due.
    pub fn advance(&mut self, millis: u64) {
        self.now = self.now.plus(millis);
        loop {
            self.turn(|rig, turn| rig.broker.advance(turn));
            if self.broker.next_deadline().is_none_or(|at| at > self.now) {
                return;
            }
        }
    }

    /// What a queue holds.
    pub fn counts(&self, queue: &QueueHandle) -> QueueCounts {
        self.broker.counts(queue)
    }

    /// Takes the deliveries that have come, in order: consumer key and delivery.
    pub fn deliveries(&mut self) -> Vec<Delivery> {
        self.collect();
        let mut deliveries = Vec::new();
        for (to, event) in std::mem::take(&mut self.events) {
            match event {
                Event::Deliver(delivery) => deliveries.push(delivery),
                other => self.events.push_back((to, other)),
            }
        }
        deliveries
    }

    /// Ends the broker in order.
    pub fn close(self) {
        self.broker.close(self.now);
    }
}

/// A consumer that may have everything.
pub fn consumer(session: SessionId, key: u32) -> ConsumerSpec {
    ConsumerSpec {
        session,
        key,
        channel: 0,
        tag: Bytes::new(),
        prefetch: 0,
        takes: false,
        exclusive: false,
        priority: 0,
        bytes: credit(1 << 60),
        shared: None,
        arguments: Headers::default(),
    }
}

/// An allowance.
pub fn credit(amount: i64) -> Credit {
    Arc::new(AtomicI64::new(amount))
}

/// A durable exchange.
pub fn exchange(name: &str, kind: ExchangeKind) -> ExchangeSpec {
    ExchangeSpec {
        name: name.into(),
        kind,
        durable: true,
        auto_delete: false,
        internal: false,
        alternate: None,
        arguments: Headers::default(),
    }
}

/// A binding of a queue.
pub fn binding(source: &str, queue: &str, key: &str) -> BindingDefinition {
    BindingDefinition {
        source: source.into(),
        destination: Destination::Queue(queue.into()),
        key: Bytes::copy_from_slice(key.as_bytes()),
        arguments: Headers::default(),
        header_match: HeaderMatch::All,
    }
}

/// The payload of message `id`: its number, then bytes that follow from it.
pub fn payload(id: u64, len: usize) -> Vec<u8> {
    let mut bytes = id.to_le_bytes().to_vec();
    bytes.extend((8..len).map(|at| (id as usize * 31 + at) as u8));
    bytes
}

/// The number of a message, its payload checked.
pub fn id_of(message: &Message) -> u64 {
    let bytes = message.payload();
    let id = u64::from_le_bytes(bytes[..8].try_into().expect("8 bytes"));
    assert_eq!(bytes, payload(id, bytes.len()), "the payload of message {id}");
    assert_eq!(message.props(), [0x10, 0, 1 + u8::from(message.durable)], "the properties of message {id}");
    id
}

/// A policy that sends the dead to `exchange`.
pub fn buries(exchange: &str) -> QueuePolicy {
    QueuePolicy { dead_letter_exchange: Some(Name::from(exchange)), ..QueuePolicy::default() }
}
