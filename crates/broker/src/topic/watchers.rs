//! Who is told when a partition has more: sessions that ask once, and sessions that follow it.
//!
//! A follower stays. It is told once, and again only after it has fetched: what a session does not look at costs it no event per
//! append, and what it has looked at is never missed, because the same lock guards the look and what is told.

use super::partition::PartitionState;
use crate::core::Core;
use crate::event::Event;
use crate::turn::Turn;
use crate::{Broker, PartitionHandle};
use narumq_model::{ObjectId, SessionId};
use smallvec::SmallVec;

/// Who is to be told.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    /// To be told once.
    once: SmallVec<[SessionId; 2]>,
    /// In the order of their sessions.
    followers: SmallVec<[Follower; 1]>,
}

/// A session that follows a partition.
#[derive(Clone, Copy, Debug)]
struct Follower {
    session: SessionId,
    /// How often it follows.
    times: u32,
    /// It has been told, and has not fetched since.
    told: bool,
}

impl Watchers {
    fn place(&self, session: SessionId) -> Result<usize, usize> {
        self.followers.binary_search_by_key(&session, |follower| follower.session)
    }

    fn follow(&mut self, session: SessionId) {
        match self.place(session) {
            Ok(at) => self.followers[at].times += 1,
            Err(at) => self.followers.insert(at, Follower { session, times: 1, told: false }),
        }
    }

    fn unfollow(&mut self, session: SessionId) {
        let Ok(at) = self.place(session) else { return };
        self.followers[at].times -= 1;
        if self.followers[at].times == 0 {
            self.followers.remove(at);
        }
    }
}

impl PartitionState {
    /// The session is told once, when something is appended next.
    pub(crate) fn watch(&mut self, session: SessionId) {
        if !self.watchers.once.contains(&session) {
            self.watchers.once.push(session);
        }
    }

    /// The session is not to be told any more.
    pub(crate) fn unwatch(&mut self, session: SessionId) {
        self.watchers.once.retain(|s| *s != session);
    }

    /// The session looks: if it follows it is told of what comes from now on.
    pub(super) fn looked_at(&mut self, session: SessionId) {
        if let Ok(at) = self.watchers.place(session) {
            self.watchers.followers[at].told = false;
        }
    }

    /// Tells who watches that something is there, or was.
    pub(super) fn tell_watchers(&mut self, id: ObjectId, core: &Core, turn: &mut Turn) {
        for session in self.watchers.once.drain(..) {
            core.mailboxes.post(session, Event::Ready { queue: id }, turn);
        }
        self.tell_followers(id, core, turn);
    }

    /// Tells who follows that the partition is not as it was.
    pub(super) fn tell_followers(&mut self, id: ObjectId, core: &Core, turn: &mut Turn) {
        for follower in self.watchers.followers.iter_mut().filter(|follower| !follower.told) {
            follower.told = true;
            core.mailboxes.post(follower.session, Event::Ready { queue: id }, turn);
        }
    }
}

impl Broker {
    /// The session is told `Ready` once, when something is appended next.
    pub fn watch(&self, partition: &PartitionHandle, session: SessionId) {
        partition.0.lock().watch(session);
    }

    /// The session is not to be told any more.
    pub fn unwatch(&self, partition: &PartitionHandle, session: SessionId) {
        partition.0.lock().unwatch(session);
    }

    /// The session is told `Ready` when something is appended, the first offset moves or the topic is deleted, each time once
    /// until it fetches from the partition again. It follows until it has said `unfollow` as often as this.
    pub fn follow(&self, partition: &PartitionHandle, session: SessionId) {
        let mut state = partition.0.lock();
        if !state.deleted {
            state.watchers.follow(session);
        }
    }

    /// The session does not follow the partition any more.
    pub fn unfollow(&self, partition: &PartitionHandle, session: SessionId) {
        partition.0.lock().watchers.unfollow(session);
    }

    /// How many sessions are told when the partition has more: those that follow it, and those that asked to be told once.
    pub fn watchers(&self, partition: &PartitionHandle) -> usize {
        let state = partition.0.lock();
        state.watchers.followers.len() + state.watchers.once.len()
    }
}
