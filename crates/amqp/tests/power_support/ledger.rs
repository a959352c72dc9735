//! What happened, in its order, and how much of it has been answered: what is found after a power cut must be what was
//! at some moment, and at none before the last answer.

use super::universe::{self, SHORT};
use super::wire::{Content, priority};
use std::collections::{BTreeMap, BTreeSet};

/// One copy of a message in one queue, told from all others by `copy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub copy: u64,
    pub content: Content,
    /// When it dies of age.
    pub expires: u64,
}

/// A part of a change of messages.
#[derive(Clone, Debug)]
pub enum Step {
    Put(String, Stored),
    Remove(String, u64),
    /// It came back so often.
    Count(String, u64, u64),
}

/// A change that outlives a restart, whole or not at all.
#[derive(Clone, Debug)]
pub enum Effect {
    Queue(String),
    NoQueue(String),
    Exchange(String),
    NoExchange(String),
    Binding(Binding),
    NoBinding(Binding),
    Messages(Vec<Step>),
}

/// Exchange, key, destination.
pub type Binding = (String, String, String);

/// What outlives a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durable {
    pub queues: BTreeMap<String, Vec<Stored>>,
    pub exchanges: BTreeSet<String>,
    pub bindings: BTreeSet<Binding>,
}

/// What clients found after a start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub queues: BTreeMap<String, Vec<Content>>,
    pub exchanges: BTreeSet<String>,
    pub bindings: BTreeSet<Binding>,
    /// Which way leads to which queue.
    pub reach: BTreeSet<Binding>,
}

/// The queues that `way` leads to along bindings.
pub fn reached(bindings: &BTreeSet<Binding>, (exchange, key): (&str, &str)) -> BTreeSet<String> {
    let (mut seen, mut next, mut queues) = (BTreeSet::new(), vec![exchange.to_owned()], BTreeSet::new());
    while let Some(source) = next.pop().filter(|source| seen.insert(source.clone())) {
        for (_, _, to) in bindings.iter().filter(|(x, bound, _)| *x == source && universe::takes(x, bound, key)) {
            match universe::exchange_behind(to) {
                Some(exchange) if !seen.contains(exchange) => next.push(exchange.to_owned()),
                Some(_) => {}
                None => drop(queues.insert(to.clone())),
            }
        }
        next.retain(|exchange| !seen.contains(exchange));
    }
    queues
}

impl Durable {
    pub fn holds(&self, queue: &str, content: &Content) -> bool {
        self.queues.get(queue).is_some_and(|queue| queue.iter().any(|stored| stored.content == *content))
    }

    pub fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::Queue(name) => drop(self.queues.insert(name.clone(), Vec::new())),
            Effect::NoQueue(name) => {
                self.queues.remove(name);
                self.bindings.retain(|(_, _, queue)| queue != name);
            }
            Effect::Exchange(name) => drop(self.exchanges.insert(name.clone())),
            Effect::NoExchange(name) => {
                self.exchanges.remove(name);
                self.bindings.retain(|(from, _, to)| from != name && universe::exchange_behind(to) != Some(name));
            }
            Effect::Binding(binding) => drop(self.bindings.insert(binding.clone())),
            Effect::NoBinding(binding) => drop(self.bindings.remove(binding)),
            Effect::Messages(steps) => steps.iter().for_each(|step| self.step(step)),
        }
    }

    fn step(&mut self, step: &Step) {
        let (Step::Put(queue, _) | Step::Remove(queue, _) | Step::Count(queue, ..)) = step;
        let queue = self.queues.get_mut(queue).expect("a queue that is there");
        match step {
            Step::Put(_, stored) => queue.push(stored.clone()),
            Step::Remove(_, copy) => queue.retain(|stored| stored.copy != *copy),
            Step::Count(_, copy, returns) => {
                queue.iter_mut().filter(|s| s.copy == *copy).for_each(|s| s.content.returns = *returns);
            }
        }
    }

    /// What clients find of it at `now`: what was in hand when the power went may be too much for `short` now, so its oldest
    /// die, and what has come of age in `aging` dies; messages in the order in which queues hand them over.
    fn shown(&self, now: u64) -> Found {
        let contents = |stored: &Vec<Stored>| stored.iter().map(|stored| stored.content.clone()).collect();
        let mut queues: BTreeMap<String, Vec<Content>> =
            self.queues.iter().map(|(name, stored)| (name.clone(), contents(stored))).collect();
        let short = queues.get_mut("short").filter(|short| short.len() > SHORT);
        let dying: Vec<Content> = short.map_or_else(Vec::new, |short| short.drain(..short.len() - SHORT).collect());
        for Content { id, .. } in dying {
            for (_, _, queue) in self.bindings.iter().filter(|(exchange, _, _)| exchange == "all") {
                queues.entry(queue.clone()).or_default().push(Content { id, dead: true, returns: 0 });
            }
        }
        let due = self.due(now);
        let expired: Vec<Content> = queues.get_mut("aging").map_or_else(Vec::new, |aging| aging.drain(..due).collect());
        if let Some(aged) = queues.get_mut("aged") {
            aged.extend(expired.into_iter().map(|content| Content { dead: true, ..content }));
        }
        let queues = queues.into_iter().map(|(name, mut contents)| {
            if universe::has_priorities(&name) {
                contents.sort_by_key(|content| std::cmp::Reverse(priority(content.id)));
            }
            (name, contents)
        });
        let mut reach = BTreeSet::new();
        for (exchange, key) in universe::WAYS.iter().filter(|(exchange, _)| self.exchanges.contains(*exchange)) {
            let queues = reached(&self.bindings, (exchange, key));
            reach.extend(queues.into_iter().map(|queue| ((*exchange).to_owned(), (*key).to_owned(), queue)));
        }
        Found { queues: queues.collect(), exchanges: self.exchanges.clone(), bindings: self.bindings.clone(), reach }
    }

    /// How many messages at the head of `aging` have come of age.
    fn due(&self, now: u64) -> usize {
        self.queues.get("aging").map_or(0, |aging| aging.iter().take_while(|stored| stored.expires <= now).count())
    }
}

/// The account of one life of a broker.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// What the life began with.
    base: Durable,
    effects: Vec<Effect>,
    /// So many effects stand behind answers that have left an outbox, and the last of these answers.
    answered: (usize, String),
    /// Messages of queues that clients had in hand.
    pub handed: BTreeSet<(String, Content)>,
    /// The broker is being closed in order.
    pub closing: bool,
}

impl Ledger {
    pub fn new(base: Durable) -> Self {
        let all = base.queues.iter().flat_map(|(name, all)| all.iter().map(|s| (name.clone(), s.content.clone())));
        let handed = all.collect();
        Self { base, handed, ..Self::default() }
    }

    /// Something happens; returns how many effects there are now: what its answer speaks for.
    pub fn happens(&mut self, effect: Effect) -> usize {
        self.effects.push(effect);
        self.effects.len()
    }

    /// An answer has left an outbox that speaks for the first `effects`.
    pub fn answer(&mut self, effects: usize, what: impl FnOnce() -> String) {
        if effects > self.answered.0 {
            self.answered = (effects, what());
        }
    }

    /// Whether a start may find more in `short` than it may hold, or what has come of age.
    pub fn may_move(&self, now: u64) -> bool {
        let mut state = self.base.clone();
        let over =
            |state: &Durable| state.queues.get("short").is_some_and(|short| short.len() > SHORT) || state.due(now) > 0;
        over(&state)
            || self.effects.iter().any(|effect| {
                state.apply(effect);
                over(&state)
            })
    }

    /// Everything is on the disk.
    pub fn answer_all(&mut self) {
        self.answer(self.effects.len(), || "the end in order".to_owned());
    }

    /// The moment at which things were as they are found, as what outlives a restart; an error if there was none that
    /// keeps what was answered.
    pub fn judge(&self, found: &Found, now: u64) -> Result<Durable, String> {
        let mut state = self.base.clone();
        let mut early = None;
        let mut nearest = None;
        for moment in 0..=self.effects.len() {
            if let Some(effect) = moment.checked_sub(1).and_then(|before| self.effects.get(before)) {
                state.apply(effect);
            }
            let same = state.shown(now) == *found;
            if same && moment >= self.answered.0 {
                return Ok(state);
            }
            if same {
                early = Some(moment);
            }
            if moment == self.answered.0 {
                nearest = Some(state.clone());
            }
        }
        let (count, what) = &self.answered;
        if let Some(moment) = early {
            let lost = &self.effects[moment..*count];
            return Err(format!("answered and lost: {lost:?}; the last answer was {what}"));
        }
        let behind = &self.effects[*count..];
        let least = nearest.map(|state| difference(&state.shown(now), found)).unwrap_or_default();
        Err(format!("no moment was like this; after {what}: {least}; then, unanswered: {behind:?}"))
    }
}

fn difference(expected: &Found, found: &Found) -> String {
    let mut words = Vec::new();
    for name in expected.queues.keys().chain(found.queues.keys()).collect::<BTreeSet<_>>() {
        let (expected, found) = (expected.queues.get(name), found.queues.get(name));
        if expected != found {
            words.push(format!("queue {name} had {expected:?}, has {found:?}"));
        }
    }
    let wires = |of: &Found| (of.exchanges.clone(), of.bindings.clone(), of.reach.clone());
    if wires(expected) != wires(found) {
        words.push(format!("exchanges, bindings and ways were {:?}, are {:?}", wires(expected), wires(found)));
    }
    words.join("; ")
}
