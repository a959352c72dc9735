//! The queues that a channel deals with, numbered, so that a delivery refers to one with four bytes.

use narumq_broker::QueueHandle;

/// Stands where a slot does for deliveries out of a topic: these are in no queue.
pub(crate) const STREAM: u32 = u32::MAX;

/// The queues that a channel deals with, by slot, as long as something refers to them.
#[derive(Debug, Default)]
pub(crate) struct QueueSlots {
    slots: Vec<Option<(QueueHandle, usize)>>,
}

impl QueueSlots {
    /// The slot of a queue, used once more.
    pub(crate) fn enter(&mut self, queue: &QueueHandle) -> u32 {
        let same = |slot: &Option<(QueueHandle, usize)>| slot.as_ref().is_some_and(|(q, _)| q.id() == queue.id());
        let at = self.slots.iter().position(same).unwrap_or_else(|| {
            let at = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
            if at == self.slots.len() {
                self.slots.push(None);
            }
            self.slots[at] = Some((queue.clone(), 0));
            at
        });
        self.again(at as u32);
        at as u32
    }

    /// A slot in use is used once more.
    #[inline]
    pub(crate) fn again(&mut self, slot: u32) {
        if let Some(Some((_, uses))) = self.slots.get_mut(slot as usize) {
            *uses += 1;
        }
    }

    /// The queue in a slot.
    pub(crate) fn get(&self, slot: u32) -> Option<&QueueHandle> {
        self.slots.get(slot as usize)?.as_ref().map(|(queue, _)| queue)
    }

    /// So many uses have ended.
    #[inline]
    pub(crate) fn leave(&mut self, slot: u32, count: usize) {
        let Some(place) = self.slots.get_mut(slot as usize) else { return };
        if let Some((_, uses)) = place {
            *uses -= count;
            if *uses == 0 {
                *place = None;
            }
        }
    }
}
