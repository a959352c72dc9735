//! Wanted messages move out of a file that is mostly dead: which they are, and where they lie afterwards.

use super::QueueState;
use narumq_log::FileUse;
use narumq_model::SeqRange;
use std::sync::Arc;

impl QueueState {
    /// Wanted messages that lie in file `number`, ascending.
    pub(crate) fn live_in(&self, number: u64) -> Vec<SeqRange> {
        let spans: Vec<SeqRange> = self.places.spans_in(number).collect();
        if spans.is_empty() {
            return spans;
        }
        let live = self.journaled();
        spans.iter().flat_map(|span| within(&live, *span)).collect()
    }

    /// What is wanted of file `from` within `spans` has been copied into `to`.
    pub(crate) fn moved(&mut self, from: u64, to: &Arc<FileUse>, spans: &[SeqRange]) {
        let live = self.journaled();
        let count = |span| within(&live, span).map(|range| range.last.0 - range.first.0 + 1).sum();
        self.places.moved(from, to, spans, count);
    }
}

/// The parts of ascending `ranges` that lie within `span`.
fn within(ranges: &[SeqRange], span: SeqRange) -> impl Iterator<Item = SeqRange> + '_ {
    let from = ranges.partition_point(|r| r.last < span.first);
    let reached = ranges[from..].iter().take_while(move |r| r.first <= span.last);
    reached.map(move |r| SeqRange { first: r.first.max(span.first), last: r.last.min(span.last) })
}
