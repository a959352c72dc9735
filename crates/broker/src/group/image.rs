//! A group's image: what of it survives a restart, its offsets apart.
//!
//! ```text
//! u8 version = 1 | u8 kind: 0 classic | varint generation | varint in its state since, ms
//! option protocol type | option protocol | list of members in their order of arrival | varint place of the leader
//! member   id | option instance id | client id | client host | varint session timeout | varint rebalance timeout
//!          list of (protocol, metadata) | option list of topics | assignment
//! ```
//! Texts and bytes are preceded by their length, lists by their count, options by 0 or 1; the place of the leader
//! counts from 0 and is not there if there are no members. Written when a generation has its assignment, when a static
//! member of it gets another id, and when nobody is left.

use super::member::{Member, Members, Offer};
use super::{Effect, Group, GroupSettings, GroupState, GroupType, Offsets, Protocol, Step};
use crate::codec::{Reader, put_name, put_option};
use bytes::Bytes;
use narumq_log::varint;
use narumq_model::{Name, Time};
use std::sync::Arc;

const VERSION: u8 = 1;

impl Group {
    /// The group as its last image and its records say, `None` if the image is damaged. Without an image it is a group
    /// that only has offsets.
    ///
    /// It goes on in its generation: each member has a whole session from `now` on to be heard. If it has more members
    /// than the settings allow, a rebalance begins.
    pub fn restore(image: Option<&[u8]>, offsets: Offsets, settings: Arc<GroupSettings>, now: Time) -> Option<Self> {
        let mut group = match image {
            Some(image) => Self::decode(image, settings, now)?,
            None => Self::new(settings, now),
        };
        group.set_offsets(offsets);
        if group.members.len() > group.settings.members_max {
            // Nobody waits for an answer yet.
            let mut effects: Vec<Effect> = Vec::new();
            group.prepare(&mut Step { now, effects: &mut effects });
        }
        Some(group)
    }

    /// The image of the group as it stands.
    pub(super) fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(64 + 256 * self.members.len());
        out.extend([VERSION, GroupType::Classic as u8]);
        varint::put(&mut out, self.generation as u64);
        varint::put(&mut out, self.since.0);
        put_option(&mut out, self.protocol_type.as_deref(), put_name);
        put_option(&mut out, self.protocol.as_deref(), put_name);
        let members = self.members.in_order();
        varint::put(&mut out, members.len() as u64);
        members.iter().for_each(|member| put_member(&mut out, member));
        if let Some(place) = members.iter().position(|m| self.members.is_leader(&m.id)) {
            varint::put(&mut out, place as u64);
        }
        out.into()
    }

    /// Reads an image. A group with members is stable, one without is empty.
    fn decode(bytes: &[u8], settings: Arc<GroupSettings>, now: Time) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if (reader.u8()?, reader.u8()?) != (VERSION, GroupType::Classic as u8) {
            return None;
        }
        let mut group = Self::new(settings, now);
        group.generation = i32::try_from(reader.number()?).ok()?;
        group.since = Time(reader.number()?);
        group.protocol_type = reader.option(Reader::name)?;
        group.protocol = reader.option(Reader::name)?;
        let members = reader.list(read_member)?;
        let ids: Vec<Name> = members.iter().map(|m| m.id.clone()).collect();
        for member in members {
            insert(&mut group.members, member)?;
        }
        if !ids.is_empty() {
            let protocol = group.protocol.as_deref()?;
            let leader = ids.get(usize::try_from(reader.number()?).ok()?)?;
            if group.protocol_type.is_none() || !group.members.support(protocol) {
                return None;
            }
            group.members.appoint(leader);
            group.state = GroupState::Stable;
        }
        if reader.u8().is_some() {
            return None;
        }
        group.subscribed = group.subscription();
        ids.iter().for_each(|id| group.expect_heartbeat(id, now));
        group.image = Some(Bytes::copy_from_slice(bytes));
        Some(group)
    }
}

/// Takes in a member whose ids nobody else has.
fn insert(members: &mut Members, member: Member) -> Option<()> {
    let taken = member.instance_id.as_ref().is_some_and(|instance| members.of_instance(instance).is_some());
    if taken || member.id.is_empty() || members.get(&member.id).is_some() {
        return None;
    }
    members.insert(member);
    Some(())
}

fn put_member(out: &mut Vec<u8>, member: &Member) {
    put_name(out, &member.id);
    put_option(out, member.instance_id.as_deref(), put_name);
    put_name(out, &member.client_id);
    put_name(out, &member.client_host);
    varint::put(out, member.session_timeout_ms.into());
    varint::put(out, member.rebalance_timeout_ms.into());
    varint::put(out, member.protocols().len() as u64);
    for Protocol { name, metadata } in member.protocols() {
        put_name(out, name);
        varint::put_bytes(out, metadata);
    }
    put_option(out, member.topics.as_ref(), |out, topics| {
        varint::put(out, topics.len() as u64);
        topics.iter().for_each(|topic| put_name(out, topic));
    });
    varint::put_bytes(out, &member.assignment);
}

fn read_member(reader: &mut Reader<'_>) -> Option<Member> {
    let id = reader.name()?;
    let instance_id = reader.option(Reader::name)?;
    let offer = Offer {
        client_id: reader.name()?,
        client_host: reader.name()?,
        session_timeout_ms: u32::try_from(reader.number()?).ok()?,
        rebalance_timeout_ms: u32::try_from(reader.number()?).ok()?,
        protocols: reader.list(|r| Some(Protocol { name: r.name()?, metadata: r.shared()? }))?,
        topics: reader.option(|r| r.list(Reader::name))?,
    };
    let mut names: Vec<&Name> = offer.protocols.iter().map(|p| &p.name).collect();
    names.sort_unstable();
    if names.windows(2).any(|two| two[0] == two[1]) {
        return None;
    }
    let mut member = Member::new(id, instance_id, offer);
    member.assignment = reader.shared()?;
    Some(member)
}
