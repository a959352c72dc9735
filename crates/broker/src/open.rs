//! The broker comes up: what the log holds becomes vhosts, exchanges, queues, bindings and users.

mod bring_up;
mod found;
mod told;

use crate::Broker;
use crate::core::Core;
use crate::declare::exchanges::ExchangeSpec;
use crate::declare::topics::StreamForm;
use crate::dialect::Dialects;
use crate::event::Event;
use crate::group::GroupSettings;
use crate::topic::PartitionSettings;
use crate::topic::restore::remove_now;
use crate::turn::Turn;
use found::Found;
use narumq_log::disk::memory::MemoryDisk;
use narumq_log::{Given, Log, Options};
use narumq_model::{Durability, FormatId, Lsn, Name, ObjectId, SeqRange, Time};
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use told::Told;

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
    /// The settings of topics.
    pub topics: PartitionSettings,
    /// How the core reads the batches and messages of each format.
    pub dialects: Dialects,
    /// What a topic is made of that is declared as a stream, through a door that has no topics of its own.
    pub streams: Option<StreamForm>,
    /// The settings of groups.
    pub groups: Arc<GroupSettings>,
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
            dialects: Dialects::default(),
            streams: None,
            groups: Arc::default(),
            topics: PartitionSettings::default(),
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
    /// Batches of this partition that had been promised, from this offset on, lie in no file that can be read.
    LostBatches(ObjectId, u64),
    /// A segment of this partition cannot be read.
    Segment(ObjectId, std::io::Error),
    /// What is kept of this group cannot be read.
    Group(Name),
    /// A topic keeps batches of a format that no door of this broker knows.
    Format(Name, FormatId),
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
            Self::LostBatches(partition, offset) => {
                write!(f, "batches of partition {partition} from offset {offset} on lie in no file that can be read")
            }
            Self::Segment(partition, error) => write!(f, "segments of partition {partition}: {error}"),
            Self::Group(name) => write!(f, "what is kept of group {name} cannot be read"),
            Self::Format(topic, format) => {
                write!(f, "topic {topic} keeps batches of format {format}, which this broker does not know")
            }
            Self::Thread(error) => write!(f, "cannot start a thread: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}

impl Broker {
    /// Opens the log and brings up what it holds. Must be followed by nothing: the log's threads run when this returns.
    pub fn open(settings: Settings, options: Options, given: Given, now: Time) -> Result<Arc<Self>, OpenError> {
        let mut found = Found::new();
        let log = Arc::new(Log::open(options, given, now, &mut found).map_err(OpenError::Log)?);
        if let Some(lsn) = found.unreadable {
            return Err(OpenError::Entry(lsn));
        }
        found.nothing_lost()?;
        let core = Arc::new(Core::new(log.clone(), settings.workers, settings.topics));
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
            producers: Mutex::default(),
            settings,
        });
        let mut turn = Turn::new(now.max(log.ended().time), None);
        core.note_time(turn.now);
        let (replaced, unwanted) = broker.bring_up(found, log.ended(), &mut turn)?;
        // The copier may make segments of the same names as soon as it runs.
        remove_now(&log, &replaced).map_err(|error| OpenError::Segment(ObjectId(0), error))?;
        let told = Told { core: Arc::downgrade(&core), broker: OnceLock::from(Arc::downgrade(&broker)) };
        log.start(Arc::new(told)).map_err(OpenError::Thread)?;
        log.remove_files(Lsn(0), unwanted);
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

    /// Names who is told, once, if the log ends for good.
    pub fn on_failure(&self, tell: Arc<dyn Fn(&str) + Send + Sync>) {
        let _ = self.core.on_failure.set(tell);
    }

    /// Names who is told of what an operator should know.
    pub fn on_warning(&self, tell: Arc<dyn Fn(&str) + Send + Sync>) {
        let _ = self.core.on_warning.set(tell);
    }

    /// Tells every session the same, by ids that the network layer knows.
    pub fn tell_all(&self, sessions: &[narumq_model::SessionId], event: &Event, turn: &mut Turn) {
        sessions.iter().for_each(|id| self.core.mailboxes.post(*id, event.clone(), turn));
    }
}
