//! Asks the group and the model the same, and compares what they say and what they are.

use super::draw::{Op, Setup, Who};
use super::model::{Answer, Asked, Joined, Model};
use narumq_broker::group::*;
use narumq_model::{SessionId, Time};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the cases came to.
#[derive(Clone, Debug, Default)]
pub struct Seen(BTreeSet<String>);

impl Seen {
    pub fn add(&mut self, other: &Self) {
        self.0.extend(other.0.iter().cloned());
    }

    pub fn missing(&self) -> Vec<&'static str> {
        let all = [
            "Empty",
            "PreparingRebalance",
            "CompletingRebalance",
            "Stable",
            "Dead",
            "joined",
            "synced",
            "skipped",
            "UnknownMember",
            "IllegalGeneration",
            "RebalanceInProgress",
            "InconsistentProtocol",
            "InvalidSessionTimeout",
            "MemberIdRequired",
            "FencedInstance",
            "GroupMaxSizeReached",
            "restarted stable",
            "expired",
            "dropped",
            "SubscribedToTopic",
        ];
        all.into_iter().filter(|what| !self.0.contains(*what)).collect()
    }

    pub fn note(&mut self, what: &str) {
        self.0.insert(what.to_owned());
    }

    pub fn refusal(&mut self, refusal: &GroupRefusal) {
        self.0.insert(format!("{refusal:?}").split('(').next().unwrap_or_default().to_owned());
    }
}

pub struct Driver {
    pub settings: Arc<GroupSettings>,
    pub group: Group,
    pub model: Model,
    pub seen: Seen,
    /// All ids that were ever given out.
    pub ids: Vec<String>,
    pub requests: u64,
    /// Requests without answer.
    pub open: BTreeSet<u64>,
    /// Images so far.
    pub images: usize,
}

pub fn caller(request: u64) -> Caller {
    Caller { session: SessionId { worker: 0, index: 0, generation: 0 }, request }
}

impl Driver {
    pub fn new(setup: &Setup) -> Self {
        let settings = Arc::new(GroupSettings {
            members_max: setup.members_max,
            pending_members_max: setup.pending_max,
            initial_rebalance_delay_ms: setup.delay,
            new_member_timeout_ms: setup.new_member_timeout,
            offsets_retention_ms: setup.retention,
            ..GroupSettings::default()
        });
        let group = Group::new(settings.clone(), Time(1));
        let model = Model::new(setup, 1);
        let (seen, ids) = (Seen::default(), Vec::new());
        Self { settings, group, model, seen, ids, requests: 0, open: BTreeSet::new(), images: 0 }
    }

    pub fn id(&self, who: Who) -> String {
        let members = &self.model.members;
        match who {
            Who::Member(at) if !members.is_empty() => members[at % members.len()].id.clone(),
            Who::Ever(at) if !self.ids.is_empty() => self.ids[at % self.ids.len()].clone(),
            _ => String::new(),
        }
    }

    pub fn request(&mut self) -> u64 {
        self.requests += 1;
        self.open.insert(self.requests);
        self.requests
    }

    pub fn step(&mut self, op: &Op) -> Result<(), String> {
        match op {
            Op::Join(join) => self.join(join),
            Op::JoinAll => {
                let kind = self.model.kind.clone().unwrap_or_default();
                let members: Vec<Asked> = self.model.members.iter().map(|m| Asked::again(m, &kind)).collect();
                members.into_iter().try_for_each(|asked| self.ask_to_join(asked))
            }
            Op::Sync { who, late, parts } => self.sync(&self.id(*who), *late, *parts),
            Op::SyncAll { leader_first } => {
                let mut ids: Vec<String> = self.model.members.iter().map(|m| m.id.clone()).collect();
                let leader = self.model.leader.clone();
                ids.sort_by_key(|id| (Some(id) == leader.as_ref()) != *leader_first);
                ids.iter().try_for_each(|id| self.sync(id, 0, 7))
            }
            Op::Heartbeat { who, late, with_instance } => self.heartbeat(&self.id(*who), *late, *with_instance),
            Op::Beat => {
                let ids: Vec<String> = self.model.members.iter().map(|m| m.id.clone()).collect();
                ids.iter().try_for_each(|id| self.heartbeat(id, 0, true))
            }
            Op::Leave(leavers) => self.leave(leavers),
            Op::Commit { who, late, partition, expires } => {
                self.commit(&self.id(*who), *late, (*partition, i64::from(*partition) + 7, *expires))
            }
            Op::DeleteOffsets { topic } => self.delete_offsets(&format!("t{topic}")),
            Op::ExpireOffsets => self.expire_offsets(),
            Op::Delete => self.delete(),
            Op::Pass(millis) => {
                self.model.now += millis;
                self.model.advance();
                self.act(|group, now, effects| group.advance(now, effects))
            }
            Op::Restart => self.restart(),
        }
    }

    /// Nobody acts any more: all requests are answered and everybody is gone.
    pub fn finish(mut self) -> Result<Seen, String> {
        for _ in 0..20 {
            self.step(&Op::Pass(2_000_000))?;
        }
        let left = (self.group.member_count(), self.group.next_deadline());
        if !self.open.is_empty() || left != (0, None) {
            return Err(format!("without answer: {:?}; members and next deadline: {left:?}", self.open));
        }
        Ok(self.seen)
    }

    pub fn act(&mut self, act: impl FnOnce(&mut Group, Time, &mut Vec<Effect>)) -> Result<(), String> {
        let before = self.group.generation();
        let mut effects = Vec::new();
        act(&mut self.group, Time(self.model.now), &mut effects);
        if self.group.generation() < before {
            return Err(format!("generation {} after {before}", self.group.generation()));
        }
        self.compare(effects)
    }

    fn compare(&mut self, effects: Vec<Effect>) -> Result<(), String> {
        let mut answers = Vec::new();
        for effect in effects {
            let answer = match effect {
                Effect::Persist(image) => {
                    self.images += 1;
                    if self.group.image() != Some(&image) && self.images == self.model.images {
                        return Err("the last image is not kept".to_owned());
                    }
                    continue;
                }
                Effect::Joined { caller, answer } => Answer::Joined(caller.request, answer.map(plain)),
                Effect::Synced { caller, answer } => {
                    Answer::Synced(caller.request, answer.map(|synced| synced.assignment.to_vec()))
                }
            };
            let request = match &answer {
                Answer::Joined(request, _) | Answer::Synced(request, _) => *request,
            };
            if !self.open.remove(&request) {
                return Err(format!("{request} is answered once too often: {answer:?}"));
            }
            self.note(&answer);
            answers.push(answer);
        }
        let mut expected = std::mem::take(&mut self.model.answers);
        let by_request = |answer: &Answer| match answer {
            Answer::Joined(request, _) | Answer::Synced(request, _) => *request,
        };
        answers.sort_by_key(by_request);
        expected.sort_by_key(by_request);
        same("answers", &answers, &expected)?;
        same("images", &self.images, &self.model.images)?;
        self.compare_state()
    }

    fn note(&mut self, answer: &Answer) {
        match answer {
            Answer::Joined(_, Ok(joined)) => {
                self.seen.0.insert(if joined.skip { "skipped" } else { "joined" }.to_owned());
            }
            Answer::Synced(_, Ok(_)) => self.seen.note("synced"),
            Answer::Joined(_, Err(refusal)) | Answer::Synced(_, Err(refusal)) => self.seen.refusal(refusal),
        }
    }

    pub fn compare_state(&mut self) -> Result<(), String> {
        same("state", &shown(&self.group.describe()), &self.model.shown())?;
        let offsets: Vec<_> = self.group.offsets().iter().map(|(_, p, c)| (p, c.offset, c.committed_at.0)).collect();
        let expected: Vec<_> = self.model.offsets.iter().map(|(p, (offset, at, _))| (*p, *offset, *at)).collect();
        same("offsets", &offsets, &expected)?;
        self.seen.0.insert(format!("{:?}", self.group.state()));
        let (deadline, due) = (self.group.next_deadline().map(|at| at.0), self.model.next().map(|(at, ..)| at));
        if due.is_some_and(|due| deadline.is_none_or(|deadline| deadline > due)) {
            return Err(format!("something is due at {due:?}, it will look at {deadline:?}"));
        }
        let saved = self.model.saved.as_ref().map(|saved| saved.shown());
        let image = self.group.image().map(|image| {
            let group = Group::restore(Some(image), Offsets::default(), Arc::default(), Time(self.model.now));
            group.as_ref().map(|group| shown(&group.describe()))
        });
        same("image", &image, &saved.map(Some))
    }
}

fn plain(joined: narumq_broker::group::Joined) -> Joined {
    let member = |m: JoinedMember| {
        (m.member_id.to_string(), m.instance_id.map(|instance| instance.to_string()), m.metadata.to_vec())
    };
    Joined {
        id: joined.member_id.to_string(),
        generation: joined.generation,
        protocol: joined.protocol.to_string(),
        leader: joined.leader.to_string(),
        members: joined.members.into_iter().map(member).collect(),
        skip: joined.skip_assignment,
    }
}

/// What both sides show of themselves, as text.
fn shown(group: &GroupSnapshot) -> Vec<String> {
    let head = (group.state, &group.protocol_type, &group.protocol, group.generation, &group.leader);
    let members = group.members.iter().map(|m| {
        format!("{:?}", (&m.member_id, &m.instance_id, m.session_timeout_ms, m.rebalance_timeout_ms, &m.assignment[..]))
    });
    std::iter::once(format!("{head:?}")).chain(members).collect()
}

impl Model {
    fn shown(&self) -> Vec<String> {
        let protocol = self.protocol.as_ref().filter(|_| self.state == GroupState::Stable);
        let head = (self.state, &self.kind, protocol, self.generation, &self.leader);
        let members =
            self.members.iter().map(|m| format!("{:?}", (&m.id, &m.instance, m.session, m.rebalance, &m.part[..])));
        std::iter::once(format!("{head:?}")).chain(members).collect()
    }
}

pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}\n   found {found:?}\nexpected {expected:?}")) }
}
