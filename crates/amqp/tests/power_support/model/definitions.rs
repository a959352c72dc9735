//! Queues, exchanges and bindings come and go; each returns how many effects its answer speaks for.

use super::{At, Model, Queue};
use crate::power_support::ledger::Effect;
use crate::power_support::{Reached, universe};
use std::collections::BTreeSet;

impl Model {
    pub fn declare_queue(&mut self, at: At, name: &str) -> usize {
        if !self.queues.contains_key(name) {
            let born = self.number();
            self.queues.insert(name.to_owned(), Queue { born, ..Queue::default() });
            if universe::outlives(name) {
                self.happens(at, name, Effect::Queue(name.to_owned()));
            }
        }
        self.last(name)
    }

    pub fn delete_queue(&mut self, at: At, name: &str) -> usize {
        if self.queues.remove(name).is_some() {
            if universe::outlives(name) {
                self.happens(at, name, Effect::NoQueue(name.to_owned()));
            }
            self.forget_bindings(|(_, _, queue)| queue == name);
        }
        self.last(name)
    }

    pub fn declare_exchange(&mut self, at: At, name: &str) -> usize {
        if self.exchanges.insert(name.to_owned()) {
            self.happens(at, name, Effect::Exchange(name.to_owned()));
        }
        self.last(name)
    }

    pub fn delete_exchange(&mut self, at: At, name: &str) -> usize {
        if self.exchanges.remove(name) {
            self.happens(at, name, Effect::NoExchange(name.to_owned()));
            self.forget_bindings(|(from, _, to)| from == name || universe::exchange_behind(to) == Some(name));
        }
        self.last(name)
    }

    /// Bindings go with one of their ends, by the effect that happened last.
    fn forget_bindings(&mut self, gone: impl Fn(&(String, String, String)) -> bool) {
        let effects = self.about.values().copied().max().unwrap_or(0);
        let (gone, left) = std::mem::take(&mut self.bindings).into_iter().partition(gone);
        self.bindings = left;
        let gone: BTreeSet<_> = gone;
        for binding in gone.iter().filter(|(_, _, queue)| universe::outlives(queue)) {
            self.about.insert(format!("{binding:?}"), effects);
        }
    }

    pub fn bind(&mut self, at: At, (exchange, key, queue): (&str, &str, &str), bind: bool) -> usize {
        let binding = (exchange.to_owned(), key.to_owned(), queue.to_owned());
        let about = format!("{binding:?}");
        let changes = if bind { self.bindings.insert(binding.clone()) } else { self.bindings.remove(&binding) };
        if changes && universe::exchange_behind(queue).is_some() {
            Reached::BoundToAnExchange.note();
        }
        if changes && universe::outlives(queue) {
            self.happens(at, &about, if bind { Effect::Binding(binding) } else { Effect::NoBinding(binding) });
        }
        self.last(&about)
    }
}
