//! A member joins: for the first time, again, or with the id that it was given.

use super::member::{Member, Offer};
use super::{Caller, Effect, Group, GroupRefusal, GroupState, JoinRequest, Joined, JoinedMember, Protocol, Step};
use narumq_model::{Name, Time};

/// A join whose ids are apart.
pub(super) struct Arrival {
    pub(super) caller: Caller,
    pub(super) protocol_type: Name,
    pub(super) offer: Offer,
}

impl Group {
    /// A member wants to be in the next generation. The answer is an [`Effect::Joined`], at once or when all have
    /// joined.
    ///
    /// A member that asks twice is answered once more: the earlier request with [`GroupRefusal::RebalanceInProgress`].
    pub fn join(&mut self, request: JoinRequest, caller: Caller, now: Time, effects: &mut Vec<Effect>) {
        self.advance(now, effects);
        let mut step = Step { now, effects };
        if let Err(refusal) = self.try_join(request, caller, &mut step) {
            step.joined(caller, Err(refusal));
        }
    }

    fn try_join(&mut self, request: JoinRequest, caller: Caller, step: &mut Step<'_>) -> Result<(), GroupRefusal> {
        let settings = &self.settings;
        let timeouts = settings.session_timeout_ms_min..=settings.session_timeout_ms_max;
        if !timeouts.contains(&request.session_timeout_ms) {
            return Err(GroupRefusal::InvalidSessionTimeout);
        }
        if self.state == GroupState::Dead {
            return Err(GroupRefusal::Dead);
        }
        if !self.has_room(&request.member_id) {
            self.pending.remove(&request.member_id);
            self.dismiss(&request.member_id, step);
            self.complete_if_all_joined(step);
            return Err(GroupRefusal::GroupMaxSizeReached);
        }
        let protocols = each_once(request.protocols);
        if !self.goes_with(&request.protocol_type, &protocols) {
            return Err(GroupRefusal::InconsistentProtocol);
        }
        let offer = Offer {
            client_id: request.client_id,
            client_host: request.client_host,
            session_timeout_ms: request.session_timeout_ms,
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            protocols,
            topics: request.topics,
        };
        let arrival = Arrival { caller, protocol_type: request.protocol_type, offer };
        if !request.member_id.is_empty() {
            return self.join_known(request.member_id, request.instance_id, arrival, step);
        }
        let fresh = request.fresh_id;
        if fresh.is_empty() || self.members.get(&fresh).is_some() || self.pending.contains_key(&fresh) {
            return Err(GroupRefusal::UnknownMember);
        }
        match request.instance_id {
            Some(instance) => match self.members.of_instance(&instance).cloned() {
                Some(before) => self.replace(&before, fresh, arrival, request.skip_assignment, step),
                None => self.add(fresh, Some(instance), arrival, step),
            },
            None if request.require_known_member => {
                return Err(self.give_id(fresh, arrival.offer.session_timeout_ms, step));
            }
            None => self.add(fresh, None, arrival, step),
        }
        Ok(())
    }

    /// Whether one more may come. Who is in the group already may, as long as those who join are not too many.
    fn has_room(&self, member_id: &str) -> bool {
        let most = self.settings.members_max;
        match self.state {
            GroupState::Empty | GroupState::Dead => true,
            GroupState::PreparingRebalance => {
                self.members.get(member_id).is_some_and(Member::is_joining) || self.members.joining() < most
            }
            GroupState::CompletingRebalance | GroupState::Stable => {
                self.members.get(member_id).is_some() || self.members.len() < most
            }
        }
    }

    /// Whether somebody who offers this can work with those who are there.
    fn goes_with(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        if self.state == GroupState::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type) && protocols.iter().any(|p| self.members.support(&p.name))
    }

    /// Gives out an id to join with.
    fn give_id(&mut self, fresh: Name, session_timeout_ms: u32, step: &Step<'_>) -> GroupRefusal {
        if self.pending.len() >= self.settings.pending_members_max {
            return GroupRefusal::GroupMaxSizeReached;
        }
        let until = step.now.plus(session_timeout_ms.into());
        self.pending.insert(fresh.clone(), until);
        self.sessions.push(until, fresh.clone());
        self.prune_sessions();
        GroupRefusal::MemberIdRequired(fresh)
    }

    fn join_known(
        &mut self,
        id: Name,
        instance_id: Option<Name>,
        arrival: Arrival,
        step: &mut Step<'_>,
    ) -> Result<(), GroupRefusal> {
        if self.pending.contains_key(&id) {
            if instance_id.is_some() {
                return Err(GroupRefusal::UnknownMember);
            }
            self.add(id, None, arrival, step);
            return Ok(());
        }
        self.check_member(&id, instance_id.as_deref())?;
        let leads = self.members.is_leader(&id);
        let same = self.members.get(&id).is_some_and(|m| m.protocols() == arrival.offer.protocols);
        match self.state {
            // It did not get the answer that the others got.
            GroupState::CompletingRebalance if same => {
                let answer = self.joined(&id, leads);
                step.joined(arrival.caller, answer);
            }
            // The leader asks for a new assignment: the work itself may have changed.
            GroupState::Stable if same && !leads => {
                let answer = self.joined(&id, false);
                step.joined(arrival.caller, answer);
            }
            GroupState::PreparingRebalance | GroupState::CompletingRebalance | GroupState::Stable => {
                self.update(&id, arrival, step);
                self.rebalance_or_complete(step);
            }
            GroupState::Empty => return Err(GroupRefusal::UnknownMember),
            GroupState::Dead => return Err(GroupRefusal::Dead),
        }
        Ok(())
    }

    fn add(&mut self, id: Name, instance_id: Option<Name>, arrival: Arrival, step: &mut Step<'_>) {
        self.pending.remove(&id);
        if self.members.is_empty() {
            self.protocol_type = Some(arrival.protocol_type);
        }
        if let Some(initial) = &mut self.initial {
            initial.newcomers = true;
        }
        let mut member = Member::new(id.clone(), instance_id, arrival.offer);
        member.is_new = true;
        self.members.insert(member);
        self.members.wait(&id, arrival.caller);
        self.end_session_at(&id, step.now.plus(self.settings.new_member_timeout_ms.into()));
        self.rebalance_or_complete(step);
    }

    /// A member says anew what it is, and waits for the next generation.
    pub(super) fn update(&mut self, id: &str, arrival: Arrival, step: &mut Step<'_>) {
        self.members.update(id, arrival.offer);
        if let Some(before) = self.members.wait(id, arrival.caller) {
            step.joined(before, Err(GroupRefusal::RebalanceInProgress));
        }
    }

    /// What a member of this generation is told.
    pub(super) fn joined(&self, id: &str, tell_members: bool) -> Result<Joined, GroupRefusal> {
        let member = self.members.get(id).ok_or(GroupRefusal::UnknownMember)?;
        let parts = (&self.protocol_type, &self.protocol, self.members.leader());
        let (Some(protocol_type), Some(protocol), Some(leader)) = parts else {
            return Err(GroupRefusal::UnknownMember);
        };
        let tell = |m: &&Member| JoinedMember {
            member_id: m.id.clone(),
            instance_id: m.instance_id.clone(),
            metadata: m.metadata(protocol),
        };
        let members = if tell_members { self.members.in_order().iter().map(tell).collect() } else { Vec::new() };
        Ok(Joined {
            member_id: member.id.clone(),
            generation: self.generation,
            protocol_type: protocol_type.clone(),
            protocol: protocol.clone(),
            leader: leader.clone(),
            members,
            skip_assignment: false,
        })
    }
}

impl Step<'_> {
    pub(super) fn joined(&mut self, caller: Caller, answer: Result<Joined, GroupRefusal>) {
        self.effects.push(Effect::Joined { caller, answer });
    }
}

/// Of two protocols with one name the first.
fn each_once(protocols: Vec<Protocol>) -> Vec<Protocol> {
    let mut kept: Vec<Protocol> = Vec::with_capacity(protocols.len());
    for protocol in protocols {
        if kept.iter().all(|k| k.name != protocol.name) {
            kept.push(protocol);
        }
    }
    kept
}
