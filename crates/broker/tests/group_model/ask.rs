//! The questions themselves, put to both sides.

use super::draw::{Join, Op, Who};
use super::driver::{Driver, caller, same};
use super::model::{Asked, Model};
use bytes::Bytes;
use narumq_broker::group::*;
use narumq_model::{Name, ObjectId, Time};

const TOPIC: ObjectId = ObjectId(5);
const OFFERS: [&[&str]; 5] = [&["x"], &["x", "y"], &["y", "x"], &["z", "x", "y"], &["y"]];

impl Driver {
    pub fn join(&mut self, join: &Join) -> Result<(), String> {
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

    pub fn ask_to_join(&mut self, mut asked: Asked) -> Result<(), String> {
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

    pub fn sync(&mut self, id: &str, late: i32, parts: u8) -> Result<(), String> {
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

    pub fn heartbeat(&mut self, id: &str, late: i32, with_instance: bool) -> Result<(), String> {
        let generation = self.model.generation + late;
        let instance = self.model.at(id).and_then(|at| self.model.members[at].instance.clone());
        let instance_id = instance.as_deref().filter(|_| with_instance);
        let expected = self.model.heartbeat(id, instance_id, generation);
        let identity = Identity { member_id: id, instance_id, generation };
        let mut answer = Ok(());
        self.act(|group, now, effects| answer = group.heartbeat(&identity, now, effects))?;
        answer.iter().for_each(|()| self.seen.note("beat"));
        same("heartbeat", &answer, &expected)
    }

    pub fn leave(&mut self, leavers: &[(Who, Option<u8>)]) -> Result<(), String> {
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

    pub fn commit(&mut self, id: &str, late: i32, change: (u32, i64, Option<u64>)) -> Result<(), String> {
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

    pub fn delete_offsets(&mut self, name: &str) -> Result<(), String> {
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

    pub fn expire_offsets(&mut self) -> Result<(), String> {
        self.model.advance();
        self.act(Group::advance)?;
        let (gone, goes) = self.model.expire("t0");
        let now = Time(self.model.now);
        let expired = self.group.expire_offsets(now, |_| Some("t0".into()));
        let record = expired.record.unwrap_or_default();
        let partitions: Vec<u32> = record.changes.iter().map(|change| change.partition).collect();
        (!gone.is_empty()).then(|| self.seen.note("expired"));
        goes.then(|| self.seen.note("dropped"));
        same("expired", &(partitions, expired.dropped), &(gone, goes))?;
        self.compare_state()?;
        self.renew()
    }

    pub fn delete(&mut self) -> Result<(), String> {
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
    pub fn renew(&mut self) -> Result<(), String> {
        if self.model.state == GroupState::Dead {
            self.step(&Op::SyncAll { leader_first: true })?;
            self.step(&Op::Heartbeat { who: Who::Ever(1), late: 0, with_instance: false })?;
            self.model = Model::new(&self.model.setup, self.model.now);
            self.group = Group::new(self.settings.clone(), Time(self.model.now));
            self.images = 0;
        }
        Ok(())
    }

    pub fn restart(&mut self) -> Result<(), String> {
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
            self.seen.note("restarted stable");
        }
        self.compare_state()
    }
}
