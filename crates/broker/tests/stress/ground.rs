//! The broker that all workers share, and its queues.

use crate::harness::{binding, exchange, session, small, unique};
use narumq_broker::{Broker, Declared, Event, QueueHandle, QueueSpec, Settings, Turn, Vhost};
use narumq_log::Given;
use narumq_log::disk::memory::MemoryDisk;
use narumq_model::{ExchangeKind, Overflow, QueuePolicy, SessionId, Time};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Queues that stay: `lost` takes what dies of age or number, `a0` and `a1` bury in each other, `r` refuses, `p` is purged.
pub const KEPT: [&str; 7] = ["lost", "a0", "a1", "a2", "a3", "r", "p"];
/// Queues that come and go; `c0` and `c1` bury in each other, `c2` in `a0`.
pub const CHURNED: [&str; 3] = ["c0", "c1", "c2"];
/// One broker for all workers.
pub struct Ground {
    pub broker: Arc<Broker>,
    pub vhost: Vhost,
    pub kept: Vec<QueueHandle>,
    /// The clock of all.
    pub now: AtomicU64,
    bell: Mutex<Receiver<()>>,
}

impl Ground {
    pub fn new(workers: u16) -> Self {
        let settings = Settings { workers, memory_limit: u64::MAX, ..Settings::default() };
        let given = Given { disk: Arc::<MemoryDisk>::default(), random: Box::new(unique) };
        let broker = Broker::open(settings, small(), given, Time(1_000)).expect("the broker comes up");
        let user = broker.authenticate("guest", b"guest", true).expect("guest is there");
        let vhost = broker.open_vhost("/", &user).expect("the vhost is there");
        let (ring, bell) = sync_channel(1);
        // One ring that nobody has heard yet is enough.
        broker.mailboxes().set_wake(Box::new(move |_| _ = ring.try_send(())));
        let mut ground = Self { broker, vhost, kept: Vec::new(), now: AtomicU64::new(1_000), bell: Mutex::new(bell) };
        let mut turn = ground.turn(0);
        let declared = KEPT.map(|name| ground.declare(name, &mut turn));
        let fan = exchange("fan", ExchangeKind::Fanout);
        ground.broker.declare_exchange(&ground.vhost, fan, &mut turn);
        for name in ["a0", "a1", "a2", "a3", "p"] {
            ground.broker.bind(&ground.vhost, binding("fan", name, ""), session(0), &mut turn).expect("a binding");
        }
        ground.broker.end_turn(&mut turn);
        ground.kept = declared.into();
        ground
    }

    pub fn turn(&self, worker: u16) -> Turn {
        Turn::new(Time(self.now.load(Ordering::Relaxed)), Some(worker))
    }

    /// Waits until the session, which is of worker 0, is told that a message can be had. No worker runs any more.
    pub fn wait_for_ready(&self, session: SessionId, patience: Duration) {
        let bell = self.bell.lock().expect("one thread waits");
        loop {
            let mut mail = Vec::new();
            self.broker.mailboxes().take(0, &mut mail);
            if mail.iter().any(|(to, event)| *to == session && matches!(event, Event::Ready { .. })) {
                return;
            }
            bell.recv_timeout(patience).expect("nobody is told that a message is there");
        }
    }

    pub fn declare(&self, name: &str, turn: &mut Turn) -> QueueHandle {
        let buries = |key: &'static str| QueuePolicy {
            dead_letter_exchange: Some("".into()),
            dead_letter_key: Some(key.into()),
            ..QueuePolicy::default()
        };
        let policy = match name {
            "a0" => buries("a1"),
            "a1" | "c2" => buries("a0"),
            "a2" => QueuePolicy { message_ttl_ms: Some(40), max_priority: Some(3), ..buries("lost") },
            "a3" => QueuePolicy { max_length: Some(30), ..buries("lost") },
            "r" => QueuePolicy { max_length: Some(10), overflow: Overflow::Reject, ..QueuePolicy::default() },
            "c0" => buries("c1"),
            "c1" => QueuePolicy { single_active_consumer: true, ..buries("c0") },
            _ => QueuePolicy::default(),
        };
        let spec = QueueSpec { name: Some(name.into()), durable: name != "c1", policy, ..QueueSpec::default() };
        let (declared, _) = self.broker.declare_queue(&self.vhost, spec, session(0), turn).expect("a queue");
        let (Declared::Created(queue) | Declared::Existing(queue)) = declared;
        queue
    }

    /// Looks at everything there is to look at.
    pub fn list(&self) {
        let ready: u64 = self.broker.queues(&self.vhost).iter().map(|q| self.broker.counts(q).ready).sum();
        let shown: usize = self.kept.iter().map(|q| self.broker.peek(q, 10).len()).sum();
        let consumers: usize = self.kept.iter().map(|q| self.broker.consumers(q).len()).sum();
        let bound = self.broker.bindings(&self.vhost).len() + self.broker.exchanges(&self.vhost).len();
        let counts = self.broker.counts_since_start();
        assert!(bound >= 6, "{ready} ready, {shown} shown, {consumers} consumers, {bound} exchanges and bindings");
        assert!(counts.queues_created >= 7 && self.broker.failed().is_none());
    }
}
