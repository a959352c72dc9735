//! Wanted messages move out of a file that is mostly dead: copied into the running file, under the queue's lock.

use super::{Queue, QueueState};
use crate::core::Core;
use narumq_log::{Entry, Kind, StoredMessage};
use narumq_model::SeqRange;

impl QueueState {
    /// Appends copies of those of `messages`, ascending and all out of file `from`, that are still wanted there.
    pub(crate) fn relocate(&mut self, queue: &Queue, core: &Core, from: u64, messages: &[StoredMessage]) {
        let (Some(first), Some(last)) = (messages.first(), messages.last()) else { return };
        let live = self.live(SeqRange { first: first.seq, last: last.seq });
        let mut emptied = false;
        for message in messages {
            let at = live.partition_point(|range| range.last < message.seq);
            let wanted = live.get(at).is_some_and(|range| range.contains(message.seq))
                && self.places.find(message.seq).is_some_and(|(file, _)| file == from);
            let Some(body) = message.body.as_deref().filter(|_| wanted) else { continue };
            let mut entry = Entry::new(Kind::Enqueue, queue.id(), message.time).with_data(&message.data);
            entry.seq = message.seq;
            entry.priority = message.priority;
            entry.expires_at = message.expires_at;
            entry.visible_at = message.visible_at;
            entry.format = message.format;
            entry.props_len = message.props_len;
            entry.body = body;
            let appended = core.log.append(&entry);
            emptied |= self.places.relocate(message.seq, appended.file, || core.log.file_use(appended.file));
        }
        if emptied {
            core.log.look();
        }
    }
}
