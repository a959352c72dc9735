//! A static member comes back without its id, as after a restart: it takes its own place.

use super::join::Arrival;
use super::{Group, GroupRefusal, GroupState, Joined, Step};
use narumq_model::Name;

impl Group {
    /// Whoever had the place is fenced. A stable group goes on in its generation unless another protocol would be
    /// chosen now.
    pub(super) fn replace(
        &mut self,
        before: &str,
        fresh: Name,
        arrival: Arrival,
        skip_assignment: bool,
        step: &mut Step<'_>,
    ) {
        let led_by = self.members.leader().cloned();
        let (joining, syncing) = self.members.rename(before, fresh.clone());
        if let Some(caller) = joining {
            step.joined(caller, Err(GroupRefusal::FencedInstance));
        }
        if let Some(caller) = syncing {
            step.synced(caller, Err(GroupRefusal::FencedInstance));
        }
        self.update(&fresh, arrival, step);
        self.expect_heartbeat(&fresh, step.now);
        match self.state {
            GroupState::Stable if self.protocol == self.members.vote() => {
                self.subscribed = self.subscription();
                self.persist(step);
                let answer = self.rejoined(&fresh, led_by, skip_assignment);
                if let Some(caller) = self.members.stop_waiting(&fresh) {
                    step.joined(caller, answer);
                }
            }
            // The leader may be making an assignment for the id that is no more.
            GroupState::Stable | GroupState::CompletingRebalance => self.prepare(step),
            GroupState::PreparingRebalance | GroupState::Empty | GroupState::Dead => self.complete_if_all_joined(step),
        }
    }

    /// A leader that cannot be told to skip the assignment is told that somebody else leads, by the id that is no more:
    /// what it would assign, nobody would get.
    fn rejoined(&self, id: &str, led_by: Option<Name>, skip_assignment: bool) -> Result<Joined, GroupRefusal> {
        let leads = skip_assignment && self.members.is_leader(id);
        let mut joined = self.joined(id, leads)?;
        joined.skip_assignment = leads;
        if !skip_assignment {
            joined.leader = led_by.unwrap_or(joined.leader);
        }
        Ok(joined)
    }
}
