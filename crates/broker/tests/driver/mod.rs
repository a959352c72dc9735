//! Drives a broker and the model side by side and compares them after every step.
#![allow(dead_code, reason = "each test uses its part")]

mod act;
pub mod draw;
pub mod ops;
mod restart;
mod traffic;

use crate::harness::{PATIENCE, REST, Rig, id_of, session, small};
use crate::model::{self, Allowance, Handed, Story, World};
use narumq_broker::{Credit, Delivery, Event, QueueHandle};
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_model::{Message, Seq, SessionId, Time};
use ops::{Op, SESSIONS, Setup};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Fails a step with a text.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err(format!($($text)+));
        }
    };
}
pub(crate) use ensure;

/// Something handed over and not settled.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub uid: u64,
    pub place: u64,
    pub seq: Seq,
    pub session: u32,
    pub key: Option<u32>,
    /// It was taken off the session's shared allowance.
    pub shared: bool,
}

pub struct Driver {
    pub rig: Option<Rig>,
    pub world: World,
    pub setup: Setup,
    pub held: Vec<Held>,
    disk: FaultyDisk,
    handles: BTreeMap<u64, QueueHandle>,
    credits: BTreeMap<u32, (Credit, Credit)>,
    /// Which message has which sequence, by queue.
    seqs: BTreeMap<u64, BTreeMap<Seq, u64>>,
    got: BTreeMap<u32, Vec<Delivery>>,
    cancelled: Vec<u32>,
    ids: u64,
    keys: u32,
    cuts: u64,
    /// Something may still be read from the disk: what the model says comes in a moment.
    pub cold: bool,
    /// How long the model may be ahead of the disk.
    patience: Duration,
    pub reached: Reached,
}

/// What the cases came to: a test that never sees a full file says nothing about full files.
#[derive(Debug, Default)]
pub struct Reached {
    pub kinds: BTreeMap<String, u64>,
    pub died: BTreeMap<&'static str, u64>,
    /// Files of the log that were begun, and of these, that were given up again.
    pub files_begun: u64,
    pub files_freed: u64,
    /// Floods after which the queue had let go of messages.
    pub let_go: u64,
    /// Publishes and transactions that a queue refused.
    pub refused: u64,
    /// Hand-overs of messages that had been handed over before.
    pub redelivered: u64,
}

impl Reached {
    /// Adds what one case came to.
    pub fn add(&mut self, other: &Self) {
        other.kinds.iter().for_each(|(kind, n)| *self.kinds.entry(kind.clone()).or_default() += n);
        other.died.iter().for_each(|(reason, n)| *self.died.entry(reason).or_default() += n);
        self.files_begun += other.files_begun;
        self.files_freed += other.files_freed;
        self.let_go += other.let_go;
        self.refused += other.refused;
        self.redelivered += other.redelivered;
    }
}

impl Driver {
    /// A case; what is read from the disk may take as long as `patience`, or as long as anything may.
    pub fn new(setup: Setup, patience: Option<Duration>) -> Result<Self, String> {
        let disk = FaultyDisk::new(Plan::default());
        let rig = Rig::open(Arc::new(disk.clone()), small(), Time(1_000));
        let mut driver = Self {
            rig: Some(rig),
            world: World { now: 1_000, ..World::default() },
            setup,
            held: Vec::new(),
            disk,
            handles: BTreeMap::new(),
            credits: BTreeMap::new(),
            seqs: BTreeMap::new(),
            got: BTreeMap::new(),
            cancelled: Vec::new(),
            ids: 0,
            keys: 0,
            cuts: 0,
            cold: false,
            patience: patience.unwrap_or(PATIENCE),
            reached: Reached::default(),
        };
        driver.reset_credits();
        driver.begin()?;
        Ok(driver)
    }

    pub fn rig(&mut self) -> &mut Rig {
        self.rig.as_mut().expect("the broker runs")
    }

    fn reset_credits(&mut self) {
        for who in 1..=SESSIONS {
            self.reset_credit(who);
        }
    }

    fn reset_credit(&mut self, who: u32) {
        let Setup { bytes, shared, .. } = self.setup;
        self.world.allowances.insert(who, Allowance { bytes, shared });
        let credits = self.credits.entry(who).or_insert_with(|| (crate::harness::credit(0), crate::harness::credit(0)));
        credits.0.store(bytes, Ordering::Relaxed);
        credits.1.store(shared, Ordering::Relaxed);
    }

    /// Does one thing to both, then compares.
    pub fn step(&mut self, op: &Op) -> Result<(), String> {
        let act = |driver: &mut Self| {
            *driver.reached.kinds.entry(op.kind()).or_default() += 1;
            driver.act(op)?;
            if driver.cold {
                // An answer of the disk makes due things happen; they happen here in any case.
                driver.rig().advance(0);
                driver.world.advance(0);
            }
            driver.compare()
        };
        act(self).map_err(|why| format!("{op:?}: {why}"))
    }

    /// Compares, waiting for what the disk was asked for: nothing may come between two things that the model does in order.
    pub fn compare(&mut self) -> Result<(), String> {
        if !self.cold {
            return self.compare_now();
        }
        // Rests without news are counted, not time: a pause of the whole machine is no failure.
        let mut rests = self.patience.as_millis() / REST.as_millis();
        loop {
            while self.rig().broker.reading() > 0 {
                std::thread::yield_now();
            }
            let said = self.compare_now();
            if said.is_ok() || rests == 0 {
                return said;
            }
            // As a worker that is woken: it looks at what has become due.
            rests -= u128::from(!self.rig().rest());
            self.rig().advance(0);
        }
    }

    /// Between two things of one step: what the disk is asked for by the first comes before the second.
    fn let_come(&mut self) -> Result<(), String> {
        if self.cold { self.compare() } else { Ok(()) }
    }

    fn compare_now(&mut self) -> Result<(), String> {
        self.collect();
        let rig = self.rig.as_ref().expect("the broker runs");
        let names: Vec<String> = rig.broker.queues(&rig.vhost).iter().map(|q| q.name().to_string()).collect();
        let mut expected: Vec<String> = self.world.queues.iter().map(|q| q.name.clone()).collect();
        expected.sort();
        ensure!(names == expected, "queues are {names:?}, not {expected:?}");
        for queue in &self.world.queues {
            let counts = rig.counts(&self.handles[&queue.uid]);
            let is = [counts.ready, counts.delayed, counts.unsettled, u64::from(counts.consumers), counts.ready_bytes];
            let lens = [queue.ready.len(), queue.delayed.len(), queue.leased.len(), queue.consumers.len()];
            let [ready, delayed, leased, consumers] = lens.map(|len| len as u64);
            let should = [ready, delayed, leased, consumers, queue.ready_bytes()];
            ensure!(
                is == should,
                "{} counts (ready, delayed, unsettled, consumers, bytes) {is:?}, not {should:?}",
                queue.name
            );
            ensure!(counts.damaged == 0, "{} has {} damaged messages", queue.name, counts.damaged);
            let consumers = rig.broker.consumers(&self.handles[&queue.uid]);
            let is: Vec<(u32, bool)> = consumers.iter().map(|(c, active)| (c.key, *active)).collect();
            ensure!(is == queue.served_now(), "{} is consumed by {is:?}, not {:?}", queue.name, queue.served_now());
        }
        let count = |handed: usize, got: usize| handed == got;
        let keys: BTreeSet<u32> = self.got.keys().chain(self.world.handed.keys()).copied().collect();
        for key in keys {
            let (got, handed) = (self.got.get(&key), self.world.handed.get(&key));
            let (got, handed) = (got.map_or(0, Vec::len), handed.map_or(0, Vec::len));
            ensure!(count(handed, got), "consumer {key} got {got} deliveries, not {handed}");
        }
        let (mut is, mut should) = (self.cancelled.clone(), self.world.cancelled.clone());
        is.sort_unstable();
        should.sort_unstable();
        ensure!(is == should, "cancelled are {is:?}, not {should:?}");
        self.cancelled.clear();
        self.world.cancelled.clear();
        self.take_deliveries()
    }

    fn collect(&mut self) {
        let rig = self.rig.as_mut().expect("the broker runs");
        rig.collect();
        for (_, event) in std::mem::take(&mut rig.events) {
            match event {
                Event::Deliver(delivery) => self.got.entry(delivery.consumer).or_default().push(delivery),
                Event::Cancelled { consumer } => self.cancelled.push(consumer),
                _ => {}
            }
        }
    }

    /// Compares deliveries one by one, by consumer, and notes what is held.
    fn take_deliveries(&mut self) -> Result<(), String> {
        for (key, got) in std::mem::take(&mut self.got) {
            let handed = self.world.handed.remove(&key).unwrap_or_default();
            for (delivery, handed) in got.iter().zip(&handed) {
                self.same(delivery, handed).map_err(|why| format!("consumer {key}: {why}"))?;
                let leased = self.world.queues.iter().find(|q| q.uid == handed.uid);
                let leased =
                    leased.and_then(|q| q.leased.iter().find(|(_, m)| m.place == handed.place).map(|l| (q, l)));
                let Some((queue, (session, _))) = leased else { continue };
                let consumer = queue.consumers.iter().find(|c| c.key == key);
                if consumer.is_some_and(|c| !c.takes) {
                    let shared = consumer.is_some_and(|c| c.shared);
                    let Handed { uid, place, .. } = *handed;
                    let session = *session;
                    self.held.push(Held { uid, place, seq: delivery.seq, session, key: Some(key), shared });
                }
            }
        }
        self.world.handed.clear();
        Ok(())
    }

    /// Whether what was handed over is what the model says, and bears the sequence it had before.
    fn same(&mut self, delivery: &Delivery, handed: &Handed) -> Result<(), String> {
        let Delivery { message, seq, .. } = delivery;
        let (id, redelivered, story) = (id_of(message), message.redelivered, story(message));
        ensure!(id == handed.id, "message {id} came, not {}", handed.id);
        ensure!(redelivered == handed.redelivered, "message {id} came with redelivered {redelivered}");
        let (is, should) = ((message.failures.into(), message.hand_overs.into()), (handed.failures, handed.hand_overs));
        ensure!(self.counted(handed.uid, is) == self.counted(handed.uid, should), "message {id} counts {is:?}");
        self.reached.redelivered += u64::from(redelivered);
        ensure!(story == handed.story, "message {id} says {story:?}, not {:?}", handed.story);
        let place = *self.seqs.entry(handed.uid).or_default().entry(*seq).or_insert(handed.place);
        ensure!(place == handed.place, "message {id} has sequence {seq} of another");
        Ok(())
    }

    /// What is known for sure of (failures, hand-overs): over a restart, what a limit asks for.
    fn counted(&self, uid: u64, (failures, hand_overs): (u32, u32)) -> (u32, u32) {
        let policy = self.world.queues.iter().find(|q| q.uid == uid).map(|q| &q.policy);
        let kept = |limit: Option<u32>| u32::from(!self.cold || limit.is_some());
        policy.map_or((0, 0), |p| (failures * kept(p.delivery_limit), hand_overs * kept(p.hand_over_limit)))
    }

    fn session(who: u32) -> SessionId {
        session(who)
    }
}

/// Where a message has been, as its envelope tells.
fn story(message: &Message) -> Story {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let texts = |keys: &[bytes::Bytes]| keys.iter().map(|k| text(k)).collect();
    let envelope = message.envelope();
    let deaths = envelope.map_or(&[][..], |e| &e.deaths).iter().map(|d| model::Death {
        queue: d.queue.to_string(),
        reason: d.reason,
        count: d.count,
        exchange: text(&d.exchange),
        keys: texts(&d.keys),
    });
    Story {
        exchange: text(message.exchange()),
        keys: texts(&message.keys()),
        deaths: deaths.collect(),
        first: envelope.and_then(|e| e.first_death.clone()).map(|(q, r, x)| (q.to_string(), r, text(&x))),
    }
}
