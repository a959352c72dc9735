//! Offsets that nobody uses expire, and a group without members and offsets is dropped.

use super::{CONSUMER, CommitRecord, CommittedOffset, Group, GroupState};
use narumq_model::{Name, ObjectId, Time};

/// What has expired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// To be appended; `None` if no offset has expired.
    pub record: Option<CommitRecord>,
    /// Nothing is left of the group: it is dead. Drop it, and log that it is gone.
    pub dropped: bool,
}

/// From when on an offset is unused.
#[derive(Clone, Copy)]
enum Unused {
    /// Since it was committed.
    SinceCommit,
    /// Since then.
    Since(Time),
}

impl Group {
    /// Lets expire what is unused for longer than the retention, or for which the client gave a time. To be called now
    /// and then, every ten minutes say, after [`advance`](Self::advance); it looks at all offsets.
    ///
    /// An offset is unused since the last member has left, or, in a group that never had members, since it was
    /// committed. While members of the type [`CONSUMER`] are at work, an offset of a topic that none of them reads is
    /// unused since it was committed. Otherwise nothing expires. `name_of` gives the name of a topic, `None` if it is
    /// gone.
    pub fn expire_offsets(&mut self, now: Time, name_of: impl Fn(ObjectId) -> Option<Name>) -> Expired {
        let unused = self.unused();
        let record = match unused {
            Some(unused) if !self.offsets.is_empty() => self.expire(unused, now, name_of),
            _ => None,
        };
        let dropped = self.is_deserted() && self.offsets.is_empty();
        if dropped {
            self.die(now);
        }
        Expired { record, dropped }
    }

    fn expire(
        &mut self,
        unused: Unused,
        now: Time,
        name_of: impl Fn(ObjectId) -> Option<Name>,
    ) -> Option<CommitRecord> {
        let mut offsets = std::mem::take(&mut self.offsets);
        // Partitions of one topic come one after the other.
        let mut last: Option<(ObjectId, bool)> = None;
        let record = offsets.remove(|topic, _, committed| {
            if !self.is_over(committed, unused, now) {
                return false;
            }
            let read = match last {
                Some((known, read)) if known == topic => read,
                _ => name_of(topic).is_some_and(|name| self.subscribes_to(&name)),
            };
            last = Some((topic, read));
            !read
        });
        self.set_offsets(offsets);
        record
    }

    fn unused(&self) -> Option<Unused> {
        match (&self.protocol_type, self.state) {
            (_, GroupState::Dead) => None,
            (None, _) => Some(Unused::SinceCommit),
            (Some(_), GroupState::Empty) => Some(Unused::Since(self.since)),
            (Some(of), GroupState::Stable) if &**of == CONSUMER && self.subscribed.is_some() => {
                Some(Unused::SinceCommit)
            }
            (Some(_), _) => None,
        }
    }

    fn is_over(&self, committed: &CommittedOffset, unused: Unused, now: Time) -> bool {
        if let Some(at) = committed.expires_at {
            return at <= now;
        }
        let since = match unused {
            Unused::SinceCommit => committed.committed_at,
            Unused::Since(since) => since,
        };
        now.since(since) >= self.settings.offsets_retention_ms
    }
}
