//! A broker on a small log and a virtual clock: what the tests of this crate drive it with.
#![allow(dead_code, unused_imports, reason = "each test uses its part")]

pub mod batches;
pub mod compacting;
mod gate;
pub mod keyed;
mod specs;

pub use gate::Gate;
pub use specs::*;

use bytes::Bytes;
use narumq_broker::{
    Broker, ConsumerSpec, Declared, Delivery, Event, Got, Outcome, QueueCounts, QueueHandle, QueueSpec, Route,
    RouteQuery, Settings, Turn, Vhost,
};
use narumq_log::disk::Disk;
use narumq_log::{Given, Options};
use narumq_model::{
    BindingDefinition, Destination, ExchangeKind, FormatId, HeaderMatch, Headers, Lsn, Message, MessageBuilder,
    MessageParts, QueuePolicy, Seq, SessionId, Time,
};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// How long something that must happen may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A moment.
pub const REST: Duration = Duration::from_millis(2);

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
        let random = Box::new(unique);
        let settings = Settings {
            workers: 1,
            memory_limit: u64::MAX,
            message_bytes_max: 1 << 27,
            durability: Default::default(),
            given_exchanges: vec![],
            topics: topics(),
            dialects: batches::dialects(),
            streams: None,
            groups: Default::default(),
            default_vhost: "/".into(),
            salt: [1, 2, 3, 4],
        };
        let broker = Broker::open(settings, options, Given { disk, random }, now)?;
        let (ring, bell) = channel();
        broker.mailboxes().set_wake(Box::new(move |_| _ = ring.send(())));
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
            match self.bell.recv_timeout(REST) {
                Ok(()) => while self.bell.try_recv().is_ok() {},
                Err(RecvTimeoutError::Timeout) => looks += 1,
                Err(RecvTimeoutError::Disconnected) => panic!("the broker is gone"),
            }
            assert!(looks < PATIENCE.as_millis() / REST.as_millis(), "waited in vain: {what}");
        }
    }

    /// Waits for a moment, less if the broker wakes the worker: then true.
    pub fn rest(&mut self) -> bool {
        let woken = self.bell.recv_timeout(REST).is_ok();
        while self.bell.try_recv().is_ok() {}
        self.collect();
        woken
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
        message(&mut self.builder, id, len, (exchange, key), durable)
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
        for _ in 0..1_000 {
            self.turn(|rig, turn| rig.broker.advance(turn));
            if self.broker.next_deadline().is_none_or(|at| at > self.now) {
                return;
            }
        }
        panic!("what is due at {} is due again and again", self.now.0);
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
