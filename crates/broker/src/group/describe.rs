//! A group as listings show it.

use super::{Group, GroupState};
use bytes::Bytes;
use narumq_model::Name;

/// A group at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSnapshot {
    /// What it is doing.
    pub state: GroupState,
    /// What its members are; `None` as long as nobody has joined it.
    pub protocol_type: Option<Name>,
    /// The protocol of its generation; `None` unless it is stable.
    pub protocol: Option<Name>,
    /// The generation.
    pub generation: i32,
    /// Who leads, by member id.
    pub leader: Option<Name>,
    /// Its members, in the order in which they came.
    pub members: Vec<MemberSnapshot>,
}

/// A member at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSnapshot {
    /// The id that the group gave it.
    pub member_id: Name,
    /// The id that its owner gave it, if it is a static member.
    pub instance_id: Option<Name>,
    /// The name that the client gives itself.
    pub client_id: Name,
    /// Where it comes from.
    pub client_host: Name,
    /// How long it may be silent, in milliseconds.
    pub session_timeout_ms: u32,
    /// How long the others wait for it, in milliseconds.
    pub rebalance_timeout_ms: u32,
    /// Its metadata for the protocol of the generation; empty unless the group is stable.
    pub metadata: Bytes,
    /// Its part.
    pub assignment: Bytes,
}

impl Group {
    /// The group as it stands.
    pub fn describe(&self) -> GroupSnapshot {
        let protocol = self.protocol.as_ref().filter(|_| self.state == GroupState::Stable);
        let members = self.members.in_order().into_iter().map(|m| MemberSnapshot {
            member_id: m.id.clone(),
            instance_id: m.instance_id.clone(),
            client_id: m.client_id.clone(),
            client_host: m.client_host.clone(),
            session_timeout_ms: m.session_timeout_ms,
            rebalance_timeout_ms: m.rebalance_timeout_ms,
            metadata: protocol.map(|protocol| m.metadata(protocol)).unwrap_or_default(),
            assignment: m.assignment.clone(),
        });
        GroupSnapshot {
            state: self.state,
            protocol_type: self.protocol_type.clone(),
            protocol: protocol.cloned(),
            generation: self.generation,
            leader: self.members.leader().cloned(),
            members: members.collect(),
        }
    }
}
