//! The members of a group: who waits for what, what all of them support, who leads.

mod election;

use super::Caller;
use bytes::Bytes;
use narumq_model::{Name, Time};
use std::collections::BTreeMap;

/// Something that a member can do, and what it has to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Its name: members that are to work together have one in common.
    pub name: Name,
    /// For the leader; opaque to the group.
    pub metadata: Bytes,
}

/// One member.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: Name,
    pub(super) instance_id: Option<Name>,
    pub(super) client_id: Name,
    pub(super) client_host: Name,
    pub(super) session_timeout_ms: u32,
    pub(super) rebalance_timeout_ms: u32,
    /// Not empty, each name once. Changed by [`Members::update`] only.
    protocols: Vec<Protocol>,
    pub(super) topics: Option<Vec<Name>>,
    pub(super) assignment: Bytes,
    /// It has never been in a generation: its session ends although it waits for one.
    pub(super) is_new: bool,
    pub(super) session: Session,
    /// Who waits for its part.
    pub(super) syncing: Option<Caller>,
    /// It has not yet asked for its part of this generation.
    pub(super) unsynced: bool,
    /// Who waits for the next generation.
    joining: Option<Caller>,
    /// Counts the members that came to the group.
    arrival: u64,
}

/// How long a member may be silent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    /// When it is over.
    pub(super) ends: Time,
    /// When it is looked at: never after `ends`, unless it has been looked at and found to be waiting.
    pub(super) looked_at: Time,
}

impl Default for Session {
    fn default() -> Self {
        Self { ends: Time::NEVER, looked_at: Time::NEVER }
    }
}

/// What a member says of itself when it joins, its ids apart.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) client_id: Name,
    pub(super) client_host: Name,
    pub(super) session_timeout_ms: u32,
    pub(super) rebalance_timeout_ms: u32,
    pub(super) protocols: Vec<Protocol>,
    pub(super) topics: Option<Vec<Name>>,
}

impl Member {
    /// One that waits for nothing and has no part.
    pub(super) fn new(id: Name, instance_id: Option<Name>, offer: Offer) -> Self {
        let Offer { client_id, client_host, session_timeout_ms, rebalance_timeout_ms, protocols, topics } = offer;
        Self {
            id,
            instance_id,
            client_id,
            client_host,
            session_timeout_ms,
            rebalance_timeout_ms,
            protocols,
            topics,
            assignment: Bytes::new(),
            is_new: false,
            session: Session::default(),
            syncing: None,
            joining: None,
            unsynced: false,
            arrival: 0,
        }
    }

    pub(super) fn protocols(&self) -> &[Protocol] {
        &self.protocols
    }

    pub(super) fn is_joining(&self) -> bool {
        self.joining.is_some()
    }

    /// Whether it waits for us rather than we for it.
    pub(super) fn is_excused(&self) -> bool {
        !self.is_new && (self.joining.is_some() || self.syncing.is_some())
    }

    /// Its metadata for a protocol; empty if it does not support it.
    pub(super) fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols.iter().find(|p| &*p.name == protocol).map(|p| p.metadata.clone()).unwrap_or_default()
    }
}

/// The members by id.
#[derive(Debug, Default)]
pub(super) struct Members {
    by_id: BTreeMap<Name, Member>,
    by_instance: BTreeMap<Name, Name>,
    /// How many support each protocol.
    support: BTreeMap<Name, usize>,
    joining: usize,
    leader: Option<Name>,
    arrivals: u64,
}

impl Members {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Member> {
        self.by_id.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Member> {
        self.by_id.get_mut(id)
    }

    /// Who has an instance id.
    pub(super) fn of_instance(&self, instance_id: &str) -> Option<&Name> {
        self.by_instance.get(instance_id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.by_id.values()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Member> {
        self.by_id.values_mut()
    }

    /// In the order in which they came.
    pub(super) fn in_order(&self) -> Vec<&Member> {
        let mut members: Vec<&Member> = self.by_id.values().collect();
        members.sort_unstable_by_key(|m| m.arrival);
        members
    }

    /// How many wait for the next generation.
    pub(super) fn joining(&self) -> usize {
        self.joining
    }

    /// The longest time that one of them asks the others to wait, in milliseconds; at least 1.
    pub(super) fn rebalance_timeout_ms(&self) -> u64 {
        self.iter().map(|m| m.rebalance_timeout_ms).max().unwrap_or(0).max(1).into()
    }

    /// The first of them leads. Nobody has its id or its instance id.
    pub(super) fn insert(&mut self, mut member: Member) {
        self.arrivals += 1;
        member.arrival = self.arrivals;
        if let Some(instance) = &member.instance_id {
            self.by_instance.insert(instance.clone(), member.id.clone());
        }
        self.leader.get_or_insert_with(|| member.id.clone());
        self.count(&member.protocols, true);
        self.by_id.insert(member.id.clone(), member);
    }

    /// Takes one out. If it led, whoever came first of the others does now.
    pub(super) fn remove(&mut self, id: &str) -> Option<(Member, Option<Caller>)> {
        let mut member = self.by_id.remove(id)?;
        self.count(&member.protocols, false);
        self.joining -= usize::from(member.is_joining());
        if let Some(instance) = &member.instance_id {
            self.by_instance.remove(instance);
        }
        if self.is_leader(id) {
            self.leader = self.iter().min_by_key(|m| m.arrival).map(|m| m.id.clone());
        }
        let joining = member.joining.take();
        Some((member, joining))
    }

    /// Gives a static member another id: whatever it has and owes stays, but nobody waits any more. Returns who waited
    /// for the next generation and who for its part.
    pub(super) fn rename(&mut self, id: &str, to: Name) -> (Option<Caller>, Option<Caller>) {
        let Some(mut member) = self.by_id.remove(id) else { return (None, None) };
        if self.is_leader(id) {
            self.leader = Some(to.clone());
        }
        if let Some(instance) = &member.instance_id {
            self.by_instance.insert(instance.clone(), to.clone());
        }
        self.joining -= usize::from(member.is_joining());
        let waited = (member.joining.take(), member.syncing.take());
        member.id = to.clone();
        member.is_new = false;
        member.session = Session::default();
        self.by_id.insert(to, member);
        waited
    }

    /// A member says anew what it is.
    pub(super) fn update(&mut self, id: &str, offer: Offer) {
        let Some(member) = self.by_id.get_mut(id) else { return };
        let before = std::mem::replace(&mut member.protocols, offer.protocols.clone());
        member.client_id = offer.client_id;
        member.client_host = offer.client_host;
        member.session_timeout_ms = offer.session_timeout_ms;
        member.rebalance_timeout_ms = offer.rebalance_timeout_ms;
        member.topics = offer.topics;
        self.count(&before, false);
        self.count(&offer.protocols, true);
    }

    fn count(&mut self, protocols: &[Protocol], more: bool) {
        for Protocol { name, .. } in protocols {
            let count = self.support.entry(name.clone()).or_insert(0);
            *count = if more { *count + 1 } else { *count - 1 };
            if *count == 0 {
                self.support.remove(name);
            }
        }
    }

    /// Notes who waits for the next generation; returns who did so before for the same member.
    pub(super) fn wait(&mut self, id: &str, caller: Caller) -> Option<Caller> {
        let before = self.by_id.get_mut(id)?.joining.replace(caller);
        self.joining += usize::from(before.is_none());
        before
    }

    /// Who waited for the next generation; it does not any more.
    pub(super) fn stop_waiting(&mut self, id: &str) -> Option<Caller> {
        let waited = self.by_id.get_mut(id)?.joining.take();
        self.joining -= usize::from(waited.is_some());
        waited
    }

    /// Whether each of them is to ask for its part from now on, or nobody is.
    pub(super) fn expect_syncs(&mut self, expected: bool) {
        self.iter_mut().for_each(|m| m.unsynced = expected);
    }

    /// Those who have not asked for their part.
    pub(super) fn unsynced_ids(&self) -> Vec<Name> {
        self.iter().filter(|m| m.unsynced).map(|m| m.id.clone()).collect()
    }
}
