//! Groups in the broker: each behind its lock, its images and commits in the log, its answers in the mailboxes.
//!
//! An operation on a group changes it, appends what must outlive a restart, and posts the answers that it gave, its own too:
//! with the entry that they wait for. A group comes into the catalog when something of it is to be kept, and leaves it when
//! nothing is.

mod offsets;
pub(crate) mod restore;

use crate::Broker;
use crate::catalog::Record;
use crate::core::{Core, lock};
use crate::event::{Event, GroupAnswer};
use crate::group::{
    Caller, CommitRecord, Effect, Group, GroupRefusal, GroupSettings, GroupSnapshot, GroupState, Identity, JoinRequest,
    Leaver, SyncRequest,
};
use crate::parts::Parts;
use crate::topology::Vhost;
use crate::turn::Turn;
use narumq_log::{Entry, Kind};
use narumq_model::{GroupDefinition, Lsn, Name, Time};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

/// How often it is looked which offsets have expired, in milliseconds.
const EXPIRY_MS: u64 = 10 * 60 * 1000;

/// A group as an object of the broker.
pub(crate) struct Coordinated {
    pub(crate) definition: GroupDefinition,
    pub(crate) vhost: Name,
    state: Mutex<GroupCell>,
}

/// What a group's lock guards.
pub(crate) struct GroupCell {
    pub(crate) group: Group,
    /// The last entry that answers of this group wait for.
    pub(crate) last: Lsn,
    pub(crate) parts: Parts,
    /// When it is looked at next.
    armed: Time,
    expires: Time,
}

impl fmt::Debug for Coordinated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Coordinated({})", self.definition.name)
    }
}

impl Coordinated {
    pub(crate) fn new(definition: GroupDefinition, vhost: Name, group: Group, last: Lsn, now: Time) -> Self {
        let expires = now.plus(EXPIRY_MS);
        let cell = GroupCell { group, last, parts: Parts::default(), armed: Time::NEVER, expires };
        Self { definition, vhost, state: Mutex::new(cell) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, GroupCell> {
        lock(&self.state)
    }

    /// Does something to the group, and what follows from it; the group stays locked.
    fn act<T>(
        &self,
        core: &Core,
        turn: &mut Turn,
        act: impl FnOnce(&mut Group, Time, &mut Vec<Effect>) -> T,
    ) -> (T, MutexGuard<'_, GroupCell>) {
        let mut effects = Vec::new();
        let mut cell = self.lock();
        let result = act(&mut cell.group, turn.now, &mut effects);
        cell.carry_out(self, effects, core, turn);
        (result, cell)
    }
}

impl GroupCell {
    /// Appends and posts what an operation came to, in order.
    fn carry_out(&mut self, of: &Coordinated, effects: Vec<Effect>, core: &Core, turn: &mut Turn) {
        for effect in effects {
            let (caller, answer) = match effect {
                Effect::Persist(image) => {
                    self.last = append(Kind::Group, of, &image, core, turn);
                    continue;
                }
                Effect::Joined { caller, answer } => (caller, GroupAnswer::Joined(answer)),
                Effect::Synced { caller, answer } => (caller, GroupAnswer::Synced(answer)),
            };
            let event = Event::Group { request: caller.request, answer: Box::new(answer), after: self.last };
            core.mailboxes.post(caller.session, event, turn);
        }
        self.arm(of, core);
    }

    fn log(&mut self, of: &Coordinated, record: Option<&CommitRecord>, core: &Core, turn: &Turn) {
        if let Some(record) = record {
            self.last = append(Kind::Commit, of, &record.encode(), core, turn);
        }
    }

    pub(crate) fn arm(&mut self, of: &Coordinated, core: &Core) {
        let next = self.group.next_deadline().unwrap_or(Time::NEVER).min(self.expires);
        if next < self.armed {
            self.armed = next;
            core.arm(next, of.definition.id);
        }
    }
}

fn append(kind: Kind, of: &Coordinated, data: &[u8], core: &Core, turn: &Turn) -> Lsn {
    core.log.append(&Entry::new(kind, of.definition.id, turn.now).with_data(data)).lsn
}

impl Broker {
    fn find_group(&self, vhost: &Vhost, name: &str) -> Option<Arc<Coordinated>> {
        vhost.read().groups.get(name).cloned()
    }

    /// The group of this name, made if it is not there.
    fn group(&self, vhost: &Vhost, name: &str, turn: &mut Turn) -> Arc<Coordinated> {
        if let Some(known) = self.find_group(vhost, name) {
            return known;
        }
        let _catalog = self.catalog_lock();
        let mut state = vhost.write();
        if let Some(known) = state.groups.get(name) {
            return known.clone();
        }
        let definition = GroupDefinition { id: self.next_id(), name: name.into() };
        let lsn = self.log_record(Kind::Define, &Record::Group(vhost.name().clone(), definition.clone()), turn);
        let group = Group::new(self.group_settings().clone(), turn.now);
        let made = Arc::new(Coordinated::new(definition, vhost.name().clone(), group, lsn, turn.now));
        self.core.enter_group(made.clone());
        state.groups.insert(name.into(), made.clone());
        made
    }

    /// What groups allow, and how long they wait.
    pub fn group_settings(&self) -> &Arc<GroupSettings> {
        &self.settings.groups
    }

    /// Does something to a group that is there, or that is made for it and dropped again if nothing comes of it.
    fn with_group(
        &self,
        (vhost, name): (&Vhost, &str),
        turn: &mut Turn,
        act: impl FnOnce(&mut Group, Time, &mut Vec<Effect>),
    ) {
        let of = self.group(vhost, name, turn);
        if of.act(&self.core, turn, act).1.group.is_blank() {
            self.drop_group(vhost, &of, turn);
        }
    }

    /// Takes a group of which nothing is left out of everything.
    fn drop_group(&self, vhost: &Vhost, of: &Arc<Coordinated>, turn: &Turn) -> Option<Lsn> {
        let _catalog = self.catalog_lock();
        let mut state = vhost.write();
        let cell = of.lock();
        if !(cell.group.is_blank() || cell.group.state() == GroupState::Dead) {
            return None;
        }
        let known = state.groups.remove(&of.definition.name)?;
        if !Arc::ptr_eq(&known, of) {
            state.groups.insert(of.definition.name.clone(), known);
            return None;
        }
        self.core.leave_group(of.definition.id);
        let record = Record::Group(vhost.name().clone(), of.definition.clone());
        Some(self.log_record(Kind::Delete, &record, turn))
    }

    /// A member joins; the answer comes as an event.
    pub fn join_group(&self, of: (&Vhost, &str), request: JoinRequest, caller: Caller, turn: &mut Turn) {
        self.with_group(of, turn, |group, now, effects| group.join(request, caller, now, effects));
    }

    /// A member asks for its part; the answer comes as an event.
    pub fn sync_group(&self, of: (&Vhost, &str), request: SyncRequest<'_>, caller: Caller, turn: &mut Turn) {
        self.with_group(of, turn, |group, now, effects| group.sync(request, caller, now, effects));
    }

    /// A member says that it lives.
    pub fn heartbeat_group(
        &self,
        (vhost, name): (&Vhost, &str),
        identity: &Identity<'_>,
        turn: &mut Turn,
    ) -> Result<(), GroupRefusal> {
        let of = self.find_group(vhost, name).ok_or(GroupRefusal::UnknownMember)?;
        of.act(&self.core, turn, |group, now, effects| group.heartbeat(identity, now, effects)).0
    }

    /// Members leave; each has its own answer. They wait for the LSN, for a group that nobody is left in is kept as such.
    pub fn leave_group(
        &self,
        (vhost, name): (&Vhost, &str),
        leavers: &[Leaver<'_>],
        turn: &mut Turn,
    ) -> Result<(Vec<Result<(), GroupRefusal>>, Lsn), GroupRefusal> {
        let of = self.find_group(vhost, name).ok_or(GroupRefusal::UnknownMember)?;
        let (result, cell) = of.act(&self.core, turn, |group, now, effects| group.leave(leavers, now, effects));
        Ok((result?, cell.last))
    }

    /// Deletes a group that nobody is in; the answer waits for the LSN.
    pub fn delete_group(&self, vhost: &Vhost, name: &str, turn: &mut Turn) -> Result<Lsn, GroupRefusal> {
        let of = self.find_group(vhost, name).ok_or(GroupRefusal::NotFound)?;
        of.act(&self.core, turn, |group, now, effects| group.delete(now, effects)).0?;
        self.drop_group(vhost, &of, turn).ok_or(GroupRefusal::NotFound)
    }

    /// A group as it stands; `None` if there is none.
    pub fn describe_group(&self, vhost: &Vhost, name: &str) -> Option<GroupSnapshot> {
        let of = self.find_group(vhost, name)?;
        let cell = of.lock();
        Some(cell.group.describe())
    }

    /// All groups of a vhost, ascending by name.
    pub fn groups(&self, vhost: &Vhost) -> Vec<(Name, GroupSnapshot)> {
        let all: Vec<Arc<Coordinated>> = vhost.read().groups.values().cloned().collect();
        let mut groups: Vec<(Name, GroupSnapshot)> =
            all.iter().map(|of| (of.definition.name.clone(), of.lock().group.describe())).collect();
        groups.sort_by(|a, b| a.0.cmp(&b.0));
        groups
    }

    /// Does what is due for a group.
    pub(crate) fn advance_group(&self, of: &Arc<Coordinated>, turn: &mut Turn) {
        let Some(vhost) = self.vhost(&of.vhost) else { return };
        let mut effects = Vec::new();
        let mut cell = of.lock();
        cell.armed = Time::NEVER;
        cell.group.advance(turn.now, &mut effects);
        let mut dropped = false;
        if cell.expires <= turn.now {
            cell.expires = turn.now.plus(EXPIRY_MS);
            let expired = cell.group.expire_offsets(turn.now, |topic| self.topic_name(&vhost, topic));
            cell.log(of, expired.record.as_ref(), &self.core, turn);
            dropped = expired.dropped;
        }
        cell.carry_out(of, effects, &self.core, turn);
        drop(cell);
        if dropped {
            self.drop_group(&vhost, of, turn);
        }
    }
}
