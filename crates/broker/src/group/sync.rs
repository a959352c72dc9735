//! Members ask for their part of the generation, and the leader says what the parts are.

use super::{Caller, Effect, Group, GroupRefusal, GroupState, Step, SyncRequest, Synced};
use bytes::Bytes;
use narumq_model::{Name, Time};
use std::collections::BTreeMap;

impl Group {
    /// A member asks for its part. The answer is an [`Effect::Synced`], at once or when the leader has said what the
    /// parts are.
    ///
    /// A member that asks twice is answered once more: the earlier request with [`GroupRefusal::RebalanceInProgress`].
    pub fn sync(&mut self, request: SyncRequest<'_>, caller: Caller, now: Time, effects: &mut Vec<Effect>) {
        self.advance(now, effects);
        let mut step = Step { now, effects };
        if let Err(refusal) = self.try_sync(request, caller, &mut step) {
            step.synced(caller, Err(refusal));
        }
    }

    fn try_sync(&mut self, request: SyncRequest<'_>, caller: Caller, step: &mut Step<'_>) -> Result<(), GroupRefusal> {
        let id = request.identity.member_id;
        self.check_generation(&request.identity)?;
        let differs = |asked: Option<&str>, ours: &Option<Name>| {
            asked.is_some_and(|asked| ours.as_deref().is_some_and(|ours| ours != asked))
        };
        if differs(request.protocol_type, &self.protocol_type) || differs(request.protocol, &self.protocol) {
            return Err(GroupRefusal::InconsistentProtocol);
        }
        match self.state {
            GroupState::PreparingRebalance => return Err(GroupRefusal::RebalanceInProgress),
            GroupState::CompletingRebalance => {
                let before = self.members.get_mut(id).and_then(|member| {
                    member.unsynced = false;
                    member.syncing.replace(caller)
                });
                if let Some(before) = before {
                    step.synced(before, Err(GroupRefusal::RebalanceInProgress));
                }
                if self.members.is_leader(id) {
                    self.assign(request.assignments, step);
                }
            }
            GroupState::Stable => {
                self.members.get_mut(id).into_iter().for_each(|member| member.unsynced = false);
                self.expect_heartbeat(id, step.now);
                let answer = self.part_of(id);
                step.synced(caller, answer);
            }
            GroupState::Empty => return Err(GroupRefusal::UnknownMember),
            GroupState::Dead => return Err(GroupRefusal::Dead),
        }
        Ok(())
    }

    /// The leader says who has what; who is not mentioned has nothing.
    fn assign(&mut self, assignments: Vec<(&str, Bytes)>, step: &mut Step<'_>) {
        let mut parts: BTreeMap<&str, Bytes> = assignments.into_iter().collect();
        let mut waiting = Vec::new();
        for member in self.members.iter_mut() {
            member.assignment = parts.remove(&*member.id).unwrap_or_default();
            waiting.extend(member.syncing.take().map(|caller| (member.id.clone(), caller)));
        }
        self.enter(GroupState::Stable, step.now);
        self.persist(step);
        for (id, caller) in waiting {
            self.expect_heartbeat(&id, step.now);
            let answer = self.part_of(&id);
            step.synced(caller, answer);
        }
    }

    fn part_of(&self, id: &str) -> Result<Synced, GroupRefusal> {
        let member = self.members.get(id).ok_or(GroupRefusal::UnknownMember)?;
        let (Some(protocol_type), Some(protocol)) = (&self.protocol_type, &self.protocol) else {
            return Err(GroupRefusal::UnknownMember);
        };
        Ok(Synced {
            protocol_type: protocol_type.clone(),
            protocol: protocol.clone(),
            assignment: member.assignment.clone(),
        })
    }
}

impl Step<'_> {
    pub(super) fn synced(&mut self, caller: Caller, answer: Result<Synced, GroupRefusal>) {
        self.effects.push(Effect::Synced { caller, answer });
    }
}
