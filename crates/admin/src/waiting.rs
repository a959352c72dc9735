//! Requests whose answer takes a while: for bodies on the disk, for records that are to come.

use crate::Shared;
use crate::commands::Answer;
use crate::error::Problem;
use crate::limits::GET_MS;
use narumq_door::Context;
use narumq_model::{Lsn, SessionId};

/// A request under way. It is looked at again at each `Ready` and, where it waits for one, each sync.
pub(crate) trait Waiting: Send {
    /// Goes on. `None`: an event will say when to go on.
    fn advance(&mut self, shared: &Shared, session: SessionId, cx: &mut Context<'_>)
    -> Result<Option<Answer>, Problem>;

    /// Nobody will see the answer, or it has been given: gives back what is held.
    fn give_back(&mut self, _session: SessionId, _cx: &mut Context<'_>) {}

    /// How long it may wait, in milliseconds.
    fn patience_ms(&self) -> u64 {
        GET_MS
    }

    /// It has waited so long: what it says then.
    fn late(&mut self) -> Result<Answer, Problem> {
        Err(Problem::Unavailable("messages could not be read in time".into()))
    }

    /// What must be durable before there can be more; `None` = nothing.
    fn waits_for(&self) -> Option<Lsn> {
        None
    }
}
