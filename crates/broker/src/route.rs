//! From an exchange and its keys to the queues and topics: direct hits, exchanges behind exchanges, alternates.

use crate::error::{InternalExchange, NoSuchExchange, RouteError};
use crate::queue::Queue;
use crate::topic::Topic;
use crate::topology::{Vhost, VhostState};
use narumq_model::{Destination, ExchangeKind, Headers, Name};
use smallvec::SmallVec;
use std::cell::RefCell;
use std::sync::Arc;

/// The queues that a message goes to, ascending by id, each once.
pub(crate) type Targets = SmallVec<[Arc<Queue>; 2]>;

/// Where a message goes: resolved once, reused while the broker's topology version stays the same.
#[derive(Clone, Debug)]
pub struct Route {
    pub(crate) targets: Arc<Targets>,
    /// The topics that it leads to, each once; mostly there are none.
    pub(crate) topics: Option<Arc<[Arc<Topic>]>>,
    reusable: bool,
}

impl Route {
    /// How many queues and topics it leads to.
    pub fn queues(&self) -> usize {
        self.targets.len() + self.topics.as_ref().map_or(0, |topics| topics.len())
    }

    /// Whether the same exchange and keys lead to the same queues, whatever the headers.
    pub fn reusable(&self) -> bool {
        self.reusable
    }

    pub(crate) fn to(mut targets: Targets, mut topics: Vec<Arc<Topic>>, reusable: bool) -> Self {
        targets.sort_unstable_by_key(|q| q.id());
        targets.dedup_by_key(|q| q.id());
        topics.sort_unstable_by_key(|topic| topic.definition().id);
        topics.dedup_by(|a, b| Arc::ptr_eq(a, b));
        let topics = (!topics.is_empty()).then(|| topics.into());
        Self { targets: Arc::new(targets), topics, reusable }
    }
}

/// What is known of a message when it is routed.
pub struct RouteQuery<'a> {
    /// The exchange, empty for the default one.
    pub exchange: &'a [u8],
    /// All routing keys, the published one first.
    pub keys: &'a [&'a [u8]],
    /// The headers, decoded only if an exchange asks.
    pub headers: &'a dyn Fn() -> Headers,
}

struct Walk<'a> {
    state: &'a VhostState,
    query: &'a RouteQuery<'a>,
    headers: RefCell<Option<Headers>>,
    seen: SmallVec<[Name; 4]>,
    targets: Targets,
    topics: Vec<Arc<Topic>>,
    reusable: bool,
}

/// Resolves a query. The first exchange must be there and, unless `inner`, take messages from clients.
pub(crate) fn route(
    vhost: &Vhost,
    state: &VhostState,
    query: &RouteQuery<'_>,
    inner: bool,
) -> Result<Route, RouteError> {
    let mut walk = Walk {
        state,
        query,
        headers: RefCell::new(None),
        seen: SmallVec::new(),
        targets: Targets::new(),
        topics: Vec::new(),
        reusable: true,
    };
    let missing = || {
        let exchange = String::from_utf8_lossy(query.exchange).as_ref().into();
        NoSuchExchange { exchange, vhost: vhost.name().clone() }
    };
    let name = std::str::from_utf8(query.exchange).map_err(|_| missing())?;
    if !name.is_empty() {
        let exchange = state.exchanges.get(name).ok_or_else(missing)?;
        if exchange.definition.internal && !inner {
            return Err(
                InternalExchange { exchange: exchange.definition.name.clone(), vhost: vhost.name().clone() }.into()
            );
        }
    }
    walk.exchange(name);
    Ok(Route::to(walk.targets, walk.topics, walk.reusable))
}

impl Walk<'_> {
    fn exchange(&mut self, name: &str) {
        if name.is_empty() {
            return self.default_exchange();
        }
        let Some(exchange) = self.state.exchanges.get(name) else { return };
        if self.seen.contains(&exchange.definition.name) {
            return;
        }
        self.seen.push(exchange.definition.name.clone());
        let mut found: SmallVec<[Destination; 4]> = SmallVec::new();
        if exchange.definition.kind == ExchangeKind::Headers {
            self.reusable = false;
        }
        for key in self.query.keys {
            let mut headers = || self.headers.borrow_mut().get_or_insert_with(self.query.headers).clone();
            exchange.bindings.matches(key, &mut headers, &mut |to| found.push(to.clone()));
        }
        if found.is_empty()
            && let Some(alternate) = exchange.definition.alternate.clone()
        {
            return self.exchange(&alternate);
        }
        for destination in found {
            match destination {
                Destination::Queue(queue) => self.queue(&queue),
                Destination::Exchange(exchange) => self.exchange(&exchange),
            }
        }
    }

    fn default_exchange(&mut self) {
        for key in self.query.keys {
            if let Ok(name) = std::str::from_utf8(key) {
                self.queue(name);
            }
        }
    }

    /// A queue, or the topic that has the name.
    fn queue(&mut self, name: &str) {
        match self.state.queues.get(name) {
            Some(queue) => self.targets.push(queue.clone()),
            None => self.topics.extend(self.state.topics.get(name).cloned()),
        }
    }
}
