//! Objects over a log as a broker keeps them: each with a lock, a State, and counts of what it wants in which file.

use super::ear::Ear;
use super::gate::Gate;
use super::history::{Change, History, Model, Origin};
use super::parts::Parts;
use super::restore::{Restore, Restoring, check_bodies};
use super::{Random, given};
use narumq_log::disk::Disk;
use narumq_log::{BodyPlace, Entry, FileUse, Kind, Log, OpenError, Options, varint};
use narumq_model::{Lsn, ObjectId, Seq, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

/// What an object holds: value, and its messages with the file each lies in.
#[derive(Default)]
pub struct ObjectState {
    pub value: u64,
    pub next: u64,
    pub live: BTreeMap<u64, (Origin, Arc<FileUse>)>,
    pub parts: Parts,
}

pub struct Object {
    pub id: ObjectId,
    pub state: Mutex<ObjectState>,
}

/// Why a world does not come up.
#[derive(Debug)]
pub enum WorldError {
    Open(OpenError),
    /// The log opened with something missing, added or changed.
    Wrong(String),
}

/// A log with objects over it and the history of both.
pub struct World {
    pub log: Arc<Log>,
    pub ear: Arc<Ear>,
    pub objects: Vec<Arc<Object>>,
    pub history: Arc<History>,
    pub gate: Arc<Gate>,
    /// How many entries recovery told one by one.
    pub found: usize,
    /// How often space may have become short or returned.
    pub space_changes: u64,
    /// A message that was put lately, and where its body lies.
    pub last: Mutex<Option<(Origin, BodyPlace)>>,
}

fn wrong(what: String) -> WorldError {
    WorldError::Wrong(what)
}

impl World {
    /// Opens the log and compares what it tells with the history, reads every message back, and starts.
    pub fn open(
        disk: &Arc<dyn Disk>,
        options: &Options,
        seed: u64,
        history: &Arc<History>,
        durable: &Arc<std::sync::atomic::AtomicU64>,
    ) -> Result<Self, WorldError> {
        let gate = Arc::<Gate>::default();
        let disk: Arc<dyn Disk> = gate.before(disk.clone());
        let mut restore = Restore::default();
        let log = Log::open(options.clone(), given(&disk, seed), Time(1), &mut restore).map_err(WorldError::Open)?;
        let end = log.ended().lsn;
        let told = durable.load(std::sync::atomic::Ordering::SeqCst);
        if end.0 < told {
            return Err(wrong(format!("{told} was told durable, the log ends at {end}")));
        }
        if let Some(what) = restore.wrong.first() {
            return Err(wrong(what.clone()));
        }
        restore.epochs.iter().for_each(|(lsn, epoch)| history.epoch_began(*lsn, *epoch));
        let expected = history.expected(end).map_err(WorldError::Wrong)?;
        let log = Arc::new(log);
        let ear = Arc::new(Ear::new(durable.clone()));
        *ear.log.lock().unwrap() = Some(log.clone());
        let ids: BTreeSet<ObjectId> = expected.keys().chain(restore.objects.keys()).copied().collect();
        let mut objects = BTreeMap::new();
        for id in ids {
            let model = expected.get(&id).cloned().unwrap_or_default();
            let object = bring_up(&log, id, &model, restore.objects.remove(&id).unwrap_or_default())?;
            objects.insert(id, Arc::new(object));
        }
        check_bodies(&log, objects.values()).map_err(WorldError::Wrong)?;
        history.settle(end, expected);
        let found = restore.kinds.len();
        *ear.objects.lock().unwrap() = objects.clone();
        log.start(ear.clone()).map_err(|e| wrong(e.to_string()))?;
        Ok(Self {
            log,
            ear,
            objects: objects.into_values().collect(),
            history: history.clone(),
            gate,
            found,
            space_changes: 0,
            last: Mutex::default(),
        })
    }

    /// The object with this id, made if it is not there.
    pub fn object(&mut self, id: u64) -> Arc<Object> {
        if let Some(object) = self.objects.iter().find(|o| o.id.0 == id) {
            return object.clone();
        }
        let first = self.log.epoch().0 << 40;
        let object = Arc::new(Object {
            id: ObjectId(id),
            state: Mutex::new(ObjectState { next: first, ..ObjectState::default() }),
        });
        self.ear.objects.lock().unwrap().insert(object.id, object.clone());
        self.objects.push(object.clone());
        object
    }

    /// Puts a message of this length into objects; they are given ascending.
    pub fn put(&self, objects: &[Arc<Object>], len: u32) -> Lsn {
        let mut states: Vec<MutexGuard<'_, ObjectState>> = objects.iter().map(|o| o.state.lock().unwrap()).collect();
        let targets: Vec<(ObjectId, u64)> = objects.iter().zip(&states).map(|(o, s)| (o.id, s.next)).collect();
        let origin = Origin { object: targets[0].0.0, seq: targets[0].1, len };
        let (data, body) = (origin.encode(), origin.body());
        let more: Vec<(ObjectId, Seq)> = targets[1..].iter().map(|(o, s)| (*o, Seq(*s))).collect();
        let mut place = None;
        let at = self.log.append_sharing(&[enqueue(targets[0], &more, &data, &body)], &mut place);
        *self.last.lock().unwrap() = place.map(|place| (origin, place));
        self.history.note(at.lsn, self.log.epoch(), Change::Put { targets: targets.clone(), origin });
        let file = self.log.file_use(at.file).expect("a file just appended to is known");
        for ((_, seq), state) in targets.iter().zip(&mut states) {
            file.add_live(1);
            state.live.insert(*seq, (origin, file.clone()));
            state.next = seq + 1;
        }
        at.lsn
    }

    /// Takes messages out of an object for good; those not there are left out.
    pub fn take(&self, object: &Object, seqs: &[u64]) -> Option<Lsn> {
        let mut state = object.state.lock().unwrap();
        let seqs: Vec<u64> = seqs.iter().copied().filter(|s| state.live.contains_key(s)).collect();
        if seqs.is_empty() {
            return None;
        }
        let at = self.log.append(&Entry::new(Kind::Remove, object.id, Time(7)).with_data(&numbers(&seqs)));
        self.history.note(at.lsn, self.log.epoch(), Change::Take { object: object.id, seqs: seqs.clone() });
        let gone: Vec<_> = seqs.iter().filter_map(|seq| state.live.remove(seq)).collect();
        drop(state);
        gone.iter().filter(|(_, file)| file.sub_live(1)).for_each(|_| self.log.look());
        Some(at.lsn)
    }

    /// Changes an object without a message.
    pub fn set(&self, object: &Object, value: u64) -> Lsn {
        let mut state = object.state.lock().unwrap();
        let at = self.log.append(&Entry::new(Kind::Define, object.id, Time(7)).with_data(&numbers(&[value])));
        self.history.note(at.lsn, self.log.epoch(), Change::Set { object: object.id, value });
        state.value = value;
        at.lsn
    }

    /// Moves the first message of one object to another in one group.
    pub fn shift(&self, from: &Object, to: &Object) -> Option<Lsn> {
        let (mut a, mut b);
        match from.id.cmp(&to.id) {
            std::cmp::Ordering::Equal => return None,
            std::cmp::Ordering::Less => (a, b) = (from.state.lock().unwrap(), to.state.lock().unwrap()),
            std::cmp::Ordering::Greater => {
                b = to.state.lock().unwrap();
                a = from.state.lock().unwrap();
            }
        }
        let (seq, (origin, old)) = a.live.pop_first()?;
        let (gone, data, body) = (numbers(&[seq]), origin.encode(), origin.body());
        let put = b.next;
        let at = self.log.append_group(&[
            Entry::new(Kind::Remove, from.id, Time(7)).with_data(&gone),
            enqueue((to.id, put), &[], &data, &body),
        ]);
        let first = Lsn(at.lsn.0 - 1);
        self.history.note(first, self.log.epoch(), Change::Take { object: from.id, seqs: vec![seq] });
        self.history.note(at.lsn, self.log.epoch(), Change::Put { targets: vec![(to.id, put)], origin });
        self.history.group(first, at.lsn);
        let file = self.log.file_use(at.file).expect("a file just appended to is known");
        file.add_live(1);
        b.live.insert(put, (origin, file));
        b.next += 1;
        drop((a, b));
        if old.sub_live(1) {
            self.log.look();
        }
        Some(at.lsn)
    }

    /// Does something at random; returns its LSN.
    pub fn step(&mut self, random: &mut Random, objects: u64, len_max: u64) -> Option<Lsn> {
        let first = 1 + random.below(objects);
        let object = self.object(first);
        let len = |random: &mut Random| match random.below(40) {
            0 => 0,
            1 => random.below(len_max * 8) as u32,
            _ => random.below(len_max) as u32,
        };
        match random.below(100) {
            0..50 => {
                let len = len(random);
                Some(self.put(&[object], len))
            }
            50..55 => {
                let more = (first..=objects).filter(|_| random.below(2) == 0).collect::<BTreeSet<_>>();
                let targets: Vec<_> = std::iter::once(first).chain(more).collect::<BTreeSet<_>>().into_iter().collect();
                let targets: Vec<_> = targets.into_iter().map(|id| self.object(id)).collect();
                let len = len(random);
                Some(self.put(&targets, len))
            }
            55..60 => self.put_again(random, objects),
            60..92 => {
                let live: Vec<u64> = object.state.lock().unwrap().live.keys().copied().collect();
                let mut gone: Vec<u64> = live.iter().take(random.below(8) as usize).copied().collect();
                if !live.is_empty() && random.below(4) == 0 {
                    gone.push(live[random.below(live.len() as u64) as usize]);
                    gone.sort_unstable();
                    gone.dedup();
                }
                self.take(&object, &gone)
            }
            92..96 => {
                let to = 1 + random.below(objects);
                let to = self.object(to);
                self.shift(&object, &to)
            }
            _ => Some(self.set(&object, random.next())),
        }
    }

    /// Numbers of the files in which a message is wanted.
    pub fn files(&self) -> BTreeSet<u64> {
        let of = |o: &Arc<Object>| o.state.lock().unwrap().live.values().map(|(_, f)| f.number()).collect::<Vec<_>>();
        self.objects.iter().flat_map(of).collect()
    }

    /// Waits until `lsn` is durable; false if the log has failed.
    pub fn sync(&self, lsn: Lsn) -> bool {
        self.log.want_sync(lsn);
        lsn <= self.log.durable() || self.ear.durable_or_failed(lsn)
    }

    /// Ends the log in order.
    pub fn close(self) {
        self.log.close(Time(9));
        *self.ear.log.lock().unwrap() = None;
        self.ear.check(self.space_changes);
    }

    /// Ends the log as a kill of the process does: what was written stays, nothing else happens.
    pub fn kill(self) {
        self.gate.kill();
        self.log.close(Time(9));
        *self.ear.log.lock().unwrap() = None;
        self.ear.check(self.space_changes);
    }
}

fn numbers(numbers: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    numbers.iter().for_each(|n| varint::put(&mut out, *n));
    out
}

pub fn enqueue<'a>(target: (ObjectId, u64), more: &'a [(ObjectId, Seq)], data: &'a [u8], body: &'a [u8]) -> Entry<'a> {
    let mut entry = Entry::new(Kind::Enqueue, target.0, Time(6)).with_data(data);
    (entry.seq, entry.more, entry.body) = (Seq(target.1), more, body);
    entry
}

/// Compares an object with its model and counts its messages in their files.
fn bring_up(log: &Log, id: ObjectId, model: &Model, found: Restoring) -> Result<Object, WorldError> {
    if let Some(missing) = found.missing {
        return Err(wrong(missing));
    }
    let seqs: BTreeSet<u64> = model.live.keys().copied().collect();
    if (found.value, &found.live) != (model.value, &seqs) {
        let lost: Vec<_> = seqs.difference(&found.live).collect();
        let added: Vec<_> = found.live.difference(&seqs).collect();
        let values = (found.value, model.value);
        return Err(wrong(format!("object {id}: lost {lost:?}, come back {added:?}, value found and set {values:?}")));
    }
    let mut live = BTreeMap::new();
    for (seq, origin) in &model.live {
        let file = found.places.get(seq).ok_or_else(|| wrong(format!("nothing tells where {id}/{seq} lies")))?;
        file.add_live(1);
        live.insert(*seq, (*origin, file.clone()));
    }
    let next = found.next.max(live.keys().last().map_or(0, |s| s + 1)).max(log.epoch().0 << 40);
    Ok(Object { id, state: Mutex::new(ObjectState { value: model.value, next, live, parts: found.parts }) })
}
