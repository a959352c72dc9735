//! A vhost as the rules say it, written to be read: plain lists, no log, no locks, no clock but `now`.
#![allow(dead_code, reason = "each test uses its part")]

mod calls;
mod flow;

use narumq_model::{DeathReason, Overflow, QueuePolicy};
use std::collections::BTreeMap;

pub const NEVER: u64 = u64::MAX;
/// What a delivery takes off a connection's allowance beside the payload: property bytes and a constant.
pub const COST: i64 = 3 + 64;

/// A message in one queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// What the test calls it; copies share it.
    pub id: u64,
    /// Its place in the order of the queue.
    pub place: u64,
    pub len: u64,
    pub durable: bool,
    pub priority: u8,
    pub expires_at: u64,
    /// 0 = it is visible.
    pub visible_at: u64,
    /// Where the queue leases by key, one message of a key is handed over at a time.
    pub key: Option<u64>,
    /// When its lease ends by itself.
    pub until: u64,
    pub redelivered: bool,
    pub failures: u32,
    pub hand_overs: u32,
    pub story: Story,
}

/// Where a message has been.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Story {
    pub exchange: String,
    pub keys: Vec<String>,
    pub deaths: Vec<Death>,
    pub first: Option<(String, DeathReason, String)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Death {
    pub queue: String,
    pub reason: DeathReason,
    pub count: u64,
    pub exchange: String,
    pub keys: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Consumer {
    pub session: u32,
    pub key: u32,
    pub prefetch: u32,
    pub takes: bool,
    pub exclusive: bool,
    pub priority: i32,
    /// Whether it draws on its session's shared allowance.
    pub shared: bool,
    pub unsettled: u32,
    pub arrival: u64,
}

#[derive(Clone, Debug, Default)]
pub struct Queue {
    /// Tells queues of one name apart; ascending.
    pub uid: u64,
    pub name: String,
    pub durable: bool,
    pub owner: Option<u32>,
    pub auto_delete: bool,
    pub policy: QueuePolicy,
    /// In no particular order: the place says it.
    pub ready: Vec<Message>,
    /// Not visible yet.
    pub delayed: Vec<Message>,
    pub leased: Vec<(u32, Message)>,
    pub consumers: Vec<Consumer>,
    pub active: Option<u32>,
    pub last_used: u64,
    pub had_consumer: bool,
    pub places: u64,
    pub arrivals: u64,
    /// Who was served last, by priority.
    pub served: BTreeMap<i32, u64>,
}

/// Something a consumer or a `get` was handed.
#[derive(Clone, Debug, PartialEq)]
pub struct Handed {
    pub uid: u64,
    pub place: u64,
    pub id: u64,
    pub redelivered: bool,
    pub failures: u32,
    pub hand_overs: u32,
    pub story: Story,
}

/// A message that leaves its queue.
#[derive(Clone, Debug)]
pub struct Dead {
    pub uid: u64,
    /// It never got into the queue.
    pub refused: bool,
    pub message: Message,
    pub reason: DeathReason,
}

/// What one session may have.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    pub bytes: i64,
    pub shared: i64,
}

#[derive(Clone, Debug, Default)]
pub struct World {
    pub now: u64,
    /// Ascending by uid.
    pub queues: Vec<Queue>,
    /// (exchange, queue), all fanout.
    pub bindings: Vec<(String, String)>,
    pub allowances: BTreeMap<u32, Allowance>,
    /// Deliveries by consumer key, since they were last taken.
    pub handed: BTreeMap<u32, Vec<Handed>>,
    /// Consumers told that their queue is gone, since they were last taken.
    pub cancelled: Vec<u32>,
    pub uids: u64,
    pub dead: Vec<Dead>,
    pub unused: Vec<u64>,
    /// Deaths so far.
    pub died: BTreeMap<&'static str, u64>,
}

impl Queue {
    pub fn level(&self, message: &Message) -> u8 {
        message.priority.min(self.policy.max_priority.unwrap_or(0))
    }

    /// Whether another message of its key is handed over and not settled.
    fn is_held_up(&self, message: &Message) -> bool {
        let same = |(_, held): &(u32, Message)| held.key == message.key;
        self.policy.lease_by_key && message.key.is_some() && self.leased.iter().any(same)
    }

    /// When a message that is handed over now comes back by itself.
    fn lease_until(&self, now: u64) -> u64 {
        self.policy.lease_ms.map_or(NEVER, |millis| now + millis)
    }

    /// Which ready message is next: of the highest level, the one that came first.
    pub fn top(&self) -> Option<usize> {
        let free = (0..self.ready.len()).filter(|at| !self.is_held_up(&self.ready[*at]));
        free.max_by_key(|at| {
            let message = &self.ready[*at];
            (self.level(message), std::cmp::Reverse(message.place))
        })
    }

    /// Ready messages in the order in which they would be handed over.
    pub fn in_order(&self) -> Vec<&Message> {
        let mut ready: Vec<&Message> = self.ready.iter().collect();
        ready.sort_by_key(|m| (std::cmp::Reverse(self.level(m)), m.place));
        ready
    }

    /// The consumers in the order in which they are listed, and whether each is served now.
    pub fn served_now(&self) -> Vec<(u32, bool)> {
        let served = |key| !self.policy.single_active_consumer || self.active == Some(key);
        self.consumers.iter().map(|c| (c.key, served(c.key))).collect()
    }

    pub fn ready_bytes(&self) -> u64 {
        self.ready.iter().map(|m| m.len).sum()
    }

    /// Whether durable messages are kept over a restart.
    pub fn journaled(&self) -> bool {
        self.durable && self.owner.is_none()
    }

    fn admits(&self, bytes: u64, coming: (u64, u64)) -> bool {
        let fits = |max: Option<u64>, is: u64| max.is_none_or(|max| is <= max);
        self.policy.overflow == Overflow::DropHead
            || fits(self.policy.max_length, self.ready.len() as u64 + coming.0 + 1)
                && fits(self.policy.max_length_bytes, self.ready_bytes() + coming.1 + bytes)
    }

    fn over_limit(&self) -> bool {
        self.policy.overflow == Overflow::DropHead
            && (self.policy.max_length.is_some_and(|max| self.ready.len() as u64 > max)
                || self.policy.max_length_bytes.is_some_and(|max| self.ready_bytes() > max))
    }
}

impl World {
    pub fn queue(&self, name: &str) -> Option<&Queue> {
        self.queues.iter().find(|q| q.name == name)
    }

    fn at(&self, uid: u64) -> Option<usize> {
        self.queues.iter().position(|q| q.uid == uid)
    }

    /// The queues that a message with these keys reaches, ascending.
    pub fn route(&self, exchange: &str, keys: &[String]) -> Vec<u64> {
        let bound = |q: &Queue| match exchange {
            "" => keys.contains(&q.name),
            _ => self.bindings.iter().any(|(from, to)| from == exchange && *to == q.name),
        };
        self.queues.iter().filter(|q| bound(q)).map(|q| q.uid).collect()
    }

    /// Whether a message with this history would go in circles through `target`.
    fn circles(deaths: &[Death], target: &str) -> bool {
        let died_there = deaths.iter().position(|d| d.queue == target);
        died_there.is_some_and(|at| deaths[..=at].iter().all(|d| d.reason != DeathReason::Rejected))
    }
}
