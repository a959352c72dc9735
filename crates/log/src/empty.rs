//! Emptying a file that is mostly dead: what is still wanted is copied into the survivor file, off the writer's path.
//!
//! Nothing is locked while bytes are copied: they never change. What a message's owner drops meanwhile is copied in vain.
//! When the copies are synced each owner is told where its messages lie now; the source dies like any other file.

use crate::body::{BodyAt, BodyPlace};
use crate::chunk::{BLOCK, ChunkHeader};
use crate::config::Listener;
use crate::entry::Entry;
use crate::entry::head::Head;
use crate::files::{FileUse, LogFile};
use crate::index::FileIndex;
use crate::reader::{read_bodies, read_heads};
use crate::shared::Shared;
use crate::survivor::Survivor;
use narumq_model::{Lsn, ObjectId, Seq, SeqRange};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What one object wants of a file.
struct Wanted {
    ranges: Vec<SeqRange>,
    /// The spans of its runs there.
    runs: Vec<SeqRange>,
}

/// What is wanted of a file.
pub(crate) struct Plan {
    source: LogFile,
    index: Arc<FileIndex>,
    wanted: HashMap<ObjectId, Wanted>,
    /// Wanted heads: place of the chunk, offset of the head.
    heads: Vec<(u32, u32)>,
    /// Bytes that copies of them take.
    pub(crate) bytes: u64,
}

fn contains(ranges: &[SeqRange], seq: Seq) -> bool {
    let at = ranges.partition_point(|r| r.last < seq);
    ranges.get(at).is_some_and(|r| r.first <= seq)
}

impl Plan {
    /// Asks the owners what they still want and finds it in the file's heads; no body is read.
    pub(crate) fn make(shared: &Shared, listener: &dyn Listener, used: &FileUse) -> io::Result<Option<Self>> {
        let Some(source) = shared.files.get(used.number()) else { return Ok(None) };
        let index = shared.files.index(&source)?;
        let mut wanted: HashMap<ObjectId, Wanted> = HashMap::new();
        for (object, run) in index.objects().filter(|(_, run)| run.count > 0) {
            let ranges = || listener.live(object, used.number());
            let of = wanted.entry(object).or_insert_with(|| Wanted { ranges: ranges(), runs: Vec::new() });
            of.runs.push(SeqRange { first: run.first, last: run.last });
        }
        wanted.retain(|_, of| !of.ranges.is_empty());
        wanted.values_mut().for_each(|of| of.runs.sort_unstable());
        let mut plan = Self { source, index, wanted, heads: Vec::new(), bytes: 0 };
        plan.find()?;
        Ok(Some(plan))
    }

    fn find(&mut self) -> io::Result<()> {
        let mut last = BodyAt::default();
        for (chunk, at) in self.index.chunks.iter().enumerate() {
            let start = u64::from(at.block) * BLOCK as u64;
            let Some((header, heads)) = read_heads(self.source.file.as_ref(), start)? else {
                // What cannot be read stays where it is: copying comes by here and ends its spans.
                self.heads.push((chunk as u32, 0));
                continue;
            };
            let mut at = 0;
            while at < heads.len() {
                let head_at = at;
                let Some(head) = Head::read(&heads, &mut at, header.base_time) else { break };
                if head.entry.kind.has_message_body() && self.targets(&head).next().is_some() {
                    self.heads.push((chunk as u32, head_at as u32));
                    let bodies = start + u64::from(header.bodies_off);
                    let body = head.body.and_then(|b| b.in_file(bodies, header.body_len)).unwrap_or_default();
                    self.bytes += (at - head_at) as u64 + if body == last { 0 } else { body.len };
                    last = body;
                }
            }
        }
        Ok(())
    }

    /// Who still wants a message.
    fn targets<'a>(&'a self, head: &'a Head<'_>) -> impl Iterator<Item = (ObjectId, Seq)> + 'a {
        head.targets().filter(|(object, seq)| self.wanted.get(object).is_some_and(|of| contains(&of.ranges, *seq)))
    }

    /// First sequence of the source's run that a message stands in.
    fn origin(&self, object: ObjectId, seq: Seq) -> u64 {
        let Some(of) = self.wanted.get(&object) else { return 0 };
        of.runs.get(of.runs.partition_point(|run| run.last < seq)).map_or(0, |run| run.first.0)
    }

    /// Copies everything wanted. `survivor` is the file being written; those that were filled on the way go to `full`.
    pub(crate) fn carry_out(
        &self,
        shared: &Shared,
        listener: &dyn Listener,
        survivor: &mut Option<Survivor>,
        full: &mut Vec<Arc<FileUse>>,
    ) -> io::Result<()> {
        let mut copy =
            Copy { plan: self, shared, listener, survivor, full, spans: BTreeMap::new(), part: 0, last: None };
        if let Some(survivor) = copy.survivor {
            survivor.end_runs();
        }
        let mut at = 0;
        while at < self.heads.len() && !shared.ending.load(Ordering::Acquire) {
            let chunk = self.heads[at].0;
            let same = self.heads[at..].iter().take_while(|(c, _)| *c == chunk).count();
            copy.chunk(chunk, &self.heads[at..at + same])?;
            at += same;
        }
        copy.commit()
    }
}

/// What was copied of one object, with the part and the run of the source that it belongs to.
type Span = (SeqRange, (u64, u64));

struct Copy<'a> {
    plan: &'a Plan,
    shared: &'a Shared,
    listener: &'a dyn Listener,
    survivor: &'a mut Option<Survivor>,
    full: &'a mut Vec<Arc<FileUse>>,
    /// What was copied since the last commit: spans with the part and the run of the source that each belongs to.
    spans: BTreeMap<ObjectId, Vec<Span>>,
    /// Counts up wherever a span must end.
    part: u64,
    /// The body copied last: where it lay and where its copy lies. Heads that share one are copied one after the other.
    last: Option<(BodyAt, BodyPlace)>,
}

impl Copy<'_> {
    fn chunk(&mut self, chunk: u32, heads: &[(u32, u32)]) -> io::Result<()> {
        let plan = self.plan;
        let Some(at) = plan.index.chunks.get(chunk as usize) else { return Ok(()) };
        let start = u64::from(at.block) * BLOCK as u64;
        let Some((header, front)) = read_heads(plan.source.file.as_ref(), start)? else {
            self.gap();
            return Ok(());
        };
        let bodies = start + u64::from(header.bodies_off);
        let mut metas = Vec::with_capacity(heads.len());
        for ((_, head_at), lsn) in heads.iter().zip(lsns(&front, &header, heads)) {
            let Some(head) = Head::read(&front, &mut (*head_at as usize), header.base_time) else { continue };
            let body = head.body.unwrap_or_default().in_file(bodies, header.body_len).unwrap_or(BodyAt::NOWHERE);
            metas.push(((head, lsn, body), body));
        }
        read_bodies(&plan.source, metas, &mut |(head, lsn, at), body| match body {
            Some(body) => self.message(&head, lsn, at, &body),
            None => {
                // Damaged: it stays where it is and stands in no span.
                self.gap();
                Ok(())
            }
        })
    }

    fn message(&mut self, head: &Head<'_>, lsn: Lsn, at: BodyAt, body: &[u8]) -> io::Result<()> {
        let targets: Vec<(ObjectId, Seq)> = self.plan.targets(head).collect();
        let Some(((object, seq), more)) = targets.split_first() else { return Ok(()) };
        let entry = Entry { object: *object, seq: *seq, more, lsn, body, ..head.entry };
        let bound = entry.size_bound();
        if self.survivor.as_ref().is_some_and(|s| !s.fits(bound)) {
            self.commit()?;
            if let Some(full) = self.survivor.take() {
                self.full.push(full.seal(self.shared)?);
            }
        }
        let survivor = match self.survivor {
            Some(survivor) => survivor,
            None => self.survivor.insert(Survivor::create(self.shared, bound as u64)?),
        };
        let origins: Vec<u64> = targets.iter().map(|(object, seq)| self.plan.origin(*object, *seq)).collect();
        let known = self.last.filter(|(of, _)| *of == at).map(|(_, place)| place);
        let place = survivor.push(self.shared, &entry, (at.crc, known), &origins)?;
        self.last = place.map(|place| (at, place));
        for ((object, seq), origin) in targets.iter().zip(origins) {
            let part = (self.part, origin);
            let spans = self.spans.entry(*object).or_default();
            match spans.last_mut() {
                Some((span, of)) if *of == part && span.last < *seq => span.last = *seq,
                _ => spans.push((SeqRange::one(*seq), part)),
            }
        }
        Ok(())
    }

    fn gap(&mut self) {
        self.part += 1;
        if let Some(survivor) = self.survivor {
            survivor.end_runs();
        }
    }

    /// Makes the copies durable, then tells the owners.
    fn commit(&mut self) -> io::Result<()> {
        let Some(survivor) = self.survivor.as_mut().filter(|_| !self.spans.is_empty()) else { return Ok(()) };
        survivor.commit(self.shared)?;
        for (object, spans) in std::mem::take(&mut self.spans) {
            let mut spans: Vec<SeqRange> = spans.into_iter().map(|(span, _)| span).collect();
            spans.sort_unstable();
            self.listener.moved(object, self.plan.source.used.number(), &survivor.file.used, &spans);
        }
        Ok(())
    }
}

/// The LSNs of these heads of a chunk: by their place among all heads, unless they carry them.
fn lsns(all: &[u8], header: &ChunkHeader, heads: &[(u32, u32)]) -> Vec<Lsn> {
    let mut found = Vec::with_capacity(heads.len());
    let (mut at, mut lsn) = (0, header.first_lsn);
    let mut wanted = heads.iter().map(|(_, at)| *at as usize).peekable();
    while at < all.len() && wanted.peek().is_some() {
        let here = at;
        let Some(head) = Head::read(all, &mut at, header.base_time) else { break };
        if wanted.next_if_eq(&here).is_some() {
            found.push(if head.entry.lsn == Lsn(0) { lsn } else { head.entry.lsn });
        }
        lsn = lsn.next();
    }
    found
}
