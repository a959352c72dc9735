//! A group under test, with a clock that is set by hand and a note of every answer.

use bytes::Bytes;
use narumq_broker::group::*;
use narumq_model::{Name, ObjectId, SessionId, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

pub const SESSION: u32 = 10_000;
pub const REBALANCE: u32 = 60_000;

/// A group and what it said.
pub struct Kit {
    pub group: Group,
    pub now: Time,
    requests: u64,
    joined: BTreeMap<u64, Result<Joined, GroupRefusal>>,
    synced: BTreeMap<u64, Result<Synced, GroupRefusal>>,
    /// How often an image was to be appended.
    pub images: Vec<Bytes>,
}

pub fn caller(request: u64) -> Caller {
    Caller { session: SessionId { worker: 0, index: 1, generation: 2 }, request }
}

pub fn offer(names: &[&str]) -> Vec<Protocol> {
    names.iter().map(|name| Protocol { name: (*name).into(), metadata: format!("of {name}").into() }).collect()
}

/// A dynamic member's first join; it would get the id `fresh`.
pub fn stranger(fresh: &str) -> JoinRequest {
    JoinRequest {
        member_id: "".into(),
        instance_id: None,
        fresh_id: fresh.into(),
        require_known_member: false,
        skip_assignment: true,
        client_id: "client".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout_ms: SESSION,
        rebalance_timeout_ms: REBALANCE,
        protocol_type: "consumer".into(),
        protocols: offer(&["range"]),
        topics: Some(vec!["clicks".into()]),
    }
}

/// A member that has an id joins again.
pub fn known(id: &str) -> JoinRequest {
    JoinRequest { member_id: id.into(), ..stranger("unused") }
}

/// A static member that does not know its id.
pub fn instance(instance: &str, fresh: &str) -> JoinRequest {
    JoinRequest { instance_id: Some(instance.into()), ..stranger(fresh) }
}

pub fn identity(member_id: &str, generation: i32) -> Identity<'_> {
    Identity { member_id, instance_id: None, generation }
}

pub const OUTSIDE: Identity<'static> = Identity { member_id: "", instance_id: None, generation: -1 };

impl Kit {
    pub fn new() -> Self {
        Self::with(GroupSettings::default())
    }

    pub fn with(settings: GroupSettings) -> Self {
        let now = Time(1_000_000);
        Self {
            group: Group::new(Arc::new(settings), now),
            now,
            requests: 0,
            joined: BTreeMap::new(),
            synced: BTreeMap::new(),
            images: Vec::new(),
        }
    }

    /// A stable group of these dynamic members, the first of whom leads.
    pub fn stable(ids: &[&str]) -> Self {
        let mut kit = Self::new();
        kit.gather(ids);
        kit
    }

    /// These dynamic members join; in the end there is a generation of all of them that has its assignment.
    pub fn gather(&mut self, ids: &[&str]) {
        for (n, id) in ids.iter().enumerate() {
            self.join(stranger(id));
            ids[..n].iter().for_each(|id| _ = self.join(known(id)));
        }
        self.sync_all(ids);
    }

    /// All of them sync, the leader first, and get `part of <id>`.
    pub fn sync_all(&mut self, ids: &[&str]) {
        let leader = self.group.describe().leader.expect("a leader");
        let parts: Vec<(&str, Bytes)> = ids.iter().map(|id| (*id, format!("part of {id}").into())).collect();
        self.sync(&leader, parts);
        ids.iter().filter(|id| **id != &*leader).for_each(|id| _ = self.sync(id, vec![]));
        assert_eq!(self.group.state(), GroupState::Stable);
    }

    pub fn effects(&mut self, act: impl FnOnce(&mut Group, Time, &mut Vec<Effect>)) {
        let mut effects = Vec::new();
        act(&mut self.group, self.now, &mut effects);
        for effect in effects {
            match effect {
                Effect::Persist(image) => {
                    assert_eq!(self.group.image(), Some(&image));
                    self.images.push(image);
                }
                Effect::Joined { caller, answer } => {
                    assert!(self.joined.insert(caller.request, answer).is_none(), "{caller:?} is answered twice");
                }
                Effect::Synced { caller, answer } => {
                    assert!(self.synced.insert(caller.request, answer).is_none(), "{caller:?} is answered twice");
                }
            }
        }
    }

    fn next_request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    pub fn join(&mut self, request: JoinRequest) -> u64 {
        let number = self.next_request();
        self.effects(|group, now, effects| group.join(request, caller(number), now, effects));
        number
    }

    pub fn sync(&mut self, id: &str, parts: Vec<(&str, Bytes)>) -> u64 {
        let generation = self.group.generation();
        self.sync_as(identity(id, generation), parts)
    }

    pub fn sync_as(&mut self, identity: Identity<'_>, assignments: Vec<(&str, Bytes)>) -> u64 {
        let number = self.next_request();
        let request = SyncRequest { identity, protocol_type: None, protocol: None, assignments };
        self.effects(|group, now, effects| group.sync(request, caller(number), now, effects));
        number
    }

    pub fn heartbeat(&mut self, id: &str) -> Result<(), GroupRefusal> {
        let generation = self.group.generation();
        self.heartbeat_as(identity(id, generation))
    }

    pub fn heartbeat_as(&mut self, identity: Identity<'_>) -> Result<(), GroupRefusal> {
        let mut answer = Ok(());
        self.effects(|group, now, effects| answer = group.heartbeat(&identity, now, effects));
        answer
    }

    pub fn leave(&mut self, leavers: &[(&str, Option<&str>)]) -> Vec<Result<(), GroupRefusal>> {
        let leavers: Vec<Leaver<'_>> =
            leavers.iter().map(|&(member_id, instance_id)| Leaver { member_id, instance_id }).collect();
        let mut answers = Vec::new();
        self.effects(|group, now, effects| answers = group.leave(&leavers, now, effects).expect("a living group"));
        answers
    }

    pub fn commit(&mut self, who: Identity<'_>, partition: u32, offset: i64) -> Result<(), GroupRefusal> {
        let metadata = "note".into();
        let offsets = vec![OffsetCommit { topic: CLICKS, partition, offset, leader_epoch: 3, metadata }];
        self.commit_all(CommitRequest { identity: who, expires_at: None, offsets }).map(|_| ())
    }

    pub fn commit_all(&mut self, request: CommitRequest<'_>) -> Result<Committed, GroupRefusal> {
        let mut answer = Err(GroupRefusal::Dead);
        self.effects(|group, now, effects| answer = group.commit(request, now, effects));
        answer
    }

    pub fn offset(&self, partition: u32) -> Option<i64> {
        self.group.offsets().get(CLICKS, partition).map(|committed| committed.offset)
    }

    /// The clock goes on, and what is due is done.
    pub fn pass(&mut self, millis: u64) {
        self.now = self.now.plus(millis);
        self.effects(Group::advance);
    }

    /// The clock goes on, second by second, while these members beat.
    pub fn pass_beating(&mut self, millis: u64, ids: &[&str]) {
        for _ in 0..millis / 1_000 {
            self.now = self.now.plus(1_000);
            ids.iter().for_each(|id| _ = self.heartbeat(id));
        }
    }

    /// The answer to a join, if there is one.
    pub fn joined(&self, request: u64) -> Option<&Result<Joined, GroupRefusal>> {
        self.joined.get(&request)
    }

    /// The answer to a join that was let in.
    pub fn member(&self, request: u64) -> &Joined {
        match self.joined.get(&request) {
            Some(Ok(joined)) => joined,
            other => panic!("join {request} has {other:?}"),
        }
    }

    pub fn synced(&self, request: u64) -> Option<&Result<Synced, GroupRefusal>> {
        self.synced.get(&request)
    }

    /// The part that a sync was answered with.
    pub fn part(&self, request: u64) -> &[u8] {
        match self.synced.get(&request) {
            Some(Ok(synced)) => &synced.assignment,
            other => panic!("sync {request} has {other:?}"),
        }
    }

    pub fn ids(&self) -> Vec<Name> {
        self.group.describe().members.into_iter().map(|m| m.member_id).collect()
    }
}

pub const CLICKS: ObjectId = ObjectId(7);
