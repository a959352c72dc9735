//! A message that was put before is put into further objects: their heads share its body.

use super::Random;
use super::history::Change;
use super::world::{Object, World, enqueue};
use narumq_model::Lsn;
use std::collections::BTreeSet;
use std::sync::Arc;

impl World {
    /// Puts the last message again, into up to three objects of the first `objects`, each with a head of its own.
    pub fn put_again(&mut self, random: &mut Random, objects: u64) -> Option<Lsn> {
        let ids: BTreeSet<u64> = (0..=random.below(3)).map(|_| 1 + random.below(objects)).collect();
        let targets: Vec<Arc<Object>> = ids.into_iter().map(|id| self.object(id)).collect();
        let (origin, place) = (*self.last.lock().unwrap())?;
        let (data, body, mut known) = (origin.encode(), origin.body(), Some(place));
        let mut states: Vec<_> = targets.iter().map(|o| o.state.lock().unwrap()).collect();
        let entries: Vec<_> =
            targets.iter().zip(&states).map(|(o, state)| enqueue((o.id, state.next), &[], &data, &body)).collect();
        let at = self.log.append_sharing(&entries, &mut known);
        *self.last.lock().unwrap() = known.map(|place| (origin, place));
        let first = Lsn(at.lsn.0 + 1 - entries.len() as u64);
        let file = self.log.file_use(at.file).expect("a file just appended to is known");
        for (n, (object, state)) in targets.iter().zip(&mut states).enumerate() {
            let targets = vec![(object.id, state.next)];
            self.history.note(Lsn(first.0 + n as u64), self.log.epoch(), Change::Put { targets, origin });
            file.add_live(1);
            let seq = state.next;
            state.live.insert(seq, (origin, file.clone()));
            state.next += 1;
        }
        self.history.group(first, at.lsn);
        Some(at.lsn)
    }
}
