//! Offsets are committed, and deleted by name.

use super::{
    CONSUMER, CommitRecord, CommittedOffset, Effect, Group, GroupRefusal, GroupState, Identity, OffsetChange, Offsets,
};
use narumq_model::{ObjectId, Time};

/// An offset to commit.
#[derive(Clone, Debug)]
pub struct OffsetCommit {
    /// The topic.
    pub topic: ObjectId,
    /// The partition. Whether it exists is for the door to know.
    pub partition: u32,
    /// The offset of the next message to read.
    pub offset: i64,
    /// The leader epoch of the message before it; negative if there is none.
    pub leader_epoch: i32,
    /// A note, handed back with the offset.
    pub metadata: Box<str>,
}

/// Offsets to commit together.
#[derive(Clone, Debug)]
pub struct CommitRequest<'a> {
    /// Who commits.
    pub identity: Identity<'a>,
    /// When the offsets expire, if the client says so.
    pub expires_at: Option<Time>,
    /// What it commits.
    pub offsets: Vec<OffsetCommit>,
}

/// What was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// To be appended; the answer waits for it. `None` if nothing was committed.
    pub record: Option<CommitRecord>,
    /// For each offset asked for, in their order. Refusals: [`GroupRefusal::MetadataTooLarge`].
    pub answers: Vec<Result<(), GroupRefusal>>,
}

/// An offset to delete.
#[derive(Clone, Copy, Debug)]
pub struct OffsetDelete<'a> {
    /// The topic.
    pub topic: ObjectId,
    /// Its name.
    pub name: &'a str,
    /// The partition.
    pub partition: u32,
}

/// What was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedOffsets {
    /// To be appended; the answer waits for it. `None` if nothing was there.
    pub record: Option<CommitRecord>,
    /// For each asked for, in their order; one that was not there is deleted all the same. Refusals:
    /// [`GroupRefusal::SubscribedToTopic`].
    pub answers: Vec<Result<(), GroupRefusal>>,
}

impl Group {
    /// Whether somebody may commit now.
    ///
    /// From outside of any generation (negative, no ids) only while nobody is in the group. `transactional`: as part of
    /// a transaction, which may do so at any time, and also while the generation has no assignment.
    ///
    /// Refuses with [`GroupRefusal::UnknownMember`], [`GroupRefusal::FencedInstance`],
    /// [`GroupRefusal::IllegalGeneration`], [`GroupRefusal::RebalanceInProgress`] and [`GroupRefusal::Dead`].
    pub fn check_commit(&self, identity: &Identity<'_>, transactional: bool) -> Result<(), GroupRefusal> {
        match self.state {
            GroupState::Dead => return Err(GroupRefusal::Dead),
            GroupState::Empty if identity.generation < 0 => return Ok(()),
            _ => {}
        }
        if identity.generation >= 0 || !identity.member_id.is_empty() || identity.instance_id.is_some() {
            self.check_generation(identity)?;
        } else if !transactional && self.state != GroupState::Empty {
            return Err(GroupRefusal::UnknownMember);
        }
        if !transactional && self.state == GroupState::CompletingRebalance {
            return Err(GroupRefusal::RebalanceInProgress);
        }
        Ok(())
    }

    /// Commits offsets, those whose note is too long apart. A member's commit is a sign of life.
    pub fn commit(
        &mut self,
        request: CommitRequest<'_>,
        now: Time,
        effects: &mut Vec<Effect>,
    ) -> Result<Committed, GroupRefusal> {
        self.advance(now, effects);
        self.check_commit(&request.identity, false)?;
        if matches!(self.state, GroupState::Stable | GroupState::PreparingRebalance) {
            self.expect_heartbeat(request.identity.member_id, now);
        }
        let mut answers = Vec::with_capacity(request.offsets.len());
        let mut changes = Vec::with_capacity(request.offsets.len());
        for OffsetCommit { topic, partition, offset, leader_epoch, metadata } in request.offsets {
            if is_longer(&metadata, self.settings.offset_metadata_max) {
                answers.push(Err(GroupRefusal::MetadataTooLarge));
                continue;
            }
            answers.push(Ok(()));
            let leader_epoch = leader_epoch.max(-1);
            let expires_at = request.expires_at;
            let to = CommittedOffset { offset, leader_epoch, metadata, committed_at: now, expires_at };
            changes.push(OffsetChange { topic, partition, to: Some(to) });
        }
        let record = (!changes.is_empty()).then_some(CommitRecord { changes });
        record.iter().for_each(|record| self.offsets.apply(record));
        Ok(Committed { record, answers })
    }

    /// Deletes offsets of topics that no member reads.
    ///
    /// Refuses with [`GroupRefusal::NotFound`], and with [`GroupRefusal::NotEmpty`] where it is not known what members
    /// read.
    pub fn delete_offsets(
        &mut self,
        wanted: &[OffsetDelete<'_>],
        now: Time,
        effects: &mut Vec<Effect>,
    ) -> Result<DeletedOffsets, GroupRefusal> {
        self.advance(now, effects);
        match self.state {
            GroupState::Dead => return Err(GroupRefusal::NotFound),
            GroupState::Empty => {}
            GroupState::PreparingRebalance | GroupState::CompletingRebalance | GroupState::Stable => {
                if self.protocol_type.as_deref() != Some(CONSUMER) {
                    return Err(GroupRefusal::NotEmpty);
                }
            }
        }
        let mut changes = Vec::new();
        let mut answers = Vec::with_capacity(wanted.len());
        for &OffsetDelete { topic, name, partition } in wanted {
            if self.subscribes_to(name) {
                answers.push(Err(GroupRefusal::SubscribedToTopic));
                continue;
            }
            answers.push(Ok(()));
            if self.offsets.get(topic, partition).is_some() {
                changes.push(OffsetChange { topic, partition, to: None });
            }
        }
        let record = (!changes.is_empty()).then_some(CommitRecord { changes });
        record.iter().for_each(|record| self.offsets.apply(record));
        Ok(DeletedOffsets { record, answers })
    }

    /// A topic is gone, and what was committed for it with it. The record is to be appended.
    pub fn forget_topic(&mut self, topic: ObjectId) -> Option<CommitRecord> {
        self.offsets.remove(|of, _, _| of == topic)
    }

    /// Gives back what the log has of it. Only before anything else is done.
    pub(super) fn set_offsets(&mut self, offsets: Offsets) {
        self.offsets = offsets;
    }
}

/// Whether a text has more UTF-16 code units than `most`.
fn is_longer(text: &str, most: usize) -> bool {
    text.len() > most && text.encode_utf16().count() > most
}
