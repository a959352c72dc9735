//! Exchanges, bindings, queues and cursors over the log; synchronous, with `now` as an argument.
//!
//! [`Broker`] is shared by reference between the workers; no call blocks on the disk. What must wait for it gets an
//! [`Lsn`] to wait for. Locks, in this order: one queue's spade → catalog → vhosts → one vhost → queues ascending by
//! id → append latch → mailbox.
#![forbid(unsafe_code)]

mod accounts;
mod bury;
mod catalog;
mod codec;
mod consume;
mod coordinator;
mod core;
mod counts;
mod declare;
mod dialect;
mod envelope;
pub mod error;
mod event;
mod exchange;
mod exclusive;
pub mod group;
mod handle;
mod listing;
mod open;
mod parts;
mod promises;
mod publish;
mod queue;
mod registry;
mod route;
mod stream;
mod topic;
mod topology;
mod turn;
mod users;

pub use accounts::{AccountError, ScramHash, ScramKeys, Secret};
pub use counts::Counts;
pub use declare::Declared;
pub use declare::exchanges::ExchangeSpec;
pub use declare::queues::QueueSpec;
pub use declare::topics::{CreateTopicError, StreamForm, StreamLimits, TopicSettings, TopicSpec};
pub use dialect::{
    BatchFacts, BrokenBatch, Compacted, Dialect, Dialects, KeyedRecord, MessageDialect, ProducerRun, RecordPlace,
    Tombstones,
};
pub use error::*;
pub use event::{Delivery, Event, GroupAnswer, Mailboxes, Pressure, Wake};
pub use handle::{QueueHandle, User};
pub use listing::CursorListing;
/// The settings of the log under a broker.
pub use narumq_log::Options as LogOptions;
use narumq_log::Terminal;
pub use open::{OpenError, Settings};
pub use publish::{Published, TxPublish, TxSettle};
pub use queue::QueueCounts;
pub use queue::consumers::{ConsumerSpec, Credit, delivery_cost};
pub use queue::settle::{Got, Outcome};
pub use registry::{ChannelListing, ConnectionListing, Traffic};
pub use route::{Route, RouteQuery};
pub use stream::{Stream, StreamError, StreamProgress, StreamSpec, StreamStart, partition_of};
pub use topic::{AppendError, Appended, Arrival, Batch, FetchError, Fetched, Offsets, PartitionHandle, TopicHandle};
pub use topic::{Compactions, Lookup, PartitionSettings, TrimError};
pub use topology::Vhost;
pub use turn::Turn;

use crate::core::{Core, lock};
use crate::queue::Queue;
use narumq_model::{Lsn, Name, SessionId, Time};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use users::Users;

/// The broker.
#[derive(Debug)]
pub struct Broker {
    pub(crate) core: Arc<Core>,
    pub(crate) settings: Settings,
    vhosts: RwLock<HashMap<Name, Vhost>>,
    users: RwLock<Users>,
    version: AtomicU64,
    next_object: AtomicU64,
    /// Changes of the catalog, one at a time; guards the LSN of the last one. Keeps the parts of its newest State.
    catalog: Mutex<parts::Parts>,
    catalog_lsn: AtomicU64,
    exclusive: Mutex<HashMap<SessionId, Vec<Arc<Queue>>>>,
    registry: registry::Registry,
    producers: Mutex<declare::producers::ProducerIds>,
}

impl Broker {
    /// Where sessions' events are.
    pub fn mailboxes(&self) -> &Mailboxes {
        &self.core.mailboxes
    }

    /// Ends a turn: tells the log what has gone, appends and writes what topics got, asks for the sync that answers wait for,
    /// wakes the other workers.
    pub fn end_turn(&self, turn: &mut Turn) {
        self.core.note_time(turn.now);
        if !turn.untold.is_empty() {
            let mut untold = std::mem::take(&mut turn.untold);
            untold.drain(..).for_each(|queue| queue.lock().end_turn(&queue, &self.core, turn));
            turn.untold = untold;
        }
        self.end_of_publishes(turn);
        if !turn.unwritten.is_empty() {
            let mut unwritten = std::mem::take(&mut turn.unwritten);
            unwritten.drain(..).for_each(|partition| partition.write(&self.core, turn));
            turn.unwritten = unwritten;
        }
        self.core.totals.add(&std::mem::take(&mut turn.counts));
        let sync = turn.take_sync();
        if sync > Lsn(0) {
            self.core.log.want_sync(sync);
        }
        if turn.take_kept() {
            // What was held back may be durable already: no further sync may ever come to say so.
            self.core.mailboxes.wake_all();
        }
        self.core.mailboxes.wake_marked(turn);
    }

    /// Positive answers may speak of everything up to here.
    pub fn durable(&self) -> Lsn {
        self.core.promises.durable(self.core.log.durable())
    }

    /// Whether publishers should wait a moment: too much is on its way to the disk. Look again at `Event::Durable`.
    pub fn congested(&self) -> bool {
        self.core.log.congested() || self.core.tails.load(Ordering::Relaxed) > 2 * self.core.topics.tail_bytes
    }

    /// What is short. Whoever runs turns tells the sessions of a change.
    #[inline]
    pub fn pressure(&self) -> Pressure {
        let memory = self.core.window.load(Ordering::Relaxed) > self.settings.memory_limit;
        Pressure { memory, disk: self.core.log.low_on_disk() }
    }

    /// Why the log has ended for good, if it has.
    pub fn failed(&self) -> Option<String> {
        self.core.log.terminal().map(Terminal::to_string)
    }

    /// Earliest instant at which [`advance`](Self::advance) has something to do.
    pub fn next_deadline(&self) -> Option<Time> {
        self.core.next_deadline()
    }

    /// Does what is due: messages, queues and segments of topics die of age.
    pub fn advance(&self, turn: &mut Turn) {
        for id in self.core.due(turn.now) {
            if let Some(group) = self.core.group(id) {
                self.advance_group(&group, turn);
                continue;
            }
            if id == topic::DIRTY_PARTITIONS {
                self.look_for_dirt(turn);
                continue;
            }
            if id == topic::ALL_PARTITIONS {
                self.look_at_partitions(turn);
                continue;
            }
            let Some(queue) = self.core.queue(id) else { continue };
            let mut state = queue.lock();
            if !state.deleted {
                state.on_deadline(&queue, &self.core, turn);
                if state.outlived(&queue, turn.now) {
                    turn.unused.push(queue.clone());
                }
            }
        }
        self.after(turn);
    }

    /// What happened since the start.
    pub fn counts_since_start(&self) -> Counts {
        self.core.totals.read()
    }

    /// The latest broker time that is known, over restarts too.
    pub fn time(&self) -> Time {
        self.core.time()
    }

    /// Largest message accepted, in payload bytes.
    pub fn message_bytes_max(&self) -> u64 {
        self.settings.message_bytes_max
    }

    /// Counts changes of what leads where: a route resolved under another version must be resolved again.
    #[inline]
    pub fn topology_version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Where a message goes that a client publishes.
    pub fn route(&self, vhost: &Vhost, query: &RouteQuery<'_>) -> Result<Route, RouteError> {
        route::route(vhost, &vhost.read(), query, false)
    }

    /// Who one is, by password. `loopback`: whether the connection comes over loopback.
    pub fn authenticate(&self, user: &str, password: &[u8], loopback: bool) -> Result<User, AuthenticateError> {
        self.users.read().unwrap_or_else(PoisonError::into_inner).authenticate(user, password, loopback)
    }

    /// Enters a vhost.
    pub fn open_vhost(&self, name: &str, _user: &User) -> Result<Vhost, OpenVhostError> {
        self.vhost(name).ok_or_else(|| NoSuchVhost { vhost: name.into() }.into())
    }

    /// The vhost that is there from the beginning.
    pub fn default_vhost(&self) -> Option<Vhost> {
        self.vhost(&self.settings.default_vhost)
    }

    pub(crate) fn vhost(&self, name: &str) -> Option<Vhost> {
        self.vhosts.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Bytes written to the log's files since the start, prefilling left out.
    pub fn log_bytes_written(&self) -> u64 {
        self.core.log.bytes_written()
    }

    /// Reads of the disk that are under way.
    pub fn reading(&self) -> u64 {
        self.core.log.reading()
    }

    /// Memory of the messages that all queues keep, ready or handed over, in bytes.
    pub fn window_bytes(&self) -> u64 {
        self.core.window.load(Ordering::Relaxed)
    }

    /// Ends the log in order. Nothing may be called after.
    pub fn close(&self, now: Time) {
        let mut turn = Turn::new(now, None);
        for queue in self.core.all() {
            let mut state = queue.lock();
            if !state.deleted {
                state.log_gone(&queue, &self.core, &mut turn);
                state.checkpoint_marks(&queue, &self.core, now);
            }
        }
        self.core.log.close(now);
    }

    fn catalog_lock(&self) -> MutexGuard<'_, parts::Parts> {
        lock(&self.catalog)
    }

    /// An answer about something that was already there, or already gone, waits for the change that made it so: what the
    /// last change of definitions wrote to the log.
    pub fn last_catalog_lsn(&self) -> Lsn {
        Lsn(self.catalog_lsn.load(Ordering::Acquire))
    }

    fn note_catalog(&self, lsn: Lsn) -> Lsn {
        self.catalog_lsn.fetch_max(lsn.0, Ordering::AcqRel);
        lsn
    }
}

impl Drop for Broker {
    /// Without [`close`](Self::close) it is as if the process had ended.
    fn drop(&mut self) {
        self.core.log.halt();
    }
}
