//! What may be asked of the group, as the model answers it.

use super::model::{Asked, Joined, Member, Model};
use narumq_broker::group::{GroupRefusal, GroupState};

type Answered = Result<(), GroupRefusal>;

impl Model {
    pub fn join(&mut self, asked: &Asked) {
        self.advance();
        if let Err(refusal) = self.try_join(asked) {
            self.joined(asked.request, Err(refusal));
        }
    }

    fn try_join(&mut self, asked: &Asked) -> Answered {
        if !(6_000..=1_800_000).contains(&asked.session) {
            return Err(GroupRefusal::InvalidSessionTimeout);
        }
        if self.state == GroupState::Dead {
            return Err(GroupRefusal::Dead);
        }
        let at = self.at(&asked.id);
        let waits = at.is_some_and(|at| self.members[at].joining.is_some());
        let room = match self.state {
            GroupState::PreparingRebalance => {
                waits || self.members.iter().filter(|m| m.joining.is_some()).count() < self.setup.members_max
            }
            GroupState::CompletingRebalance | GroupState::Stable => {
                at.is_some() || self.members.len() < self.setup.members_max
            }
            _ => true,
        };
        if !room {
            self.pending.retain(|(id, _)| *id != asked.id);
            at.into_iter().for_each(|at| self.dismiss(at));
            self.complete_if_all();
            return Err(GroupRefusal::GroupMaxSizeReached);
        }
        let fits = match self.state {
            GroupState::Empty => !asked.kind.is_empty() && !asked.offer.is_empty(),
            _ => self.kind.as_ref() == Some(&asked.kind) && asked.offer.iter().any(|(name, _)| self.common(name)),
        };
        if !fits {
            return Err(GroupRefusal::InconsistentProtocol);
        }
        if !asked.id.is_empty() { self.join_known(asked) } else { self.join_new(asked) }
    }

    fn join_new(&mut self, asked: &Asked) -> Answered {
        match &asked.instance {
            Some(instance) => match self.of_instance(instance) {
                Some(at) => self.replace(at, asked),
                None => self.add(&asked.fresh, asked),
            },
            None if asked.required => {
                if self.pending.len() >= self.setup.pending_max {
                    return Err(GroupRefusal::GroupMaxSizeReached);
                }
                self.pending.push((asked.fresh.clone(), self.now + asked.session));
                return Err(GroupRefusal::MemberIdRequired(asked.fresh.as_str().into()));
            }
            None => self.add(&asked.fresh, asked),
        }
        Ok(())
    }

    fn join_known(&mut self, asked: &Asked) -> Answered {
        if self.pending.iter().any(|(id, _)| *id == asked.id) {
            if asked.instance.is_some() {
                return Err(GroupRefusal::UnknownMember);
            }
            self.pending.retain(|(id, _)| *id != asked.id);
            self.add(&asked.id, asked);
            return Ok(());
        }
        let at = self.check(&asked.id, asked.instance.as_deref())?;
        let leads = self.leader.as_ref() == Some(&asked.id);
        let same = self.members[at].offer == asked.offer;
        match self.state {
            GroupState::CompletingRebalance if same => {
                let answer = self.tell(at, leads);
                self.joined(asked.request, Ok(answer));
            }
            GroupState::Stable if same && !leads => {
                let answer = self.tell(at, false);
                self.joined(asked.request, Ok(answer));
            }
            _ => {
                self.update(at, asked);
                if self.state == GroupState::PreparingRebalance { self.complete_if_all() } else { self.prepare() }
            }
        }
        Ok(())
    }

    fn add(&mut self, id: &str, asked: &Asked) {
        if self.members.is_empty() {
            self.kind = Some(asked.kind.clone());
        }
        if let Some((_, _, newcomers)) = &mut self.initial {
            *newcomers = true;
        }
        self.members.push(Member {
            id: id.to_owned(),
            instance: asked.instance.clone(),
            session: asked.session,
            rebalance: asked.rebalance,
            offer: asked.offer.clone(),
            topics: asked.topics.clone(),
            part: Vec::new(),
            is_new: true,
            ends: Some(self.now + u64::from(self.setup.new_member_timeout)),
            joining: Some(asked.request),
            syncing: None,
            unsynced: false,
        });
        self.leader.get_or_insert_with(|| id.to_owned());
        if self.state == GroupState::PreparingRebalance { self.complete_if_all() } else { self.prepare() }
    }

    fn update(&mut self, at: usize, asked: &Asked) {
        let member = &mut self.members[at];
        (member.session, member.rebalance) = (asked.session, asked.rebalance);
        (member.offer, member.topics) = (asked.offer.clone(), asked.topics.clone());
        if let Some(before) = member.joining.replace(asked.request) {
            self.joined(before, Err(GroupRefusal::RebalanceInProgress));
        }
    }

    fn replace(&mut self, at: usize, asked: &Asked) {
        let led_by = self.leader.clone().expect("a leader");
        let member = &mut self.members[at];
        let leads = member.id == led_by;
        member.id = asked.fresh.clone();
        member.is_new = false;
        let (joining, syncing) = (member.joining.take(), member.syncing.take());
        joining.into_iter().for_each(|request| self.joined(request, Err(GroupRefusal::FencedInstance)));
        syncing.into_iter().for_each(|request| self.synced(request, Err(GroupRefusal::FencedInstance)));
        if leads {
            self.leader = Some(asked.fresh.clone());
        }
        self.update(at, asked);
        self.hear(at);
        match self.state {
            GroupState::Stable if self.vote() == self.protocol => {
                self.subscribed = self.subscription();
                self.members[at].joining = None;
                self.save();
                let told = self.tell(at, asked.skip && leads);
                let leader = if asked.skip { told.leader.clone() } else { led_by };
                self.joined(asked.request, Ok(Joined { leader, skip: asked.skip && leads, ..told }));
            }
            GroupState::PreparingRebalance => self.complete_if_all(),
            _ => self.prepare(),
        }
    }

    /// The place of a member that is who it says.
    pub fn check(&self, id: &str, instance: Option<&str>) -> Result<usize, GroupRefusal> {
        if self.state == GroupState::Dead {
            return Err(GroupRefusal::Dead);
        }
        if let Some(instance) = instance {
            let holder = self.of_instance(instance).ok_or(GroupRefusal::UnknownMember)?;
            if self.members[holder].id != id {
                return Err(GroupRefusal::FencedInstance);
            }
        }
        self.at(id).ok_or(GroupRefusal::UnknownMember)
    }

    pub fn sync(&mut self, request: u64, id: &str, generation: i32, parts: &[(String, Vec<u8>)]) {
        self.advance();
        let refusal = match self.check(id, None) {
            Err(refusal) => refusal,
            Ok(_) if generation != self.generation => GroupRefusal::IllegalGeneration,
            Ok(_) if self.state == GroupState::PreparingRebalance => GroupRefusal::RebalanceInProgress,
            Ok(at) => return self.sync_member(request, at, parts),
        };
        self.synced(request, Err(refusal));
    }

    fn sync_member(&mut self, request: u64, at: usize, parts: &[(String, Vec<u8>)]) {
        self.members[at].unsynced = false;
        if self.members.iter().all(|m| !m.unsynced) {
            self.sync_at = None;
        }
        if self.state == GroupState::Stable {
            self.hear(at);
            let part = self.members[at].part.clone();
            return self.synced(request, Ok(part));
        }
        if let Some(before) = self.members[at].syncing.replace(request) {
            self.synced(before, Err(GroupRefusal::RebalanceInProgress));
        }
        if self.leader.as_ref() != Some(&self.members[at].id) {
            return;
        }
        self.enter(GroupState::Stable);
        for at in 0..self.members.len() {
            let part = parts.iter().rev().find(|(id, _)| *id == self.members[at].id).map(|(_, part)| part.clone());
            self.members[at].part = part.unwrap_or_default();
            if let Some(request) = self.members[at].syncing.take() {
                self.hear(at);
                self.synced(request, Ok(self.members[at].part.clone()));
            }
        }
        self.save();
    }

    pub fn heartbeat(&mut self, id: &str, instance: Option<&str>, generation: i32) -> Answered {
        self.advance();
        let at = self.check(id, instance)?;
        if generation != self.generation {
            return Err(GroupRefusal::IllegalGeneration);
        }
        self.hear(at);
        if self.state == GroupState::PreparingRebalance { Err(GroupRefusal::RebalanceInProgress) } else { Ok(()) }
    }

    pub fn leave(&mut self, leavers: &[(String, Option<String>)]) -> Result<Vec<Answered>, GroupRefusal> {
        self.advance();
        if self.state == GroupState::Dead {
            return Err(GroupRefusal::Dead);
        }
        let before = self.members.len();
        let mut answers = Vec::new();
        for (id, instance) in leavers {
            let known = if id.is_empty() {
                let holder = instance.as_deref().and_then(|instance| self.of_instance(instance));
                holder.ok_or(GroupRefusal::UnknownMember)
            } else if let Some(at) = self.pending.iter().position(|(p, _)| p == id) {
                self.pending.remove(at);
                answers.push(Ok(()));
                continue;
            } else {
                self.check(id, instance.as_deref())
            };
            answers.push(known.map(|at| self.dismiss(at)));
        }
        if self.members.len() < before {
            self.after_departure()
        } else {
            self.complete_if_all()
        }
        Ok(answers)
    }

    pub fn commit(&mut self, id: &str, generation: i32, change: (u32, i64, Option<u64>)) -> Answered {
        self.advance();
        let outside = generation < 0 && id.is_empty();
        match self.state {
            GroupState::Dead => return Err(GroupRefusal::Dead),
            GroupState::Empty if generation < 0 => {}
            _ if outside => return Err(GroupRefusal::UnknownMember),
            state => {
                let at = self.check(id, None)?;
                if generation != self.generation {
                    return Err(GroupRefusal::IllegalGeneration);
                }
                if state == GroupState::CompletingRebalance {
                    return Err(GroupRefusal::RebalanceInProgress);
                }
                self.hear(at);
            }
        }
        let (partition, offset, expires) = change;
        self.offsets.insert(partition, (offset, self.now, expires));
        Ok(())
    }
}

impl Asked {
    /// The join of a member that has nothing new to say.
    pub fn again(member: &Member, kind: &str) -> Self {
        Self {
            request: 0,
            id: member.id.clone(),
            instance: member.instance.clone(),
            fresh: String::new(),
            required: true,
            skip: true,
            kind: kind.to_owned(),
            session: member.session,
            rebalance: member.rebalance,
            offer: member.offer.clone(),
            topics: member.topics.clone(),
        }
    }
}
