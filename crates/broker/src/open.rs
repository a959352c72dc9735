//! The broker comes up: what the log holds becomes vhosts, exchanges, queues, bindings and users.

use crate::Broker;
use crate::catalog::{CATALOG, Record, decode_part, decode_state, encode_state};
use crate::core::Core;
use crate::declare::ExchangeSpec;
use crate::event::Event;
use crate::parts::{FoundParts, Parts, state_of};
use crate::queue::Queue;
use crate::queue::restore::Restoring;
use crate::topology::Vhost;
use crate::turn::Turn;
use crate::users::{Account, Users};
use bytes::Bytes;
use narumq_log::disk::memory::MemoryDisk;
use narumq_log::{Ended, Entry, FileUse, Given, Head, Kind, Listener, Log, Options, ReadDone, Recover, Run, varint};
use narumq_model::{Durability, FormatId, Headers, Lsn, Name, ObjectId, Seq, SeqRange, Time};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak};

/// What a broker is made with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many workers will have sessions, 1 to 64.
    pub workers: u16,
    /// Largest message, in payload bytes.
    pub message_bytes_max: u64,
    /// Memory of ready messages beyond which publishers are held back, in bytes.
    pub memory_limit: u64,
    /// What positive answers promise where nothing narrower is said.
    pub durability: Durability,
    /// Exchanges that every vhost has from the beginning; the doors name them.
    pub given_exchanges: Vec<ExchangeSpec>,
    /// Reads the headers out of property bytes, for exchanges that route dead messages by them.
    pub headers_of: Option<fn(FormatId, &[u8]) -> Headers>,
    /// The vhost that is there from the beginning.
    pub default_vhost: Name,
    /// Salt of the first user's password.
    pub salt: [u8; 4],
}

impl Default for Settings {
    /// One worker, the vhost `/`, no exchanges, a salt of zeros: what tests begin with.
    fn default() -> Self {
        Self {
            workers: 1,
            message_bytes_max: narumq_model::limits::MESSAGE_BYTES_MAX,
            memory_limit: 1 << 30,
            durability: Durability::Fsync,
            given_exchanges: Vec::new(),
            headers_of: None,
            default_vhost: "/".into(),
            salt: [0; 4],
        }
    }
}

/// Why a broker does not come up.
#[derive(Debug)]
pub enum OpenError {
    /// The log does not open.
    Log(narumq_log::OpenError),
    /// An entry of the log cannot be read, although its checksum holds: it is of another version.
    Entry(Lsn),
    /// Messages of this queue that had been promised lie in no file that can be read: which, and how many in all.
    Lost(ObjectId, SeqRange, u64),
    /// The newest State of this object, written as this entry, lists a part that lies in no file that can be read.
    Part(ObjectId, Lsn),
    /// A thread cannot be started.
    Thread(std::io::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(error) => error.fmt(f),
            Self::Entry(lsn) => write!(f, "entry {lsn} of the log is of a version that this broker does not know"),
            Self::Lost(queue, first, count) => write!(
                f,
                "{count} messages of queue {queue} lie in no file of the log that can be read, the first from {} to {}",
                first.first, first.last
            ),
            Self::Part(object, lsn) => {
                write!(
                    f,
                    "a part of the State of object {object} (entry {lsn}) lies in no file of the log that can be read"
                )
            }
            Self::Thread(error) => write!(f, "cannot start a thread: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}

/// What has been read of the log.
#[derive(Default)]
struct Found {
    records: BTreeMap<Vec<u8>, Record>,
    queues: HashMap<ObjectId, Restoring>,
    covered: Lsn,
    next_object: u64,
    unreadable: Option<Lsn>,
    catalog: FoundParts,
    parts: Parts,
}

impl Found {
    /// Every message that should be there lies in a file.
    fn nothing_lost(&self) -> Result<(), OpenError> {
        let queues = self.records.values().filter_map(|record| match record {
            Record::Queue(_, definition) => self.queues.get_key_value(&definition.id),
            _ => None,
        });
        if let Some(lsn) = self.catalog.missing() {
            return Err(OpenError::Part(CATALOG, lsn));
        }
        for (id, queue) in queues {
            if let Some(lsn) = queue.incomplete() {
                return Err(OpenError::Part(*id, lsn));
            }
            if let Some((first, count)) = queue.lost() {
                return Err(OpenError::Lost(*id, first, count));
            }
        }
        Ok(())
    }
}

impl Recover for Found {
    fn state(&mut self, lsn: Lsn, head: &Head<'_>) {
        let object = head.entry.object;
        let read = if object == CATALOG {
            self.catalog_state(lsn, head)
        } else {
            self.queues.entry(object).or_default().state(lsn, head).then_some(())
        };
        if read.is_none() {
            self.unreadable.get_or_insert(lsn);
        }
    }

    fn run(&mut self, object: ObjectId, file: &Arc<FileUse>, run: &Run) {
        self.queues.entry(object).or_default().lies_in(file, run.first, run.last);
    }

    fn entry(&mut self, file: &Arc<FileUse>, lsn: Lsn, head: &Head<'_>) {
        let entry = &head.entry;
        let read = match entry.kind {
            Kind::Enqueue => {
                let bytes = head.body.map_or(0, |b| b.len).saturating_sub(entry.props_len.into());
                for (object, seq) in head.targets() {
                    let queue = self.queues.entry(object).or_default();
                    queue.enqueued(lsn, seq, entry, bytes);
                    queue.lies_in(file, seq, seq);
                }
                Some(())
            }
            Kind::Remove => self.queues.entry(entry.object).or_default().removed(lsn, entry.data).then_some(()),
            Kind::Count => self.counted(entry, lsn),
            Kind::State => {
                self.state(lsn, head);
                Some(())
            }
            Kind::Define | Kind::Delete if lsn > self.covered => self.catalog(entry, lsn),
            Kind::Define | Kind::Delete | Kind::EpochStart | Kind::EpochEnd | Kind::RoundDone => Some(()),
            _ => None,
        };
        if read.is_none() {
            self.unreadable.get_or_insert(lsn);
        }
    }
}

impl Found {
    fn catalog_state(&mut self, lsn: Lsn, head: &Head<'_>) -> Option<()> {
        if head.entry.part != 0 {
            self.catalog.take(head.entry.part, lsn, head.entry.data);
            return Some(());
        }
        let (next, mut records) = decode_state(head.entry.data)?;
        let (parts, data) = self.catalog.listed(lsn, &head.parts);
        for part in data {
            records.extend(decode_part(part)?);
        }
        self.parts = parts;
        self.covered = lsn;
        self.next_object = self.next_object.max(next);
        self.records = records.into_iter().map(|r| (r.key(), r)).collect();
        Some(())
    }

    fn counted(&mut self, entry: &Entry<'_>, lsn: Lsn) -> Option<()> {
        let mut at = 0;
        let mut number = || varint::get(entry.data, &mut at);
        let (seq, hand_overs, failures) = (number()?, u16::try_from(number()?).ok()?, u16::try_from(number()?).ok()?);
        self.queues.entry(entry.object).or_default().counted(lsn, Seq(seq), hand_overs, failures);
        Some(())
    }

    fn catalog(&mut self, entry: &Entry<'_>, _lsn: Lsn) -> Option<()> {
        let record = Record::decode(entry.data)?;
        let id = match &record {
            Record::Exchange(_, exchange) => exchange.id.0,
            Record::Queue(_, queue) => queue.id.0,
            _ => 0,
        };
        self.next_object = self.next_object.max(id + 1);
        if entry.kind == Kind::Define {
            self.records.insert(record.key(), record);
            return Some(());
        }
        self.records.remove(&record.key());
        // What leads from or to something deleted is deleted with it.
        let bound = |vhost: &Name, name: &Name, queue: bool| {
            let (vhost, name) = (vhost.clone(), name.clone());
            move |record: &Record| match record {
                Record::Binding(v, b) if *v == vhost => match &b.destination {
                    narumq_model::Destination::Queue(to) => queue && *to == name || !queue && b.source == name,
                    narumq_model::Destination::Exchange(to) => !queue && (*to == name || b.source == name),
                },
                _ => false,
            }
        };
        match &record {
            Record::Exchange(vhost, exchange) => {
                let gone = bound(vhost, &exchange.name, false);
                self.records.retain(|_, r| !gone(r));
            }
            Record::Queue(vhost, queue) => {
                let gone = bound(vhost, &queue.name, true);
                self.records.retain(|_, r| !gone(r));
                self.queues.remove(&queue.id);
            }
            _ => {}
        }
        Some(())
    }
}

impl Broker {
    /// Opens the log and brings up what it holds. Must be followed by nothing: the log's threads run when this returns.
    pub fn open(settings: Settings, options: Options, given: Given, now: Time) -> Result<Arc<Self>, OpenError> {
        let mut found = Found { next_object: CATALOG.0 + 1, ..Found::default() };
        let log = Arc::new(Log::open(options, given, now, &mut found).map_err(OpenError::Log)?);
        if let Some(lsn) = found.unreadable {
            return Err(OpenError::Entry(lsn));
        }
        found.nothing_lost()?;
        let core = Arc::new(Core::new(log.clone(), settings.workers));
        let broker = Arc::new(Self {
            core: core.clone(),
            vhosts: RwLock::default(),
            users: RwLock::default(),
            version: AtomicU64::new(1),
            next_object: AtomicU64::new(found.next_object),
            catalog: Mutex::new(std::mem::take(&mut found.parts)),
            catalog_lsn: AtomicU64::new(0),
            exclusive: Mutex::default(),
            registry: Default::default(),
            settings,
        });
        let mut turn = Turn::new(now.max(log.ended().time), None);
        core.note_time(turn.now);
        broker.bring_up(found, log.ended(), &mut turn);
        let told = Told { core: Arc::downgrade(&core), broker: OnceLock::from(Arc::downgrade(&broker)) };
        log.start(Arc::new(told)).map_err(OpenError::Thread)?;
        // Only now can anything be read.
        for queue in broker.core.all() {
            queue.lock().on_deadline(&queue, &broker.core, &mut turn);
        }
        broker.after(&mut turn);
        broker.end_turn(&mut turn);
        Ok(broker)
    }

    /// A broker on a disk in memory: for tests, and for those who want to keep nothing.
    pub fn in_memory(settings: Settings, options: Options) -> Result<Arc<Self>, OpenError> {
        let mut generation = 0;
        let random = Box::new(move || {
            generation += 1;
            generation
        });
        Self::open(settings, options, Given { disk: Arc::new(MemoryDisk::default()), random }, Time(1))
    }

    fn bring_up(&self, mut found: Found, ended: Ended, turn: &mut Turn) {
        let records: Vec<Record> = std::mem::take(&mut found.records).into_values().collect();
        let mut users = Users::default();
        for record in &records {
            match record {
                Record::Vhost(name) => self.enter_vhost(name.clone()),
                Record::User(_, opaque) => drop(Account::decode(opaque).map(|account| users.put(account))),
                _ => {}
            }
        }
        if self.vhost(&self.settings.default_vhost).is_none() {
            self.enter_vhost(self.settings.default_vhost.clone());
            let record = Record::Vhost(self.settings.default_vhost.clone());
            self.core.log.append(&Entry::new(Kind::Define, CATALOG, turn.now).with_data(&record.encode()));
        }
        if users.iter().len() == 0 {
            users = Users::with_guest(self.settings.salt);
            for account in users.iter() {
                let mut opaque = Vec::new();
                account.encode(&mut opaque);
                let record = Record::User(account.name().clone(), opaque);
                self.core.log.append(&Entry::new(Kind::Define, CATALOG, turn.now).with_data(&record.encode()));
            }
        }
        *self.users.write().unwrap_or_else(PoisonError::into_inner) = users;
        for record in records {
            self.bring_up_record(record, &mut found, ended, turn);
        }
    }

    /// Records come by tag: exchanges and queues before bindings.
    fn bring_up_record(&self, record: Record, found: &mut Found, ended: Ended, turn: &mut Turn) {
        match record {
            Record::Exchange(vhost, definition) => {
                if let Some(vhost) = self.vhost(&vhost) {
                    vhost.write().add_exchange(Arc::new(definition), false);
                }
            }
            Record::Queue(vhost, definition) => {
                let Some(vhost) = self.vhost(&vhost) else { return };
                let epoch = self.core.log.epoch();
                let first = Seq((epoch.0 << 40) + 1);
                let restoring = found.queues.remove(&definition.id);
                let queue = Arc::new(Queue::new(definition, vhost.name().clone(), None, first, turn.now));
                if let Some(restoring) = restoring {
                    restoring.finish(&queue, ended.clean, epoch);
                }
                self.core.enter(queue.clone());
                vhost.write().queues.insert(queue.definition.name.clone(), queue.clone());
            }
            Record::Binding(vhost, binding) => {
                let Some(vhost) = self.vhost(&vhost) else { return };
                let mut state = vhost.write();
                if let Some(source) = state.exchanges.get_mut(&binding.source) {
                    source.bindings.insert(binding.key, binding.arguments, binding.header_match, binding.destination);
                }
            }
            Record::Vhost(_) | Record::User(..) => {}
        }
    }

    pub(crate) fn enter_vhost(&self, name: Name) {
        let vhost = Vhost::new(name.clone());
        {
            let mut state = vhost.write();
            for spec in &self.settings.given_exchanges {
                state.add_exchange(Arc::new(spec.clone().define(ObjectId(0))), true);
            }
        }
        self.vhosts.write().unwrap_or_else(PoisonError::into_inner).insert(name, vhost);
    }

    /// Writes the State of the catalog: everything that outlives a restart.
    fn checkpoint_catalog(&self, now: Time, from: Lsn) {
        let mut catalog = self.catalog_lock();
        let mut records = Vec::new();
        for account in self.users.read().unwrap_or_else(PoisonError::into_inner).iter() {
            let mut opaque = Vec::new();
            account.encode(&mut opaque);
            records.push(Record::User(account.name().clone(), opaque));
        }
        for vhost in self.vhosts() {
            let name = vhost.name();
            let state = vhost.read();
            records.push(Record::Vhost(name.clone()));
            let exchanges = state.exchanges.values().filter(|e| e.definition.durable && !e.given);
            records.extend(exchanges.map(|e| Record::Exchange(name.clone(), e.definition.as_ref().clone())));
            let queues = state.queues.values().filter(|q| q.journaled);
            records.extend(queues.map(|q| Record::Queue(name.clone(), q.definition.clone())));
            let bindings = state.bindings().filter(|b| state.binding_outlives(b));
            records.extend(bindings.map(|b| Record::Binding(name.clone(), b)));
        }
        let next = self.next_object.load(std::sync::atomic::Ordering::Relaxed);
        let (root, parts) = encode_state(next, &records, catalog.numbers().count());
        catalog.write(&self.core.log, &state_of(CATALOG, now), from, &root, &parts);
    }
}

/// What the log tells, on its own threads.
struct Told {
    /// The core has the log, which has this: it must not keep the core in turn.
    core: Weak<Core>,
    broker: OnceLock<Weak<Broker>>,
}

impl Told {
    fn queue(&self, object: ObjectId) -> Option<(Arc<Core>, Arc<Queue>)> {
        let core = self.core.upgrade()?;
        let queue = core.queue(object)?;
        Some((core, queue))
    }

    fn broker(&self) -> Option<Arc<Broker>> {
        self.broker.get().and_then(Weak::upgrade)
    }
}

impl Listener for Told {
    fn durable(&self, _: Lsn) {
        if let Some(core) = self.core.upgrade() {
            core.mailboxes.wake_all();
        }
    }

    fn read_done(&self, done: ReadDone) {
        let (Some((core, queue)), Some(broker)) = (self.queue(done.object), self.broker()) else { return };
        let mut turn = Turn::new(core.time(), None);
        {
            let mut state = queue.lock();
            if !state.deleted {
                state.read_done(&queue, &core, &mut turn, done);
            }
        }
        broker.after(&mut turn);
        broker.end_turn(&mut turn);
    }

    fn scratch_done(&self, object: ObjectId, offset: u64, bytes: Result<Bytes, String>) {
        let (Some((core, queue)), Some(broker)) = (self.queue(object), self.broker()) else { return };
        let mut turn = Turn::new(core.time(), None);
        {
            let mut state = queue.lock();
            if !state.deleted {
                state.scratch_done(&queue, &core, &mut turn, offset, bytes);
            }
        }
        broker.after(&mut turn);
        broker.end_turn(&mut turn);
    }

    fn failed(&self, why: &str) {
        if let Some(failed) = self.broker().and_then(|b| b.core.on_failure.get().map(Arc::clone)) {
            failed(why);
        }
        if let Some(core) = self.core.upgrade() {
            core.mailboxes.wake_all();
        }
    }

    fn checkpoint(&self, object: ObjectId, from: Lsn) -> bool {
        let (Some(broker), Some(core)) = (self.broker(), self.core.upgrade()) else { return false };
        if object == CATALOG {
            broker.checkpoint_catalog(core.time(), from);
        } else if let Some(queue) = core.queue(object) {
            let mut state = queue.lock();
            if !state.deleted {
                state.log_gone(&queue, &core, &mut Turn::new(core.time(), None));
                state.checkpoint(&queue, &core, core.time(), from);
            }
        }
        true
    }

    fn live(&self, object: ObjectId, file: u64) -> Vec<SeqRange> {
        self.queue(object).map_or_else(Vec::new, |(core, queue)| {
            let mut state = queue.lock();
            if state.deleted {
                return Vec::new();
            }
            // Whoever asks relies on the log for what is not wanted any more.
            state.log_gone(&queue, &core, &mut Turn::new(core.time(), None));
            state.live_in(file)
        })
    }

    fn moved(&self, object: ObjectId, from: u64, to: &Arc<FileUse>, spans: &[SeqRange]) {
        if let Some((core, queue)) = self.queue(object) {
            let mut state = queue.lock();
            if !state.deleted {
                // What is gone counts in its file until the log is told.
                state.log_gone(&queue, &core, &mut Turn::new(core.time(), None));
                state.moved(from, to, spans);
            }
        }
    }
}

impl Broker {
    /// Names who is told, once, if the log ends for good.
    pub fn on_failure(&self, tell: Arc<dyn Fn(&str) + Send + Sync>) {
        let _ = self.core.on_failure.set(tell);
    }

    /// Tells every session the same, by ids that the network layer knows.
    pub fn tell_all(&self, sessions: &[narumq_model::SessionId], event: &Event, turn: &mut Turn) {
        sessions.iter().for_each(|id| self.core.mailboxes.post(*id, event.clone(), turn));
    }
}
