//! What a log tells when it is opened, put together as `Recover` says, and its messages read back.

use super::history::Origin;
use super::parts::{Parts, read_numbers};
use super::world::Object;
use narumq_log::{FileUse, Head, Kind, Log, ReadRequest, Recover, Run, StoredMessage, Walk, varint};
use narumq_model::{Epoch, Lsn, ObjectId, Seq, SeqRange};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An object while the log is read.
#[derive(Debug, Default)]
pub struct Restoring {
    covered: Lsn,
    pub value: u64,
    pub next: u64,
    pub live: BTreeSet<u64>,
    pub places: BTreeMap<u64, Arc<FileUse>>,
    pub parts: Parts,
    /// A part that the newest root lists and that was not told.
    pub missing: Option<String>,
    found: BTreeMap<(u64, Lsn), Vec<u8>>,
}

/// What a log told when it was opened, put together as `Recover` says.
#[derive(Debug, Default)]
pub struct Restore {
    pub objects: BTreeMap<ObjectId, Restoring>,
    pub kinds: Vec<(Lsn, Kind)>,
    /// Where epochs began.
    pub epochs: Vec<(Lsn, Epoch)>,
    pub wrong: Vec<String>,
}

impl Restore {
    fn lies(&mut self, object: ObjectId, seq: u64, file: &Arc<FileUse>) {
        let before = self.objects.entry(object).or_default().places.insert(seq, file.clone());
        // A copied message is told where it lay and then where it lies.
        if let Some(old) = before.filter(|old| !file.is_survivor() || old.number() >= file.number()) {
            self.wrong.push(format!("{object}/{seq} lies in {} and in {}", old.number(), file.number()));
        }
    }
}

impl Recover for Restore {
    fn state(&mut self, lsn: Lsn, head: &Head<'_>) {
        let entry = &head.entry;
        let restoring = self.objects.entry(entry.object).or_default();
        if entry.part != 0 {
            restoring.found.insert((entry.part, lsn), entry.data.to_vec());
            return;
        }
        let mut at = 0;
        let mut number = || varint::get(entry.data, &mut at).expect("a State is whole");
        (restoring.covered, restoring.value, restoring.next) = (lsn, number(), number());
        restoring.live = read_numbers(entry.data, &mut at).into_iter().collect();
        restoring.found.retain(|place, _| head.parts.contains(place));
        restoring.parts.clear();
        restoring.missing = None;
        for (part, lsn) in &head.parts {
            let Some(content) = restoring.found.get(&(*part, *lsn)) else {
                restoring.missing = Some(format!("part {part} of {}, entry {lsn}, is missing", entry.object));
                continue;
            };
            restoring.live.extend(read_numbers(content, &mut 0));
            restoring.parts.insert(*part, (*lsn, content.clone()));
        }
    }

    fn run(&mut self, object: ObjectId, file: &Arc<FileUse>, run: &Run) {
        let mut walk = Walk::default();
        while let Some(position) = run.next(&mut walk) {
            self.lies(object, position.seq.0, file);
        }
    }

    fn entry(&mut self, file: &Arc<FileUse>, lsn: Lsn, head: &Head<'_>) {
        let entry = &head.entry;
        if self.kinds.last().is_some_and(|(last, _)| last.next() != lsn) {
            self.wrong.push(format!("entry {lsn} does not follow {:?}", self.kinds.last()));
        }
        self.kinds.push((lsn, entry.kind));
        match entry.kind {
            Kind::Enqueue => head.targets().for_each(|(object, seq)| {
                self.lies(object, seq.0, file);
                let restoring = self.objects.entry(object).or_default();
                if lsn > restoring.covered {
                    restoring.live.insert(seq.0);
                    restoring.next = restoring.next.max(seq.0 + 1);
                }
            }),
            Kind::EpochStart => self.epochs.push((lsn, Epoch(varint::get(entry.data, &mut 0).expect("an epoch")))),
            Kind::State => self.state(lsn, head),
            Kind::Remove | Kind::Define => {
                let restoring = self.objects.entry(entry.object).or_default();
                if lsn > restoring.covered {
                    let mut at = 0;
                    while at < entry.data.len() {
                        let n = varint::get(entry.data, &mut at).expect("a number");
                        match entry.kind {
                            Kind::Remove => drop(restoring.live.remove(&n)),
                            _ => restoring.value = n,
                        }
                    }
                }
            }
            _ => {}
        }
    }
}

/// Reads every message of these objects, file by file; again if one was emptied meanwhile.
pub fn check_bodies<'a>(log: &Log, objects: impl Iterator<Item = &'a Arc<Object>> + Clone) -> Result<(), String> {
    loop {
        match read_bodies(log, objects.clone()) {
            Err(what) if what.contains("the file is gone") => {}
            result => return result,
        }
    }
}

fn read_bodies<'a>(log: &Log, objects: impl Iterator<Item = &'a Arc<Object>>) -> Result<(), String> {
    let mut by_file: BTreeMap<(u64, ObjectId), BTreeMap<u64, Origin>> = BTreeMap::new();
    for object in objects {
        for (seq, (origin, file)) in &object.state.lock().unwrap().live {
            by_file.entry((file.number(), object.id)).or_default().insert(*seq, *origin);
        }
    }
    for ((file, id), messages) in by_file {
        let seqs: Vec<u64> = messages.keys().copied().collect();
        for message in read_all(log, id, file, &seqs)? {
            check_message(id, &message, messages.get(&message.seq.0).copied())?;
        }
    }
    Ok(())
}

/// Whether a message that was read is the one of this origin, body and all.
pub fn check_message(id: ObjectId, message: &StoredMessage, origin: Option<Origin>) -> Result<(), String> {
    let name = format!("{id}/{}", message.seq);
    let read = Origin::decode(&message.data);
    if origin.is_none() || read != origin {
        return Err(format!("{name} names the origin {read:?}, not {origin:?}"));
    }
    let body = message.body.as_deref().ok_or_else(|| format!("{name} has a damaged body"))?;
    (Some(body) == origin.map(|o| o.body()).as_deref()).then_some(()).ok_or_else(|| format!("{name} has another body"))
}

/// Reads these messages of one file, walk after walk.
pub fn read_all(log: &Log, object: ObjectId, file: u64, seqs: &[u64]) -> Result<Vec<StoredMessage>, String> {
    let mut wanted: Vec<SeqRange> = seqs.iter().map(|s| SeqRange::one(Seq(*s))).collect();
    let mut messages = Vec::new();
    let mut walk = Walk::default();
    while !wanted.is_empty() {
        let request = ReadRequest { object, file, wanted: wanted.clone(), bytes_max: 4096, walk };
        let done = log.read_now(&request);
        if let Some(error) = done.error {
            return Err(format!("file {file}, object {object}: {error}"));
        }
        let through = done.through.ok_or_else(|| format!("file {file}, object {object}: nothing was looked for"))?;
        wanted.retain(|range| range.last > through);
        messages.extend(done.messages);
        walk = done.walk;
    }
    if messages.iter().map(|m| m.seq.0).ne(seqs.iter().copied()) {
        let got: Vec<u64> = messages.iter().map(|m| m.seq.0).collect();
        return Err(format!("file {file}, object {object}: wanted {seqs:?}, read {got:?}"));
    }
    Ok(messages)
}
