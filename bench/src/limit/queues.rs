//! Queues of the least server: names, bindings, who consumes, and what waits for a consumer.

use std::collections::HashMap;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::encode::{self, CHANNEL, id};

/// Locks what no thread leaves half changed, even if one died meanwhile.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The writing half of a connection.
pub(crate) struct Outlet {
    stream: Mutex<TcpStream>,
    tags: AtomicU64,
}

impl Outlet {
    /// An outlet that has delivered nothing yet.
    pub(crate) fn new(stream: TcpStream) -> Arc<Outlet> {
        Arc::new(Outlet { stream: Mutex::new(stream), tags: AtomicU64::new(1) })
    }

    /// Writes whole frames. A client that is gone is noticed by the thread that reads from it.
    pub(crate) fn write(&self, frames: &[u8]) {
        let _ = lock(&self.stream).write_all(frames);
    }
}

/// A consumer as a publisher sees it: basic.deliver but for the delivery tag.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) outlet: Arc<Outlet>,
    deliver: Vec<u8>,
    tag_at: usize,
}

impl Target {
    fn new(outlet: Arc<Outlet>, consumer_tag: &str, exchange: &str, key: &str) -> Target {
        let mut deliver = Vec::new();
        let tag_at = 7 + 4 + 1 + consumer_tag.len();
        encode::method(&mut deliver, CHANNEL, id::BASIC_DELIVER, |arguments| {
            encode::short_string(arguments, consumer_tag);
            arguments.extend([0; 9]);
            encode::short_string(arguments, exchange);
            encode::short_string(arguments, key);
        });
        Target { outlet, deliver, tag_at }
    }

    /// Appends the deliver of `content` (header and body frames).
    #[inline]
    pub(crate) fn deliver(&self, out: &mut Vec<u8>, content: &[u8]) {
        let tag = self.outlet.tags.fetch_add(1, Ordering::Relaxed);
        let at = out.len() + self.tag_at;
        out.extend_from_slice(&self.deliver);
        out[at..at + 8].copy_from_slice(&tag.to_be_bytes());
        out.extend_from_slice(content);
    }
}

/// One queue.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    consumers: Vec<(Arc<Outlet>, String)>,
    held: Vec<u8>,
    lengths: Vec<u32>,
}

impl Queue {
    /// The consumers, as seen by a publisher to this exchange and key.
    pub(crate) fn targets(&self, exchange: &str, key: &str) -> Vec<Target> {
        let state = lock(&self.state);
        state.consumers.iter().map(|(outlet, tag)| Target::new(Arc::clone(outlet), tag, exchange, key)).collect()
    }

    /// Keeps a message, unless a consumer has come meanwhile: then it goes there.
    pub(crate) fn hold(&self, content: &[u8]) {
        let mut state = lock(&self.state);
        if let Some((outlet, tag)) = state.consumers.first() {
            let mut frames = Vec::new();
            Target::new(Arc::clone(outlet), tag, "", "").deliver(&mut frames, content);
            outlet.write(&frames);
            return;
        }
        state.held.extend_from_slice(content);
        state.lengths.push(content.len() as u32);
    }

    /// Messages held.
    pub(crate) fn len(&self) -> u32 {
        lock(&self.state).lengths.len() as u32
    }

    /// Adds a consumer: answers it, then delivers all that was held.
    fn consume(&self, outlet: &Arc<Outlet>, tag: &str, answer: &[u8]) {
        let mut state = lock(&self.state);
        outlet.write(answer);
        let target = Target::new(Arc::clone(outlet), tag, "", "");
        let (held, lengths) = (std::mem::take(&mut state.held), std::mem::take(&mut state.lengths));
        let (mut rest, mut frames) = (&held[..], Vec::new());
        for length in lengths {
            let (content, tail) = rest.split_at(length as usize);
            target.deliver(&mut frames, content);
            rest = tail;
            if frames.len() > 128 * 1024 {
                outlet.write(&frames);
                frames.clear();
            }
        }
        outlet.write(&frames);
        state.consumers.push((Arc::clone(outlet), tag.to_owned()));
    }
}

/// All queues and bindings.
#[derive(Default)]
pub(crate) struct Queues {
    names: Mutex<Names>,
    generation: AtomicU64,
}

#[derive(Default)]
struct Names {
    queues: HashMap<String, Arc<Queue>>,
    exchanges: HashMap<String, Vec<Arc<Queue>>>,
}

impl Queues {
    /// Changes whenever a route may have changed.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn changed(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// The queues a message goes to.
    pub(crate) fn route(&self, exchange: &str, key: &str) -> Vec<Arc<Queue>> {
        let names = lock(&self.names);
        if exchange.is_empty() {
            names.queues.get(key).into_iter().cloned().collect()
        } else {
            names.exchanges.get(exchange).cloned().unwrap_or_default()
        }
    }

    /// Declares a queue; returns how many messages it holds.
    pub(crate) fn declare(&self, name: &str) -> u32 {
        let queue = Arc::clone(lock(&self.names).queues.entry(name.to_owned()).or_default());
        self.changed();
        queue.len()
    }

    /// Binds a queue to an exchange, which need not have been declared.
    pub(crate) fn bind(&self, exchange: &str, name: &str) {
        let mut names = lock(&self.names);
        if let Some(queue) = names.queues.get(name).cloned() {
            names.exchanges.entry(exchange.to_owned()).or_default().push(queue);
        }
        drop(names);
        self.changed();
    }

    /// Forgets a queue or an exchange of this name.
    pub(crate) fn delete(&self, name: &str) {
        let mut names = lock(&self.names);
        names.queues.remove(name);
        names.exchanges.remove(name);
        drop(names);
        self.changed();
    }

    /// Consumes from a queue; false if there is none.
    pub(crate) fn consume(&self, name: &str, outlet: &Arc<Outlet>, tag: &str, answer: &[u8]) -> bool {
        let queue = lock(&self.names).queues.get(name).cloned();
        let found = queue.is_some();
        if let Some(queue) = queue {
            queue.consume(outlet, tag, answer);
        }
        self.changed();
        found
    }
}
