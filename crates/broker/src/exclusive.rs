//! Exclusive queues: they belong to one connection and go with it.

use crate::Broker;
use crate::core::lock;
use crate::queue::Queue;
use crate::turn::Turn;
use narumq_model::{Lsn, SessionId};
use std::sync::Arc;

impl Broker {
    /// The connection is gone: its exclusive queues go. Returns the LSN that makes it durable.
    pub fn close_session(&self, session: SessionId, turn: &mut Turn) -> Lsn {
        let owned = lock(&self.exclusive).remove(&session).unwrap_or_default();
        let mut lsn = Lsn(0);
        for queue in owned {
            let Some(vhost) = self.vhost(&queue.vhost) else { continue };
            let _catalog = self.catalog_lock();
            let mut state = vhost.write();
            if state.queues.get(&queue.definition.name).is_some_and(|q| Arc::ptr_eq(q, &queue)) {
                lsn = lsn.max(self.remove_queue(&vhost, &mut state, &queue, turn).1);
            }
        }
        self.after(turn);
        lsn
    }

    pub(crate) fn own(&self, session: SessionId, queue: Arc<Queue>) {
        lock(&self.exclusive).entry(session).or_default().push(queue);
    }

    pub(crate) fn disown(&self, queue: &Arc<Queue>) {
        if let Some(owner) = queue.owner
            && let Some(owned) = lock(&self.exclusive).get_mut(&owner)
        {
            owned.retain(|q| !Arc::ptr_eq(q, queue));
        }
    }
}
