//! Workers that do everything at once to one broker, and keep books of every message.

mod ground;
mod ledger;

pub use ground::Ground;
pub use ledger::Ledger;

use crate::harness::{binding, consumer, exchange, message};
use ground::{CHURNED, KEPT};
use narumq_broker::{
    Delivery, Event, Got, Outcome, Published, QueueHandle, Route, RouteQuery, Turn, TxPublish, TxSettle,
};
use narumq_model::{ExchangeKind, Headers, Message, MessageBuilder, SessionId, Time};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Marks the numbers of messages that were published to queues that come and go.
const CHURN: u64 = 1 << 63;

/// Something held: the queue, the delivery.
type Held = (QueueHandle, Delivery);

/// One thread's part.
pub struct Worker {
    ground: Arc<Ground>,
    number: u16,
    who: SessionId,
    random: u64,
    builder: MessageBuilder,
    messages: u64,
    keys: u32,
    /// Its consumers: queue, and whether it takes.
    consumers: HashMap<u32, (QueueHandle, bool)>,
    held: Vec<Held>,
    pub ledger: Ledger,
}

impl Worker {
    pub fn new(ground: Arc<Ground>, number: u16) -> Self {
        Self {
            ground,
            number,
            who: SessionId { worker: number, index: 1, generation: 1 },
            random: 0x9e37_79b9_7f4a_7c15 ^ (u64::from(number) << 32),
            builder: MessageBuilder::default(),
            messages: 0,
            keys: 0,
            consumers: HashMap::new(),
            held: Vec::new(),
            ledger: Ledger::default(),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 20) as usize % bound
    }

    /// Any queue that is there now, but `lost`.
    fn queue(&mut self) -> Option<QueueHandle> {
        let at = 1 + self.below(KEPT.len() + CHURNED.len() - 1);
        match CHURNED.get(at.wrapping_sub(KEPT.len())) {
            Some(name) => self.ground.broker.queue(&self.ground.vhost, name, self.who).ok(),
            None => self.ground.kept.get(at).cloned(),
        }
    }

    /// Does one thing, drawn at random.
    pub fn step(&mut self) {
        let (ground, mut turn) = (self.ground.clone(), self.ground.turn(self.number));
        self.collect();
        match self.below(32) {
            0..=9 => self.publish(&mut turn),
            10..=13 => self.transact(&mut turn),
            14..=18 => self.settle(&mut turn),
            19..=20 => self.consume(&mut turn),
            21 => self.cancel(&mut turn),
            22..=24 => self.get(&mut turn),
            25 => self.purge(&mut turn),
            26..=27 => self.reshape(&mut turn),
            28 => self.rewire(&mut turn),
            29 => ground.list(),
            30 => {
                ground.now.fetch_add(5, Ordering::Relaxed);
                turn.now = Time(ground.now.load(Ordering::Relaxed));
                ground.broker.advance(&mut turn);
            }
            _ if self.below(8) == 0 => self.vanish(&mut turn),
            _ => {}
        }
        ground.broker.end_turn(&mut turn);
    }

    /// Takes what lies in the mailbox.
    fn collect(&mut self) {
        let mut mail = Vec::new();
        self.ground.broker.mailboxes().take(self.number, &mut mail);
        for (_, event) in mail {
            match event {
                Event::Deliver(delivery) => {
                    let (queue, takes) = self.consumers[&delivery.consumer].clone();
                    if takes {
                        self.ledger.out(queue.name(), &delivery.message);
                    } else {
                        self.held.push((queue, delivery));
                    }
                }
                Event::Cancelled { .. } | Event::Ready { .. } => {}
                other => panic!("nobody said {other:?}"),
            }
        }
    }

    /// A new message to somewhere, entered in the books as soon as it is known where it went.
    fn message(&mut self, to: (&str, &str)) -> Message {
        self.messages += 1;
        let churn = if to.0 == "churn" || to.1.starts_with('c') { CHURN } else { 0 };
        let id = churn | u64::from(self.number + 1) << 32 | self.messages;
        let (len, durable) = (8 + self.below(600), self.below(4) > 0);
        let mut message = message(&mut self.builder, id, len, to, durable);
        message.priority = self.below(5) as u8;
        message
    }

    fn target(&mut self) -> (&'static str, &'static str) {
        match self.below(12) {
            0..=1 => ("fan", ""),
            2 => ("churn", ""),
            3..=5 => ("", CHURNED[self.below(CHURNED.len())]),
            _ => ("", KEPT[1 + self.below(KEPT.len() - 1)]),
        }
    }

    fn route(&self, (exchange, key): (&str, &str)) -> Option<Route> {
        let keys = [key.as_bytes()];
        let query = RouteQuery { exchange: exchange.as_bytes(), keys: &keys, headers: &Headers::default };
        self.ground.broker.route(&self.ground.vhost, &query).ok()
    }

    fn publish(&mut self, turn: &mut Turn) {
        let to = self.target();
        let Some(route) = self.route(to) else { return };
        let message = self.message(to);
        self.ledger.came(to, &message, route.queues());
        let Published { refused, .. } = self.ground.broker.publish(&route, message.clone(), turn);
        assert!(!refused || to.1 == "r", "only one queue refuses");
        if refused {
            self.ledger.refused(&message);
        }
    }

    fn transact(&mut self, turn: &mut Turn) {
        let mut settles = Vec::new();
        for _ in 0..self.below(5) {
            let Some((queue, delivery)) = self.pick() else { continue };
            let outcome = self.outcome(&queue, &delivery);
            settles.push(TxSettle { queue, seqs: vec![delivery.seq], outcome, consumer: Some(delivery.consumer) });
        }
        let mut publishes = Vec::new();
        for _ in 0..self.below(5) {
            let to = self.target();
            // What is refused would not be told one by one.
            if let Some(route) = self.route(to).filter(|_| to.1 != "r") {
                let message = self.message(to);
                self.ledger.came(to, &message, route.queues());
                publishes.push(TxPublish { route, message });
            }
        }
        self.ground.broker.transact(settles, publishes, self.who, turn);
    }

    fn pick(&mut self) -> Option<Held> {
        let at = self.below(self.held.len().max(1));
        (at < self.held.len()).then(|| self.held.swap_remove(at))
    }

    /// How a delivery is to end, entered in the books.
    fn outcome(&mut self, queue: &QueueHandle, delivery: &Delivery) -> Outcome {
        let outcome =
            [Outcome::Accept, Outcome::Accept, Outcome::Return, Outcome::Fail, Outcome::Reject][self.below(5)];
        // Rejected there, a message just goes.
        let ends = outcome == Outcome::Reject && matches!(&**queue.name(), "r" | "p");
        if ends || outcome == Outcome::Accept {
            self.ledger.out(queue.name(), &delivery.message);
        }
        outcome
    }

    fn settle(&mut self, turn: &mut Turn) {
        for _ in 0..1 + self.below(6) {
            let Some((queue, delivery)) = self.pick() else { return };
            let outcome = self.outcome(&queue, &delivery);
            let who = (self.who, Some(delivery.consumer));
            self.ground.broker.settle(&queue, who, &[delivery.seq], outcome, turn);
        }
    }

    fn consume(&mut self, turn: &mut Turn) {
        let Some(queue) = self.queue().filter(|_| self.consumers.len() < 200) else { return };
        self.keys += 1;
        let mut spec = consumer(self.who, self.keys);
        spec.prefetch = 1 + self.below(6) as u32;
        spec.takes = self.below(4) == 0;
        spec.priority = self.below(3) as i32;
        // Deliveries may lie in the mailbox before this returns, and it is this thread that takes them.
        self.consumers.insert(self.keys, (queue.clone(), spec.takes));
        if self.ground.broker.consume(&queue, spec, turn).is_err() {
            self.consumers.remove(&self.keys);
        }
    }

    fn cancel(&mut self, turn: &mut Turn) {
        let mut keys: Vec<u32> = self.consumers.keys().copied().collect();
        keys.sort_unstable();
        if !keys.is_empty() {
            let key = keys[self.below(keys.len())];
            self.ground.broker.cancel(&self.consumers[&key].0, self.who, key, turn);
        }
    }

    fn get(&mut self, turn: &mut Turn) {
        let Some(queue) = self.queue() else { return };
        let takes = self.below(3) == 0;
        if let Ok(Got::Message { delivery, .. }) = self.ground.broker.get(&queue, self.who, takes, turn) {
            if takes {
                self.ledger.out(queue.name(), &delivery.message);
            } else {
                self.held.push((queue, delivery));
            }
        }
    }

    fn purge(&mut self, turn: &mut Turn) {
        let Some(queue) = self.queue() else { return };
        if &**queue.name() == "p" {
            self.ledger.purged += self.ground.broker.purge(&queue, turn).0;
        } else if queue.name().starts_with('c') {
            self.ground.broker.purge(&queue, turn);
        }
    }

    /// A queue comes or goes.
    fn reshape(&mut self, turn: &mut Turn) {
        let name = CHURNED[self.below(CHURNED.len())];
        if self.below(3) > 0 {
            self.ground.declare(name, turn);
        } else {
            let asked = (false, self.below(4) == 0);
            drop(self.ground.broker.delete_queue(&self.ground.vhost, name, asked, self.who, turn));
        }
    }

    /// An exchange or a binding comes or goes.
    fn rewire(&mut self, turn: &mut Turn) {
        let (broker, vhost) = (self.ground.broker.clone(), self.ground.vhost.clone());
        let binding = binding("churn", CHURNED[self.below(CHURNED.len())], "");
        match self.below(6) {
            0 => drop(broker.delete_exchange(&vhost, "churn", false, turn)),
            1 => drop(broker.unbind(&vhost, &binding, self.who, turn)),
            2..=3 => drop(broker.declare_exchange(&vhost, exchange("churn", ExchangeKind::Fanout), turn)),
            _ => drop(broker.bind(&vhost, binding, self.who, turn)),
        }
    }

    /// The connection ends and the next one begins: what it held comes back, what lies in the mailbox too.
    pub fn vanish(&mut self, turn: &mut Turn) {
        let consumers: Vec<_> = self.consumers.iter().map(|(key, (queue, _))| (*key, queue.clone())).collect();
        for (key, queue) in &consumers {
            self.ground.broker.cancel(queue, self.who, *key, turn);
        }
        // What was taken is out.
        self.collect();
        let mut queues: Vec<QueueHandle> = self.held.drain(..).map(|(queue, _)| queue).collect();
        queues.extend(self.ground.kept.iter().cloned());
        queues.iter().for_each(|queue| self.ground.broker.take_back(queue, self.who, turn));
        self.consumers.clear();
    }
}

/// Whether a message of this number was published to a queue that comes and goes.
pub fn churned(id: u64) -> bool {
    id & CHURN != 0
}
