//! What groups have committed: taken, shown, deleted, forgotten with the topic.

use super::Coordinated;
use crate::group::{CommitRequest, GroupRefusal, OffsetDelete, Offsets};
use crate::topology::Vhost;
use crate::turn::Turn;
use crate::{Broker, TopicHandle};
use narumq_model::{Lsn, Name, ObjectId};
use std::sync::Arc;

impl Broker {
    /// Commits offsets; the answer waits for the LSN.
    pub fn commit_offsets(
        &self,
        (vhost, name): (&Vhost, &str),
        request: CommitRequest<'_>,
        turn: &mut Turn,
    ) -> Result<(Vec<Result<(), GroupRefusal>>, Lsn), GroupRefusal> {
        if self.find_group(vhost, name).is_none() {
            request.identity.check_absent_commit()?;
        }
        let of = self.group(vhost, name, turn);
        let (committed, mut cell) = of.act(&self.core, turn, |group, now, effects| group.commit(request, now, effects));
        let committed = committed?;
        cell.log(&of, committed.record.as_ref(), &self.core, turn);
        Ok((committed.answers, cell.last))
    }

    /// Shows what a group has committed; the answer waits for the LSN. `None` if there is no such group.
    pub fn committed<T>(&self, vhost: &Vhost, name: &str, look: impl FnOnce(&Offsets) -> T) -> Option<(T, Lsn)> {
        let of = self.find_group(vhost, name)?;
        let cell = of.lock();
        Some((look(cell.group.offsets()), cell.last))
    }

    /// Deletes offsets of topics that no member reads; the answer waits for the LSN.
    pub fn delete_offsets(
        &self,
        (vhost, name): (&Vhost, &str),
        wanted: &[OffsetDelete<'_>],
        turn: &mut Turn,
    ) -> Result<(Vec<Result<(), GroupRefusal>>, Lsn), GroupRefusal> {
        let of = self.find_group(vhost, name).ok_or(GroupRefusal::NotFound)?;
        let (deleted, mut cell) =
            of.act(&self.core, turn, |group, now, effects| group.delete_offsets(wanted, now, effects));
        let deleted = deleted?;
        cell.log(&of, deleted.record.as_ref(), &self.core, turn);
        Ok((deleted.answers, cell.last))
    }

    pub(super) fn topic_name(&self, vhost: &Vhost, id: ObjectId) -> Option<Name> {
        let state = vhost.read();
        let topic = state.topics.values().find(|topic| topic.definition().id == id)?;
        Some(topic.definition().name.clone())
    }

    /// A topic is gone: groups forget what they have committed of it.
    pub(crate) fn forget_in_groups(&self, vhost: &Vhost, topic: ObjectId, turn: &Turn) {
        let all: Vec<Arc<Coordinated>> = vhost.read().groups.values().cloned().collect();
        for of in all {
            let mut cell = of.lock();
            let record = cell.group.forget_topic(topic);
            cell.log(&of, record.as_ref(), &self.core, turn);
        }
    }

    /// The id by which offsets of this topic are committed.
    pub fn topic_id(&self, topic: &TopicHandle) -> ObjectId {
        topic.definition().id
    }
}
