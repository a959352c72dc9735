//! Asks the group and the model the same, and compares what they say and what they are.

use super::draw::{Join, Op, Setup, Who};
use super::model::{Answer, Asked, Joined, Model};
use bytes::Bytes;
use narumq_broker::group::*;
use narumq_model::{Name, ObjectId, SessionId, Time};
use std::collections::BTreeSet;
use std::sync::Arc;

const TOPIC: ObjectId = ObjectId(5);
const OFFERS: [&[&str]; 5] = [&["x"], &["x", "y"], &["y", "x"], &["z", "x", "y"], &["y"]];

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

    fn refusal(&mut self, refusal: &GroupRefusal) {
        self.0.insert(format!("{refusal:?}").split('(').next().unwrap_or_default().to_owned());
    }
}

pub struct Driver {
    settings: Arc<GroupSettings>,
    group: Group,
    model: Model,
    seen: Seen,
    /// All ids that were ever given out.
    ids: Vec<String>,
    requests: u64,
    open: BTreeSet<u64>,
    images: usize,
}

fn caller(request: u64) -> Caller {
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

    fn id(&self, who: Who) -> String {
        let members = &self.model.members;
        match who {
            Who::Member(at) if !members.is_empty() => members[at % members.len()].id.clone(),
            Who::Ever(at) if !self.ids.is_empty() => self.ids[at % self.ids.len()].clone(),
            _ => String::new(),
        }
    }

    fn request(&mut self) -> u64 {
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

    fn act(&mut self, act: impl FnOnce(&mut Group, Time, &mut Vec<Effect>)) -> Result<(), String> {
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
            Answer::Synced(_, Ok(_)) => _ = self.seen.0.insert("synced".to_owned()),
            Answer::Joined(_, Err(refusal)) | Answer::Synced(_, Err(refusal)) => self.seen.refusal(refusal),
        }
    }

    fn compare_state(&mut self) -> Result<(), String> {
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

    fn join(&mut self, join: &Join) -> Result<(), String> {
        let id = self.id(join.who);
        let mut instance = join.instance.map(|n| format!("i{n}"));
        if let Some(at) = self.model.at(&id)
            && instance.is_none()
        {
            instance = self.model.members[at].instance.clone();
        }
        let offer = OFFERS[join.offer].iter().map(|name| ((*name).to_owned(), vec![b'v', join.version])).collect();
        self.ask_to_join(Asked {
            request: 0,
            id,
            instance,
            fresh: String::new(),
            required: join.required,
            skip: join.skip,
            kind: if join.other_type { "connect" } else { "consumer" }.to_owned(),
            session: join.session.into(),
            rebalance: join.rebalance.into(),
            offer,
            topics: join.topics.map(|n| vec![format!("t{n}"), "t9".to_owned()]),
        })
    }

    fn ask_to_join(&mut self, mut asked: Asked) -> Result<(), String> {
        asked.request = self.request();
        // Not in the order in which they are given.
        asked.fresh = format!("m{}-{}", asked.request * 7 % 10, asked.request);
        self.ids.push(asked.fresh.clone());
        self.model.join(&asked);
        let protocols =
            asked.offer.iter().map(|(n, m)| Protocol { name: n.as_str().into(), metadata: m.clone().into() });
        let request = JoinRequest {
            member_id: asked.id.as_str().into(),
            instance_id: asked.instance.as_deref().map(Name::from),
            fresh_id: asked.fresh.as_str().into(),
            require_known_member: asked.required,
            skip_assignment: asked.skip,
            client_id: "c".into(),
            client_host: "h".into(),
            session_timeout_ms: asked.session as u32,
            rebalance_timeout_ms: asked.rebalance as u32,
            protocol_type: asked.kind.as_str().into(),
            protocols: protocols.collect(),
            topics: asked.topics.map(|topics| topics.iter().map(|t| t.as_str().into()).collect()),
        };
        self.act(|group, now, effects| group.join(request, caller(asked.request), now, effects))
    }

    fn sync(&mut self, id: &str, late: i32, parts: u8) -> Result<(), String> {
        let (request, generation) = (self.request(), self.model.generation + late);
        let members = self.model.members.iter().enumerate().filter(|(n, _)| parts >> (n % 8) & 1 == 1);
        let parts: Vec<(String, Vec<u8>)> =
            members.map(|(n, m)| (m.id.clone(), vec![n as u8, self.requests as u8])).collect();
        self.model.sync(request, id, generation, &parts);
        let assignments = parts.iter().map(|(id, part)| (id.as_str(), Bytes::from(part.clone()))).collect();
        let identity = Identity { member_id: id, instance_id: None, generation };
        let sync = SyncRequest { identity, protocol_type: None, protocol: None, assignments };
        self.act(|group, now, effects| group.sync(sync, caller(request), now, effects))
    }

    fn heartbeat(&mut self, id: &str, late: i32, with_instance: bool) -> Result<(), String> {
        let generation = self.model.generation + late;
        let instance = self.model.at(id).and_then(|at| self.model.members[at].instance.clone());
        let instance_id = instance.as_deref().filter(|_| with_instance);
        let expected = self.model.heartbeat(id, instance_id, generation);
        let identity = Identity { member_id: id, instance_id, generation };
        let mut answer = Ok(());
        self.act(|group, now, effects| answer = group.heartbeat(&identity, now, effects))?;
        answer.iter().for_each(|()| _ = self.seen.0.insert("beat".to_owned()));
        same("heartbeat", &answer, &expected)
    }

    fn leave(&mut self, leavers: &[(Who, Option<u8>)]) -> Result<(), String> {
        let named = |(who, n): &(Who, Option<u8>)| (self.id(*who), n.map(|n| format!("i{n}")));
        let leavers: Vec<(String, Option<String>)> = leavers.iter().map(named).collect();
        let expected = self.model.leave(&leavers);
        let asked: Vec<Leaver<'_>> =
            leavers.iter().map(|(id, instance)| Leaver { member_id: id, instance_id: instance.as_deref() }).collect();
        let mut answer = Ok(Vec::new());
        self.act(|group, now, effects| answer = group.leave(&asked, now, effects))?;
        answer.iter().flatten().flat_map(|a| a.as_ref().err()).for_each(|refusal| self.seen.refusal(refusal));
        same("leave", &answer, &expected)
    }

    fn commit(&mut self, id: &str, late: i32, change: (u32, i64, Option<u64>)) -> Result<(), String> {
        let generation = if id.is_empty() { -1 } else { self.model.generation + late };
        let change = (change.0, change.1, change.2.map(|after| self.model.now + after));
        let expected = self.model.commit(id, generation, change);
        let (partition, offset, expires) = change;
        let offset = OffsetCommit { topic: TOPIC, partition, offset, leader_epoch: -1, metadata: "".into() };
        let identity = Identity { member_id: id, instance_id: None, generation };
        let request = CommitRequest { identity, expires_at: expires.map(Time), offsets: vec![offset] };
        let mut answer = Err(GroupRefusal::NotFound);
        self.act(|group, now, effects| answer = group.commit(request, now, effects).map(|_| ()))?;
        same("commit", &answer, &expected)
    }

    fn delete_offsets(&mut self, name: &str) -> Result<(), String> {
        self.model.advance();
        let dead = self.model.state == GroupState::Dead;
        let unknown = self.model.state != GroupState::Empty && self.model.kind.as_deref() != Some("consumer");
        let expected = if dead {
            Err(GroupRefusal::NotFound)
        } else if unknown {
            Err(GroupRefusal::NotEmpty)
        } else if self.model.reads(name) {
            Ok(Err(GroupRefusal::SubscribedToTopic))
        } else {
            self.model.offsets.remove(&1);
            Ok(Ok(()))
        };
        let wanted = [OffsetDelete { topic: TOPIC, name, partition: 1 }];
        let mut answer = Err(GroupRefusal::Dead);
        self.act(|group, now, effects| answer = group.delete_offsets(&wanted, now, effects))?;
        let answer = answer.map(|deleted| deleted.answers[0].clone());
        answer.iter().flat_map(|a| a.as_ref().err()).for_each(|refusal| self.seen.refusal(refusal));
        same("delete offsets", &answer, &expected)
    }

    fn expire_offsets(&mut self) -> Result<(), String> {
        self.model.advance();
        self.act(Group::advance)?;
        let (gone, goes) = self.model.expire("t0");
        let now = Time(self.model.now);
        let expired = self.group.expire_offsets(now, |_| Some("t0".into()));
        let record = expired.record.unwrap_or_default();
        let partitions: Vec<u32> = record.changes.iter().map(|change| change.partition).collect();
        (!gone.is_empty()).then(|| self.seen.0.insert("expired".to_owned()));
        goes.then(|| self.seen.0.insert("dropped".to_owned()));
        same("expired", &(partitions, expired.dropped), &(gone, goes))?;
        self.compare_state()?;
        self.renew()
    }

    fn delete(&mut self) -> Result<(), String> {
        self.model.advance();
        let blank = self.model.pending.is_empty() && self.model.offsets.is_empty() && self.model.saved.is_none();
        let expected = match self.model.state {
            GroupState::Dead => Err(GroupRefusal::NotFound),
            GroupState::Empty if blank => Err(GroupRefusal::NotFound),
            GroupState::Empty => {
                self.model.enter(GroupState::Dead);
                self.model.offsets.clear();
                self.model.pending.clear();
                Ok(())
            }
            _ => Err(GroupRefusal::NotEmpty),
        };
        let mut answer = Ok(());
        self.act(|group, now, effects| answer = group.delete(now, effects))?;
        same("delete", &answer, &expected)?;
        self.renew()
    }

    /// Whoever looks a dead group up anew finds a new one.
    fn renew(&mut self) -> Result<(), String> {
        if self.model.state == GroupState::Dead {
            self.step(&Op::SyncAll { leader_first: true })?;
            self.step(&Op::Heartbeat { who: Who::Ever(1), late: 0, with_instance: false })?;
            self.model = Model::new(&self.model.setup, self.model.now);
            self.group = Group::new(self.settings.clone(), Time(self.model.now));
            self.images = 0;
        }
        Ok(())
    }

    fn restart(&mut self) -> Result<(), String> {
        self.model.advance();
        self.act(Group::advance)?;
        let image = self.group.image().cloned();
        let mut offsets = Offsets::default();
        for record in self.group.offsets().records(40) {
            let record = CommitRecord::decode(&record.encode()).ok_or("a record cannot be read")?;
            offsets.apply(&record);
        }
        let now = Time(self.model.now);
        self.group = Group::restore(image.as_deref(), offsets, self.settings.clone(), now).ok_or("no group")?;
        self.model.restart();
        self.images = self.model.images;
        // Whoever waited has lost its connection.
        self.open.clear();
        if self.group.state() == GroupState::Stable {
            self.seen.0.insert("restarted stable".to_owned());
        }
        self.compare_state()
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

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}\n   found {found:?}\nexpected {expected:?}")) }
}
