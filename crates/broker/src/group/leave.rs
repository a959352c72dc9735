//! Members leave, by themselves or sent away.

use super::{Effect, Group, GroupRefusal, GroupState, Step};
use narumq_model::Time;

/// Who is to leave.
#[derive(Clone, Copy, Debug)]
pub struct Leaver<'a> {
    /// The id that the group gave it; empty to send a static member away by its instance id alone.
    pub member_id: &'a str,
    /// The id that its owner gave it, if it is a static member.
    pub instance_id: Option<&'a str>,
}

impl Group {
    /// Members leave the group, several at once; each has its own answer, in their order.
    ///
    /// A request of one that waits is answered with [`GroupRefusal::UnknownMember`]. Refuses all of them only with
    /// [`GroupRefusal::Dead`]. For a group that does not exist the door answers [`GroupRefusal::UnknownMember`].
    pub fn leave(
        &mut self,
        leavers: &[Leaver<'_>],
        now: Time,
        effects: &mut Vec<Effect>,
    ) -> Result<Vec<Result<(), GroupRefusal>>, GroupRefusal> {
        self.advance(now, effects);
        if self.state == GroupState::Dead {
            return Err(GroupRefusal::Dead);
        }
        let mut step = Step { now, effects };
        let before = self.members.len();
        let answers: Vec<_> = leavers.iter().map(|leaver| self.let_go(leaver, &mut step)).collect();
        if self.members.len() < before {
            self.after_departure(&mut step);
        } else {
            // Those who are missing may have been the ids that were given back.
            self.complete_if_all_joined(&mut step);
        }
        Ok(answers)
    }

    fn let_go(&mut self, leaver: &Leaver<'_>, step: &mut Step<'_>) -> Result<(), GroupRefusal> {
        if leaver.member_id.is_empty() {
            let member = leaver.instance_id.and_then(|instance| self.members.of_instance(instance)).cloned();
            self.dismiss(&member.ok_or(GroupRefusal::UnknownMember)?, step);
            return Ok(());
        }
        if self.pending.remove(leaver.member_id).is_some() {
            self.prune_sessions();
            return Ok(());
        }
        self.check_member(leaver.member_id, leaver.instance_id)?;
        self.dismiss(leaver.member_id, step);
        Ok(())
    }

    /// Takes a member out and tells whoever waits for it that it is not known any more. The caller sees to what
    /// follows.
    pub(super) fn dismiss(&mut self, id: &str, step: &mut Step<'_>) {
        let Some((member, joining)) = self.members.remove(id) else { return };
        if let Some(caller) = joining {
            step.joined(caller, Err(GroupRefusal::UnknownMember));
        }
        if let Some(caller) = member.syncing {
            step.synced(caller, Err(GroupRefusal::UnknownMember));
        }
        self.prune_sessions();
    }

    /// Somebody has gone: those who are left share its work.
    pub(super) fn after_departure(&mut self, step: &mut Step<'_>) {
        match self.state {
            GroupState::CompletingRebalance | GroupState::Stable => self.prepare(step),
            GroupState::PreparingRebalance => self.complete_if_all_joined(step),
            GroupState::Empty | GroupState::Dead => {}
        }
    }
}
