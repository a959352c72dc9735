//! From one generation to the next: everybody is to join again, then the group counts one more.

use super::{CONSUMER, Group, GroupRefusal, GroupState, InitialWait, Step};
use narumq_model::Name;
use std::collections::BTreeSet;

impl Group {
    /// Begins a rebalance, or ends the one that is under way if nobody is missing.
    pub(super) fn rebalance_or_complete(&mut self, step: &mut Step<'_>) {
        match self.state {
            GroupState::Empty | GroupState::CompletingRebalance | GroupState::Stable => self.prepare(step),
            GroupState::PreparingRebalance | GroupState::Dead => self.complete_if_all_joined(step),
        }
    }

    /// Begins a rebalance: whoever waits for its part is sent back to join.
    pub(super) fn prepare(&mut self, step: &mut Step<'_>) {
        if self.state == GroupState::CompletingRebalance {
            self.take_parts_back(step);
        }
        self.members.expect_syncs(false);
        self.sync_deadline = None;
        let first = self.state == GroupState::Empty;
        self.enter(GroupState::PreparingRebalance, step.now);
        let delay = u64::from(self.settings.initial_rebalance_delay_ms);
        let timeout = self.members.rebalance_timeout_ms();
        if first && delay > 0 {
            self.initial = Some(InitialWait { delay, remaining: timeout.saturating_sub(delay), newcomers: false });
            self.join_deadline = Some(step.now.plus(delay));
        } else if first || self.all_joined() {
            self.complete_join(step);
        } else {
            self.join_deadline = Some(step.now.plus(timeout));
        }
    }

    fn take_parts_back(&mut self, step: &mut Step<'_>) {
        let mut heard = Vec::new();
        for member in self.members.iter_mut() {
            member.assignment.clear();
            if let Some(caller) = member.syncing.take() {
                step.synced(caller, Err(GroupRefusal::RebalanceInProgress));
                heard.push(member.id.clone());
            }
        }
        heard.iter().for_each(|id| self.expect_heartbeat(id, step.now));
    }

    fn all_joined(&self) -> bool {
        self.members.joining() == self.members.len() && self.pending.is_empty()
    }

    /// Ends the rebalance if nobody is missing; the first one of a group waits for its time.
    pub(super) fn complete_if_all_joined(&mut self, step: &mut Step<'_>) {
        if self.state == GroupState::PreparingRebalance && self.initial.is_none() && self.all_joined() {
            self.complete_join(step);
        }
    }

    /// The time to join is up.
    pub(super) fn on_join_deadline(&mut self, step: &mut Step<'_>) {
        self.join_deadline = None;
        let delay = u64::from(self.settings.initial_rebalance_delay_ms);
        if let Some(initial) = &mut self.initial
            && initial.newcomers
            && initial.remaining > 0
        {
            let next = delay.min(initial.remaining);
            let remaining = initial.remaining.saturating_sub(initial.delay);
            *initial = InitialWait { delay: next, remaining, newcomers: false };
            self.join_deadline = Some(step.now.plus(next));
        } else {
            self.complete_join(step);
        }
    }

    /// Ends the rebalance without those who did not join; static members stay until their session ends.
    fn complete_join(&mut self, step: &mut Step<'_>) {
        self.initial = None;
        self.join_deadline = None;
        let missing = |m: &&super::member::Member| m.instance_id.is_none() && !m.is_joining();
        let missing: Vec<Name> = self.members.iter().filter(missing).map(|m| m.id.clone()).collect();
        missing.iter().for_each(|id| self.dismiss(id, step));
        if !self.members.is_empty() && !self.members.elect() {
            self.join_deadline = Some(step.now.plus(self.members.rebalance_timeout_ms()));
            return;
        }
        self.generation = self.generation.checked_add(1).unwrap_or(1);
        self.protocol = self.members.vote();
        self.subscribed = self.subscription();
        if self.members.is_empty() {
            self.enter(GroupState::Empty, step.now);
            self.persist(step);
            return;
        }
        self.enter(GroupState::CompletingRebalance, step.now);
        self.tell_all(step);
        self.members.expect_syncs(true);
        self.sync_deadline = Some(step.now.plus(self.members.rebalance_timeout_ms()));
    }

    /// Tells all who joined that the generation stands.
    fn tell_all(&mut self, step: &mut Step<'_>) {
        let ids: Vec<Name> = self.members.iter().map(|m| m.id.clone()).collect();
        for id in ids {
            if let Some(caller) = self.members.stop_waiting(&id) {
                let answer = self.joined(&id, self.members.is_leader(&id));
                step.joined(caller, answer);
            }
            if let Some(member) = self.members.get_mut(&id) {
                member.is_new = false;
            }
            self.expect_heartbeat(&id, step.now);
        }
    }

    /// The topics of all members; `None` if members of this kind do not subscribe, or one of them is not understood.
    pub(super) fn subscription(&self) -> Option<BTreeSet<Name>> {
        if self.protocol_type.as_deref() != Some(CONSUMER) {
            return None;
        }
        let mut all = BTreeSet::new();
        for member in self.members.iter() {
            all.extend(member.topics.as_ref()?.iter().cloned());
        }
        Some(all)
    }

    /// Whether a member may read a topic. If it is not known what they read, they may.
    pub(super) fn subscribes_to(&self, topic: &str) -> bool {
        match &self.subscribed {
            Some(topics) => topics.contains(topic),
            None => self.protocol_type.as_deref() == Some(CONSUMER),
        }
    }
}
