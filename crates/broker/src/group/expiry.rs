//! What is due: sessions end, and the times to join and to sync are up.

use super::{Effect, Group, GroupState, Step};
use narumq_model::{Name, Time};

/// What is due first.
enum Due {
    Session,
    Join,
    Sync,
}

impl Group {
    /// When [`advance`](Self::advance) may have something to do. It may be too early, by as much as a session is long,
    /// but never too late; signs of life do not move it.
    pub fn next_deadline(&self) -> Option<Time> {
        [self.sessions.next(), self.join_deadline, self.sync_deadline].into_iter().flatten().min()
    }

    /// Does what is due by `now`, the earliest first.
    pub fn advance(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let mut step = Step { now, effects };
        while let Some(due) = self.due(now) {
            match due {
                Due::Session => self.look_at_session(&mut step),
                Due::Join => self.on_join_deadline(&mut step),
                Due::Sync => self.on_sync_deadline(&mut step),
            }
        }
    }

    #[inline]
    fn due(&self, now: Time) -> Option<Due> {
        let at = self.next_deadline().filter(|at| *at <= now)?;
        Some(if self.sessions.next() == Some(at) {
            Due::Session
        } else if self.join_deadline == Some(at) {
            Due::Join
        } else {
            Due::Sync
        })
    }

    fn look_at_session(&mut self, step: &mut Step<'_>) {
        let Some((at, id)) = self.sessions.pop(step.now) else { return };
        if self.pending.get(&id) == Some(&at) {
            self.pending.remove(&id);
            self.complete_if_all_joined(step);
            return;
        }
        let Some(member) = self.members.get_mut(&id) else { return };
        if member.session.looked_at != at {
            return;
        }
        member.session.looked_at = Time::NEVER;
        let ends = member.session.ends;
        if ends > at {
            self.end_session_at(&id, ends);
        } else if !member.is_excused() {
            self.dismiss(&id, step);
            self.after_departure(step);
        }
    }

    /// Those who have not asked for their part by now are given up.
    fn on_sync_deadline(&mut self, step: &mut Step<'_>) {
        self.sync_deadline = None;
        let late: Vec<Name> = self.members.unsynced_ids();
        if !late.is_empty() {
            late.iter().for_each(|id| self.dismiss(id, step));
            self.after_departure(step);
        }
    }

    /// A member has been heard: its session begins anew.
    pub(super) fn expect_heartbeat(&mut self, id: &str, now: Time) {
        if let Some(member) = self.members.get(id) {
            self.end_session_at(id, now.plus(member.session_timeout_ms.into()));
        }
    }

    /// Sets the end of a member's session. It is looked at anew only if it comes earlier than thought.
    pub(super) fn end_session_at(&mut self, id: &str, ends: Time) {
        let Some(member) = self.members.get_mut(id) else { return };
        member.session.ends = ends;
        if ends < member.session.looked_at {
            member.session.looked_at = ends;
            let id = member.id.clone();
            self.sessions.push(ends, id);
            self.prune_sessions();
        }
    }

    pub(super) fn prune_sessions(&mut self) {
        let (members, pending) = (&self.members, &self.pending);
        self.sessions.prune(members.len() + pending.len(), |at, id| {
            members.get(id).is_some_and(|m| m.session.looked_at == at) || pending.get(id) == Some(&at)
        });
    }

    /// Whether the group may be dropped when it has no offsets.
    pub(super) fn is_deserted(&self) -> bool {
        self.state == GroupState::Empty && self.pending.is_empty()
    }
}
