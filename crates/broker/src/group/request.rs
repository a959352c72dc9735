//! What members ask of a group, and what they are told.

use super::{GroupRefusal, Protocol};
use bytes::Bytes;
use narumq_model::{Name, SessionId};

/// Who waits for an answer: given with a request, handed back with its answer, opaque to the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Caller {
    /// The session that asked.
    pub session: SessionId,
    /// Its own number for the request.
    pub request: u64,
}

/// What follows from an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The group's image: append it; the effects behind it depend on it.
    Persist(Bytes),
    /// The answer to a join.
    Joined {
        /// Who asked.
        caller: Caller,
        /// What it is told.
        answer: Result<Joined, GroupRefusal>,
    },
    /// The answer to a sync.
    Synced {
        /// Who asked.
        caller: Caller,
        /// What it is told.
        answer: Result<Synced, GroupRefusal>,
    },
}

/// Who a member says it is.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The id that the group gave it; empty if it is in no group.
    pub member_id: &'a str,
    /// The id that its owner gave it, if it is a static member.
    pub instance_id: Option<&'a str>,
    /// The generation that it joined; negative if it is in none.
    pub generation: i32,
}

impl Identity<'_> {
    /// Whether a commit may create a group that does not exist: only if it comes from outside of any generation.
    /// Otherwise [`GroupRefusal::IllegalGeneration`]; doors whose dialect can say so answer [`GroupRefusal::NotFound`]
    /// instead.
    pub fn check_absent_commit(&self) -> Result<(), GroupRefusal> {
        if self.generation < 0 { Ok(()) } else { Err(GroupRefusal::IllegalGeneration) }
    }
}

/// A member wants to be in the next generation.
///
/// What it holds is kept as long as the member is in the group: it must not share a larger buffer.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    /// The id that the group gave it; empty if it has none.
    pub member_id: Name,
    /// The id that its owner gave it, if it is a static member.
    pub instance_id: Option<Name>,
    /// The id that it gets if it has none: not empty, never given before.
    pub fresh_id: Name,
    /// Whether a dynamic member without an id is to come again with the one it gets, rather than being taken at once.
    pub require_known_member: bool,
    /// Whether its dialect can be told not to make an assignment although it is the leader.
    pub skip_assignment: bool,
    /// The name that the client gives itself, shown in listings.
    pub client_id: Name,
    /// Where it comes from, shown in listings.
    pub client_host: Name,
    /// How long it may be silent, in milliseconds.
    pub session_timeout_ms: u32,
    /// How long the others wait for it in a rebalance, in milliseconds.
    pub rebalance_timeout_ms: u32,
    /// What it is, such as "consumer".
    pub protocol_type: Name,
    /// What it can do, the best first. Of two with one name the first counts.
    pub protocols: Vec<Protocol>,
    /// The topics that it reads, as its door reads them from the metadata; `None` if that is not possible.
    pub topics: Option<Vec<Name>>,
}

/// A member is in a generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Its id.
    pub member_id: Name,
    /// The generation.
    pub generation: i32,
    /// What all members are.
    pub protocol_type: Name,
    /// The protocol that was chosen.
    pub protocol: Name,
    /// Who makes the assignment. A static leader whose dialect cannot skip the assignment gets the id that it had
    /// before.
    pub leader: Name,
    /// For the leader: all members, in the order in which they came. Empty for the others.
    pub members: Vec<JoinedMember>,
    /// For the leader: the generation has its assignment already, none is to be made.
    pub skip_assignment: bool,
}

/// A member as the leader is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    /// Its id.
    pub member_id: Name,
    /// The id that its owner gave it, if it is a static member.
    pub instance_id: Option<Name>,
    /// Its metadata for the protocol that was chosen.
    pub metadata: Bytes,
}

/// A member wants to know its part. The leader says what the parts are.
#[derive(Clone, Debug)]
pub struct SyncRequest<'a> {
    /// Who asks.
    pub identity: Identity<'a>,
    /// The protocol type that it believes in, if its dialect says so.
    pub protocol_type: Option<&'a str>,
    /// The protocol that it believes in, if its dialect says so.
    pub protocol: Option<&'a str>,
    /// From the leader: parts by member id; of two for one member the last counts. Kept: they must not share a larger
    /// buffer.
    pub assignments: Vec<(&'a str, Bytes)>,
}

/// A member's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// What all members are.
    pub protocol_type: Name,
    /// The protocol of the generation.
    pub protocol: Name,
    /// As the leader wrote it; empty if it wrote none.
    pub assignment: Bytes,
}

/// Whether a group may have this id: [`GroupRefusal::InvalidGroupId`] if it is empty. For all that members do; offsets
/// may be committed, fetched and described under the empty id too.
pub fn check_group_id(id: &str) -> Result<(), GroupRefusal> {
    if id.is_empty() { Err(GroupRefusal::InvalidGroupId) } else { Ok(()) }
}
