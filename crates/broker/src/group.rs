//! A consumer group: who is in it, who has which part of the work, and how far each partition is read.
//!
//! ```text
//!            join                        all joined, or time is up              the leader's sync
//!   Empty ─────────► PreparingRebalance ──────────────────────────► CompletingRebalance ──────────► Stable
//!     ▲                │            ▲                                     │                           │
//!     └────────────────┘            └──── join, leave, session ends, sync not sent in time ───────────┘
//!      nobody is left          Empty ── deleted, or nothing is left of it ──► Dead
//! ```
//! Classic rebalance protocol: members offer protocols (opaque metadata by name), the group takes one that all of them
//! support, counts one generation more and gives the members to the leader, who says what each of them has.
//!
//! A pure state machine: it has no lock, log, clock or connection. `now` and fresh ids are arguments, and what follows
//! from an operation is pushed to `effects`, in order. Each operation first does what is due by then, so that whoever
//! is overdue is gone before it is heard.
//!
//! **Durability.** [`Effect::Persist`] carries the group's image: append it as one entry before later effects leave,
//! under the lock under which the group was changed. Positive answers ([`Joined`], [`Synced`], commits and fetches of
//! offsets) wait until the last image and the last commit appended for the group are durable. Commits are entries of
//! their own ([`CommitRecord`]). What happens between two images is lost with the process, on purpose: after a start a
//! group goes on in the generation of its last image, and members that know a later one join again.
//!
//! **A group that does not exist** answers as a new one does, except where [`Identity::check_absent_commit`] and the
//! refusal [`GroupRefusal::NotFound`] say otherwise. Keep a new group only if it is not [blank](Group::is_blank)
//! afterwards.

mod commit;
mod deadlines;
mod describe;
mod expiry;
mod image;
mod join;
mod leave;
mod member;
mod offsets;
mod rebalance;
mod record;
mod refusal;
mod request;
mod retention;
mod settings;
mod statics;
mod sync;

pub use commit::{CommitRequest, Committed, DeletedOffsets, OffsetCommit, OffsetDelete};
pub use describe::{GroupSnapshot, MemberSnapshot};
pub use leave::Leaver;
pub use member::Protocol;
pub use offsets::{CommittedOffset, Offsets};
pub use record::{CommitRecord, OffsetChange};
pub use refusal::GroupRefusal;
pub use request::{Caller, Effect, Identity, JoinRequest, Joined, JoinedMember, SyncRequest, Synced, check_group_id};
pub use retention::Expired;
pub use settings::GroupSettings;

use bytes::Bytes;
use deadlines::Deadlines;
use member::Members;
use narumq_model::{Name, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The protocol type whose members subscribe to topics. Of other types the group does not know what is read.
pub const CONSUMER: &str = "consumer";

/// What a group is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupState {
    /// Nobody is in it. It may have offsets.
    Empty,
    /// It waits for its members to join the next generation.
    PreparingRebalance,
    /// The generation stands; it waits for the leader to say who has what.
    CompletingRebalance,
    /// Each member has its part.
    Stable,
    /// It is gone; whoever still refers to it looks it up anew.
    Dead,
}

/// How the group works. The numbers are those of the log's format; 1 (assignments made by the server) and 2 (messages
/// shared one by one) are kept for types to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum GroupType {
    /// One member makes the assignment for all.
    Classic = 0,
}

/// The wait for more members before the first generation of a group that was empty.
#[derive(Clone, Copy, Debug)]
struct InitialWait {
    /// The part of it that is running, in milliseconds.
    delay: u64,
    /// How much it may still be prolonged, in milliseconds.
    remaining: u64,
    /// Somebody new came since it was last prolonged.
    newcomers: bool,
}

/// One group.
#[derive(Debug)]
pub struct Group {
    settings: Arc<GroupSettings>,
    state: GroupState,
    /// When it came to its state.
    since: Time,
    generation: i32,
    protocol_type: Option<Name>,
    protocol: Option<Name>,
    members: Members,
    /// Ids given out to those who are to join with them, and until when.
    pending: BTreeMap<Name, Time>,
    /// The topics of all members, as far as this is known.
    subscribed: Option<BTreeSet<Name>>,
    initial: Option<InitialWait>,
    join_deadline: Option<Time>,
    sync_deadline: Option<Time>,
    sessions: Deadlines,
    offsets: Offsets,
    image: Option<Bytes>,
}

/// One operation under way.
struct Step<'a> {
    now: Time,
    effects: &'a mut Vec<Effect>,
}

impl Group {
    /// A group of which nothing is known.
    pub fn new(settings: Arc<GroupSettings>, now: Time) -> Self {
        Self {
            settings,
            state: GroupState::Empty,
            since: now,
            generation: 0,
            protocol_type: None,
            protocol: None,
            members: Members::default(),
            pending: BTreeMap::new(),
            subscribed: None,
            initial: None,
            join_deadline: None,
            sync_deadline: None,
            sessions: Deadlines::default(),
            offsets: Offsets::default(),
            image: None,
        }
    }

    /// How it works.
    pub fn group_type(&self) -> GroupType {
        GroupType::Classic
    }

    /// What it is doing.
    pub fn state(&self) -> GroupState {
        self.state
    }

    /// What its members are, such as "consumer"; `None` as long as nobody has joined it.
    pub fn protocol_type(&self) -> Option<&Name> {
        self.protocol_type.as_ref()
    }

    /// The generation, 0 before the first one.
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// How many members it has; ids given out and not yet used are none.
    pub fn member_count(&self) -> usize {
        self.members.len()
    }

    /// What is committed.
    pub fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    /// Its last image: what a State of the log has to say of it beside the offsets. `None` if there was none yet.
    pub fn image(&self) -> Option<&Bytes> {
        self.image.as_ref()
    }

    /// Whether there is nothing to keep: neither members, nor ids given out, nor offsets, nor an image in the log.
    pub fn is_blank(&self) -> bool {
        self.state == GroupState::Empty && self.pending.is_empty() && self.offsets.is_empty() && self.image.is_none()
    }

    /// A member says that it lives.
    ///
    /// [`GroupRefusal::RebalanceInProgress`] asks it to join again; it counts as a sign of life all the same.
    pub fn heartbeat(
        &mut self,
        identity: &Identity<'_>,
        now: Time,
        effects: &mut Vec<Effect>,
    ) -> Result<(), GroupRefusal> {
        self.advance(now, effects);
        self.check_generation(identity)?;
        self.expect_heartbeat(identity.member_id, now);
        if self.state == GroupState::PreparingRebalance { Err(GroupRefusal::RebalanceInProgress) } else { Ok(()) }
    }

    /// The group is no longer wanted, and its offsets neither. It is dead then: drop it, and log that it is gone.
    ///
    /// Refuses with [`GroupRefusal::NotEmpty`] or [`GroupRefusal::NotFound`].
    pub fn delete(&mut self, now: Time, effects: &mut Vec<Effect>) -> Result<(), GroupRefusal> {
        self.advance(now, effects);
        match self.state {
            GroupState::Dead => Err(GroupRefusal::NotFound),
            GroupState::Empty if self.is_blank() => Err(GroupRefusal::NotFound),
            GroupState::Empty => {
                self.die(now);
                Ok(())
            }
            GroupState::PreparingRebalance | GroupState::CompletingRebalance | GroupState::Stable => {
                Err(GroupRefusal::NotEmpty)
            }
        }
    }

    fn die(&mut self, now: Time) {
        self.enter(GroupState::Dead, now);
        self.pending.clear();
        self.offsets = Offsets::default();
    }

    fn enter(&mut self, state: GroupState, now: Time) {
        self.state = state;
        self.since = now;
    }

    /// Appends the group as it stands: what follows in `effects` depends on it.
    fn persist(&mut self, step: &mut Step<'_>) {
        let image = self.encode();
        step.effects.push(Effect::Persist(image.clone()));
        self.image = Some(image);
    }

    /// Whether the member is in the group and, if it has an instance id, is the one that has it now.
    fn check_member(&self, member_id: &str, instance_id: Option<&str>) -> Result<(), GroupRefusal> {
        if self.state == GroupState::Dead {
            return Err(GroupRefusal::Dead);
        }
        if let Some(instance) = instance_id {
            let holder = self.members.of_instance(instance).ok_or(GroupRefusal::UnknownMember)?;
            if &**holder != member_id {
                return Err(GroupRefusal::FencedInstance);
            }
        }
        self.members.get(member_id).map(|_| ()).ok_or(GroupRefusal::UnknownMember)
    }

    fn check_generation(&self, identity: &Identity<'_>) -> Result<(), GroupRefusal> {
        self.check_member(identity.member_id, identity.instance_id)?;
        if identity.generation == self.generation { Ok(()) } else { Err(GroupRefusal::IllegalGeneration) }
    }
}
