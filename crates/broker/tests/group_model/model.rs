//! A group as the rules say it, written to be read.

use super::draw::Setup;
use narumq_broker::group::{GroupRefusal, GroupState};
use std::collections::BTreeMap;

pub type Offer = Vec<(String, Vec<u8>)>;

#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub id: String,
    pub instance: Option<String>,
    pub session: u64,
    pub rebalance: u64,
    pub offer: Offer,
    pub topics: Option<Vec<String>>,
    pub part: Vec<u8>,
    pub is_new: bool,
    /// When it is out unless it is heard; `None` while it waits for us and that instant has passed.
    pub ends: Option<u64>,
    pub joining: Option<u64>,
    pub syncing: Option<u64>,
    pub unsynced: bool,
}

/// An answer, by the number of its request.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Joined(u64, Result<Joined, GroupRefusal>),
    Synced(u64, Result<Vec<u8>, GroupRefusal>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Joined {
    pub id: String,
    pub generation: i32,
    pub protocol: String,
    pub leader: String,
    pub members: Vec<(String, Option<String>, Vec<u8>)>,
    pub skip: bool,
}

/// What a join says, with the place of its answer.
#[derive(Clone, Debug)]
pub struct Asked {
    pub request: u64,
    pub id: String,
    pub instance: Option<String>,
    pub fresh: String,
    pub required: bool,
    pub skip: bool,
    pub kind: String,
    pub session: u64,
    pub rebalance: u64,
    pub offer: Offer,
    pub topics: Option<Vec<String>>,
}

#[derive(Clone, Debug)]
pub struct Model {
    pub setup: Setup,
    pub now: u64,
    pub state: GroupState,
    pub since: u64,
    pub generation: i32,
    pub kind: Option<String>,
    pub protocol: Option<String>,
    /// In the order in which they came.
    pub members: Vec<Member>,
    pub leader: Option<String>,
    pub pending: Vec<(String, u64)>,
    pub subscribed: Option<Vec<String>>,
    /// While the first generation waits: the wait that runs, what is left, whether somebody came.
    pub initial: Option<(u64, u64, bool)>,
    pub join_at: Option<u64>,
    pub sync_at: Option<u64>,
    /// By partition: offset, when, expiry.
    pub offsets: BTreeMap<u32, (i64, u64, Option<u64>)>,
    pub answers: Vec<Answer>,
    pub images: usize,
    /// As it was at its last image.
    pub saved: Option<Box<Model>>,
}

impl Model {
    pub fn new(setup: &Setup, now: u64) -> Self {
        Self {
            setup: setup.clone(),
            now,
            state: GroupState::Empty,
            since: now,
            generation: 0,
            kind: None,
            protocol: None,
            members: Vec::new(),
            leader: None,
            pending: Vec::new(),
            subscribed: None,
            initial: None,
            join_at: None,
            sync_at: None,
            offsets: BTreeMap::new(),
            answers: Vec::new(),
            images: 0,
            saved: None,
        }
    }

    pub fn at(&self, id: &str) -> Option<usize> {
        self.members.iter().position(|m| m.id == id)
    }

    pub fn of_instance(&self, instance: &str) -> Option<usize> {
        self.members.iter().position(|m| m.instance.as_deref() == Some(instance))
    }

    pub fn enter(&mut self, state: GroupState) {
        (self.state, self.since) = (state, self.now);
    }

    pub fn hear(&mut self, at: usize) {
        self.members[at].ends = Some(self.now + self.members[at].session);
    }

    pub fn joined(&mut self, request: u64, answer: Result<Joined, GroupRefusal>) {
        self.answers.push(Answer::Joined(request, answer));
    }

    pub fn synced(&mut self, request: u64, answer: Result<Vec<u8>, GroupRefusal>) {
        self.answers.push(Answer::Synced(request, answer));
    }

    pub fn save(&mut self) {
        self.images += 1;
        let saved = Model { saved: None, answers: Vec::new(), ..self.clone() };
        self.saved = Some(Box::new(saved));
    }

    /// The next instant at which something happens if nobody acts: instant, rank, whose.
    pub fn next(&self) -> Option<(u64, u8, String)> {
        let sessions = self.members.iter().filter_map(|m| Some((m.ends?, 0, m.id.clone())));
        let pending = self.pending.iter().map(|(id, until)| (*until, 0, id.clone()));
        let join = self.join_at.map(|at| (at, 1, String::new()));
        let sync = self.sync_at.map(|at| (at, 2, String::new()));
        sessions.chain(pending).chain(join).chain(sync).min()
    }

    /// The process ends and starts again.
    pub fn restart(&mut self) {
        let (now, setup, offsets) = (self.now, self.setup.clone(), std::mem::take(&mut self.offsets));
        let saved = self.saved.take();
        *self = match saved.clone() {
            Some(model) => *model,
            None => Model::new(&setup, now),
        };
        (self.now, self.offsets, self.saved) = (now, offsets, saved);
        (self.join_at, self.sync_at, self.initial) = (None, None, None);
        self.pending.clear();
        self.state = if self.members.is_empty() { GroupState::Empty } else { GroupState::Stable };
        for at in 0..self.members.len() {
            let member = &mut self.members[at];
            (member.joining, member.syncing, member.is_new, member.unsynced) = (None, None, false, false);
            self.hear(at);
        }
        self.subscribed = self.subscription();
        if self.members.len() > self.setup.members_max {
            self.prepare();
        }
    }

    pub fn subscription(&self) -> Option<Vec<String>> {
        if self.kind.as_deref() != Some("consumer") {
            return None;
        }
        let mut all = Vec::new();
        for member in &self.members {
            all.extend(member.topics.clone()?);
        }
        Some(all)
    }

    pub fn reads(&self, topic: &str) -> bool {
        match &self.subscribed {
            Some(all) => all.iter().any(|t| t == topic),
            None => self.kind.as_deref() == Some("consumer"),
        }
    }

    /// Whether all members offer it.
    pub fn common(&self, protocol: &str) -> bool {
        self.members.iter().all(|m| m.offer.iter().any(|(name, _)| name == protocol))
    }
}
