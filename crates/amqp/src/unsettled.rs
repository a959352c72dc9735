//! The deliveries of one channel that the client has not settled, by tag: nearly always settled in order.

use narumq_model::Seq;
use std::collections::VecDeque;

/// One delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unsettled {
    /// Its tag on the channel.
    pub(crate) tag: u64,
    /// Its number in its queue.
    pub(crate) seq: Seq,
    /// The channel's slot of the queue.
    pub(crate) queue: u32,
    /// The consumer's key; `None` for an answer to `basic.get`.
    pub(crate) consumer: Option<u32>,
}

/// The client spoke of a tag that it was not given, or has settled before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownTag;

/// Deliveries in the order of their tags. What is settled out of order leaves holes that go when they reach the front.
#[derive(Debug, Default)]
pub(crate) struct UnsettledDeliveries {
    entries: VecDeque<(Unsettled, bool)>,
    live: usize,
}

impl UnsettledDeliveries {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// One more; its tag is above all before.
    #[inline]
    pub(crate) fn push(&mut self, delivery: Unsettled) {
        self.live += 1;
        self.entries.push_back((delivery, true));
    }

    /// Takes the one with this tag.
    #[inline]
    pub(crate) fn take(&mut self, tag: u64) -> Result<Unsettled, UnknownTag> {
        let at = self.find(tag)?;
        let (delivery, live) = &mut self.entries[at];
        *live = false;
        let delivery = *delivery;
        self.live -= 1;
        while self.entries.pop_front_if(|(_, live)| !*live).is_some() {}
        if self.entries.len() > 2 * self.live + 64 {
            self.entries.retain(|(_, live)| *live);
        }
        Ok(delivery)
    }

    /// Takes all up to this tag, which must be there; all there are, if any, for tag 0.
    pub(crate) fn take_through(&mut self, tag: u64, into: &mut Vec<Unsettled>) -> Result<(), UnknownTag> {
        let end = if tag == 0 { self.entries.len() } else { self.find(tag)? + 1 };
        into.extend(self.entries.drain(..end).filter_map(|(delivery, live)| live.then_some(delivery)));
        self.live -= into.len();
        while self.entries.pop_front_if(|(_, live)| !*live).is_some() {}
        Ok(())
    }

    /// Puts back what was taken.
    pub(crate) fn put_back(&mut self, deliveries: impl IntoIterator<Item = Unsettled>) {
        let mut all: Vec<_> = self.entries.drain(..).filter(|(_, live)| *live).collect();
        all.extend(deliveries.into_iter().map(|delivery| (delivery, true)));
        all.sort_unstable_by_key(|(delivery, _)| delivery.tag);
        self.live = all.len();
        self.entries = all.into();
    }

    fn find(&self, tag: u64) -> Result<usize, UnknownTag> {
        let at = match self.entries.front() {
            Some((first, _)) if first.tag == tag => 0,
            _ => self.entries.partition_point(|(delivery, _)| delivery.tag < tag),
        };
        match self.entries.get(at) {
            Some((delivery, true)) if delivery.tag == tag => Ok(at),
            _ => Err(UnknownTag),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn delivery(tag: u64) -> Unsettled {
        Unsettled { tag, seq: Seq(tag * 10), queue: 0, consumer: None }
    }

    proptest! {
        #[test]
        fn it_behaves_as_a_set(steps in prop::collection::vec((0..4u8, 0..40u64), 0..200)) {
            let (mut deliveries, mut model, mut next) = (UnsettledDeliveries::default(), BTreeSet::new(), 1);
            for (what, tag) in steps {
                let mut taken = Vec::new();
                match what {
                    0 => {
                        deliveries.push(delivery(next));
                        model.insert(next);
                        next += 2;
                    }
                    1 => {
                        let found = deliveries.take(tag);
                        prop_assert_eq!(found.map(|d| d.seq.0 / 10).ok(), model.take(&tag));
                    }
                    2 => {
                        let known = tag == 0 || model.contains(&tag);
                        prop_assert_eq!(deliveries.take_through(tag, &mut taken).is_ok(), known);
                        let expected: Vec<u64> =
                            model.iter().copied().filter(|t| known && (tag == 0 || *t <= tag)).collect();
                        prop_assert_eq!(taken.iter().map(|d| d.tag).collect::<Vec<_>>(), expected);
                        model.retain(|t| !known || (tag != 0 && *t > tag));
                    }
                    _ => {
                        if let Ok(one) = deliveries.take(tag) {
                            deliveries.put_back([one]);
                        }
                    }
                }
                prop_assert_eq!(deliveries.len(), model.len());
            }
        }
    }
}
