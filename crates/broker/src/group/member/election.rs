//! Who leads, and which protocol is chosen.

use super::{Member, Members};
use narumq_model::Name;
use std::collections::BTreeMap;

impl Members {
    pub(in crate::group) fn leader(&self) -> Option<&Name> {
        self.leader.as_ref()
    }

    pub(in crate::group) fn is_leader(&self, id: &str) -> bool {
        self.leader.as_deref() == Some(id)
    }

    /// Whether all of them support a protocol. Where there is nobody, anything is supported.
    pub(in crate::group) fn support(&self, protocol: &str) -> bool {
        self.support.get(protocol).copied().unwrap_or(0) == self.by_id.len()
    }

    /// Makes sure that the leader waits for the next generation: if it does not, whoever came first of those who do
    /// leads. False if nobody waits.
    pub(in crate::group) fn elect(&mut self) -> bool {
        let waits = self.leader.as_ref().and_then(|id| self.by_id.get(id)).is_some_and(Member::is_joining);
        if !waits {
            let first = self.iter().filter(|m| m.is_joining()).min_by_key(|m| m.arrival).map(|m| m.id.clone());
            let Some(first) = first else { return false };
            self.leader = Some(first);
        }
        true
    }

    /// Appoints the leader, who must be one of them.
    pub(in crate::group) fn appoint(&mut self, leader: &Name) {
        self.leader = Some(leader.clone());
    }

    /// The protocol with the most votes: each votes for the first of its own that all support. Of two with as many
    /// votes the one that the leader prefers. `None` if there is nobody.
    pub(in crate::group) fn vote(&self) -> Option<Name> {
        let leader = self.by_id.get(self.leader.as_ref()?)?;
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.iter() {
            if let Some(vote) = member.protocols.iter().find(|p| self.support(&p.name)) {
                *votes.entry(&vote.name).or_insert(0) += 1;
            }
        }
        let most = votes.values().copied().max()?;
        leader.protocols.iter().find(|p| votes.get(&*p.name) == Some(&most)).map(|p| p.name.clone())
    }
}
