//! What follows from what: rebalances, ends of sessions, retention.

use super::model::{Joined, Model};
use narumq_broker::group::{GroupRefusal, GroupState};
use std::collections::BTreeMap;

impl Model {
    pub fn advance(&mut self) {
        while let Some((_, rank, id)) = self.next().filter(|(at, ..)| *at <= self.now) {
            match rank {
                0 => self.session_ends(&id),
                1 => self.join_time_is_up(),
                _ => self.sync_time_is_up(),
            }
        }
    }

    fn session_ends(&mut self, id: &str) {
        if let Some(at) = self.pending.iter().position(|(p, _)| p == id) {
            self.pending.remove(at);
            return self.complete_if_all();
        }
        let at = self.at(id).expect("a member");
        let member = &mut self.members[at];
        if !member.is_new && (member.joining.is_some() || member.syncing.is_some()) {
            member.ends = None;
        } else {
            self.dismiss(at);
            self.after_departure();
        }
    }

    fn sync_time_is_up(&mut self) {
        self.sync_at = None;
        let before = self.members.len();
        while let Some(at) = self.members.iter().position(|m| m.unsynced) {
            self.dismiss(at);
        }
        if self.members.len() < before {
            self.after_departure();
        }
    }

    fn join_time_is_up(&mut self) {
        self.join_at = None;
        match self.initial {
            Some((delay, left, true)) if left > 0 => {
                let next = left.min(self.setup.delay.into());
                self.initial = Some((next, left.saturating_sub(delay), false));
                self.join_at = Some(self.now + next);
            }
            _ => self.complete(),
        }
    }

    pub fn dismiss(&mut self, at: usize) {
        let member = self.members.remove(at);
        if let Some(request) = member.joining {
            self.joined(request, Err(GroupRefusal::UnknownMember));
        }
        if let Some(request) = member.syncing {
            self.synced(request, Err(GroupRefusal::UnknownMember));
        }
        if self.leader.as_ref() == Some(&member.id) {
            self.leader = self.members.first().map(|m| m.id.clone());
        }
    }

    pub fn after_departure(&mut self) {
        match self.state {
            GroupState::Stable | GroupState::CompletingRebalance => self.prepare(),
            _ => self.complete_if_all(),
        }
    }

    fn patience(&self) -> u64 {
        self.members.iter().map(|m| m.rebalance).max().unwrap_or(0).max(1)
    }

    pub fn prepare(&mut self) {
        let now = self.now;
        if self.state == GroupState::CompletingRebalance {
            for at in 0..self.members.len() {
                self.members[at].part.clear();
                if let Some(request) = self.members[at].syncing.take() {
                    self.synced(request, Err(GroupRefusal::RebalanceInProgress));
                    self.hear(at);
                }
            }
        }
        self.members.iter_mut().for_each(|m| m.unsynced = false);
        self.sync_at = None;
        let first = self.state == GroupState::Empty;
        self.enter(GroupState::PreparingRebalance);
        let delay = u64::from(self.setup.delay);
        if first && delay > 0 {
            self.initial = Some((delay, self.patience().saturating_sub(delay), false));
            self.join_at = Some(now + delay);
        } else if first {
            self.complete();
        } else {
            self.join_at = Some(now + self.patience());
            self.complete_if_all();
        }
    }

    pub fn complete_if_all(&mut self) {
        let all = self.pending.is_empty() && self.members.iter().all(|m| m.joining.is_some());
        if self.state == GroupState::PreparingRebalance && self.initial.is_none() && all {
            self.complete();
        }
    }

    fn complete(&mut self) {
        (self.initial, self.join_at) = (None, None);
        while let Some(at) = self.members.iter().position(|m| m.instance.is_none() && m.joining.is_none()) {
            self.dismiss(at);
        }
        let joined = |m: &&super::model::Member| m.joining.is_some();
        let led = self.members.iter().filter(joined).any(|m| Some(&m.id) == self.leader.as_ref());
        if !led {
            match self.members.iter().find(joined) {
                Some(first) => self.leader = Some(first.id.clone()),
                None if self.members.is_empty() => {}
                None => {
                    self.join_at = Some(self.now + self.patience());
                    return;
                }
            }
        }
        self.generation += 1;
        self.protocol = self.vote();
        self.subscribed = self.subscription();
        if self.members.is_empty() {
            self.enter(GroupState::Empty);
            return self.save();
        }
        self.enter(GroupState::CompletingRebalance);
        for at in 0..self.members.len() {
            let leads = self.leader.as_ref() == Some(&self.members[at].id);
            if let Some(request) = self.members[at].joining.take() {
                let answer = self.tell(at, leads);
                self.joined(request, Ok(answer));
            }
            (self.members[at].is_new, self.members[at].unsynced) = (false, true);
            self.hear(at);
        }
        self.sync_at = Some(self.now + self.patience());
    }

    pub fn tell(&self, at: usize, all: bool) -> Joined {
        let protocol = self.protocol.clone().expect("a protocol");
        let metadata = |offer: &super::model::Offer| {
            offer.iter().find(|(name, _)| *name == protocol).expect("all offer it").1.clone()
        };
        let members = self.members.iter().map(|m| (m.id.clone(), m.instance.clone(), metadata(&m.offer)));
        Joined {
            id: self.members[at].id.clone(),
            generation: self.generation,
            leader: self.leader.clone().expect("a leader"),
            members: if all { members.collect() } else { Vec::new() },
            skip: false,
            protocol: protocol.clone(),
        }
    }

    pub fn vote(&self) -> Option<String> {
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in &self.members {
            let vote = member.offer.iter().map(|(name, _)| name).find(|name| self.common(name)).expect("a common one");
            *votes.entry(vote).or_default() += 1;
        }
        let most = votes.values().max()?;
        let leader = &self.members[self.at(self.leader.as_ref()?)?];
        leader.offer.iter().map(|(name, _)| name).find(|name| votes.get(name.as_str()) == Some(most)).cloned()
    }

    /// What expires, by partition, and whether the group goes.
    pub fn expire(&mut self, topic: &str) -> (Vec<u32>, bool) {
        if self.state == GroupState::Dead {
            return (Vec::new(), false);
        }
        let (now, week) = (self.now, self.setup.retention);
        let at_work = self.state == GroupState::Stable && self.kind.as_deref() == Some("consumer");
        let applies = match &self.kind {
            None => true,
            Some(_) => self.state == GroupState::Empty || at_work && self.subscribed.is_some(),
        };
        let left = (self.kind.is_some() && self.state == GroupState::Empty).then_some(self.since);
        let over = |at: u64, expires: Option<u64>| match expires {
            Some(expires) => expires <= now,
            None => left.unwrap_or(at) + week <= now,
        };
        let gone = self.offsets.iter().filter(|(_, (_, at, expires))| over(*at, *expires)).map(|(p, _)| *p);
        let gone: Vec<u32> = if applies && !self.reads(topic) { gone.collect() } else { Vec::new() };
        gone.iter().for_each(|p| _ = self.offsets.remove(p));
        let goes = self.state == GroupState::Empty && self.pending.is_empty() && self.offsets.is_empty();
        if goes {
            self.enter(GroupState::Dead);
        }
        (gone, goes)
    }
}
