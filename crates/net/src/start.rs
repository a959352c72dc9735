//! Starting and stopping: the threads of the connection loop and what they share.

use crate::core::Core;
use crate::listen::{Arrival, BindError, Listener, Listeners};
use crate::settings::{Settings, Surroundings};
use crate::table::Table;
use crate::wake::{Bell, Bells};
use crate::worker::{BELL, Worker, listener_token};
use mio::{Poll, Waker};
use narumq_door::{Broker, Turn};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

/// What the workers share beside the broker.
pub(crate) struct Shared {
    pub(crate) bells: Arc<[Bell]>,
    /// When worker 0 looks at the broker's deadlines by itself, in broker time.
    pub(crate) alarm: AtomicU64,
    /// How long connections have to close, in milliseconds; `u64::MAX` = we are not being stopped.
    pub(crate) grace: AtomicU64,
    arrivals: Box<[Mutex<Vec<Arrival>>]>,
}

impl Shared {
    /// Connections accepted for a worker.
    pub(crate) fn arrivals(&self, worker: u16) -> MutexGuard<'_, Vec<Arrival>> {
        self.arrivals[worker as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The running connection loop.
pub struct Net {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<usize>>,
    addresses: Vec<(&'static str, SocketAddr)>,
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net").field("workers", &self.threads.len()).field("addresses", &self.addresses).finish()
    }
}

impl Net {
    /// Opens the listeners and starts one worker thread for each of the broker's mailboxes.
    pub fn start(
        listeners: Listeners,
        settings: &Settings,
        broker: &Arc<Broker>,
        surroundings: &Surroundings,
    ) -> io::Result<Self> {
        let addresses = listeners.addresses();
        let workers = broker.mailboxes().workers();
        let polls: Vec<Poll> = (0..workers).map(|_| Poll::new()).collect::<io::Result<_>>()?;
        let bell = |poll: &Poll| Waker::new(poll.registry(), BELL).map(Bell::new);
        let bells: Arc<[Bell]> = polls.iter().map(bell).collect::<io::Result<Vec<_>>>()?.into();
        broker.mailboxes().set_wake(Box::new(Bells(bells.clone())));
        let shared = Arc::new(Shared {
            bells,
            alarm: AtomicU64::new(u64::MAX),
            grace: AtomicU64::new(u64::MAX),
            arrivals: (0..workers).map(|_| Mutex::default()).collect(),
        });
        let mut net = Self { shared, threads: Vec::new(), addresses };
        let mut listeners = listeners.listen().map_err(|BindError { error, .. }| error)?;
        for (number, poll) in polls.into_iter().enumerate() {
            let own = if number == 0 { std::mem::take(&mut listeners) } else { Vec::new() };
            let worker = net.worker(number as u16, poll, own, settings, broker, surroundings)?;
            let name = format!("worker-{number}");
            net.threads.push(Builder::new().name(name).spawn(move || worker.run())?);
        }
        Ok(net)
    }

    fn worker(
        &self,
        number: u16,
        poll: Poll,
        mut listeners: Vec<Listener>,
        settings: &Settings,
        broker: &Arc<Broker>,
        surroundings: &Surroundings,
    ) -> io::Result<Worker> {
        for (at, listener) in listeners.iter_mut().enumerate() {
            listener.register(poll.registry(), listener_token(at))?;
        }
        let turn = Turn::new(surroundings.clock.now(), Some(number));
        Ok(Worker {
            number,
            poll,
            core: Core::new(broker.clone(), settings.clone(), turn),
            table: Table::default(),
            mail: Vec::new(),
            shared: self.shared.clone(),
            surroundings: surroundings.clone(),
            listeners,
            accepting: Vec::new(),
            next_worker: 0,
            stop_at: None,
            busy: false,
        })
    }

    /// (door's name, real address) of each listener.
    pub fn addresses(&self) -> &[(&'static str, SocketAddr)] {
        &self.addresses
    }

    /// Accepts nothing any more, tells every session to say goodbye, waits until all have, at most `grace_millis`, and
    /// cuts the rest. Returns how many that were.
    pub fn stop(self, grace_millis: u64) -> usize {
        self.shared.grace.store(grace_millis.min(u64::MAX - 1), Ordering::SeqCst);
        self.shared.bells.iter().for_each(Bell::ring);
        self.threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
    }
}
