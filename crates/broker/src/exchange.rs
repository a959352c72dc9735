//! The bindings of one exchange, and which of them a message matches.
//!
//! A slab holds the bindings; the index of the exchange's kind, the identities and the destinations refer to its
//! places. Nothing is left behind by a binding that goes: places and trie nodes are used again.

mod direct;
mod headers;
mod identity;
mod places;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
mod topic;

use bytes::Bytes;
use foldhash::fast::RandomState;
use foldhash::{HashMap, HashMapExt};
use narumq_model::{ExchangeKind, HeaderMatch, Headers};
use places::{Place, Places};
use std::collections::BTreeMap;
use std::hash::Hash;

/// A reserved header, for tests.
#[cfg(test)]
const RESERVED_A: &str = concat!("x-", "a");
/// The header that names the mode, for tests.
#[cfg(test)]
const RESERVED_MATCH: &str = concat!("x-", "match");

/// The bindings that start from one exchange, each leading to a `D`.
#[derive(Debug)]
pub(crate) struct Bindings<D> {
    slab: Vec<Option<Binding<D>>>,
    free: Vec<Place>,
    /// By serial number, which is the order of insertion.
    order: BTreeMap<u64, Place>,
    next_serial: u64,
    /// By the hash of (destination, key, arguments); who looks here compares in full.
    identities: HashMap<u64, Places>,
    destinations: HashMap<D, Places>,
    hasher: RandomState,
    index: Index,
}

#[derive(Debug)]
struct Binding<D> {
    serial: u64,
    identity: u64,
    key: Bytes,
    arguments: Headers,
    header_match: HeaderMatch,
    destination: D,
}

/// What finds the matching bindings, by the exchange's kind.
#[derive(Debug)]
enum Index {
    Direct(direct::Keys),
    Fanout(Places),
    Topic(topic::Trie),
    Headers(Places),
}

impl Index {
    fn insert(&mut self, key: &Bytes, place: Place) {
        match self {
            Index::Direct(keys) => keys.insert(key, place),
            Index::Fanout(all) | Index::Headers(all) => all.insert(place),
            Index::Topic(trie) => trie.insert(key, place),
        }
    }

    fn remove(&mut self, key: &[u8], place: Place) {
        match self {
            Index::Direct(keys) => keys.remove(key, place),
            Index::Fanout(all) | Index::Headers(all) => all.remove(place),
            Index::Topic(trie) => trie.remove(key, place),
        }
    }
}

impl<D: Clone + Eq + Hash> Bindings<D> {
    /// No bindings yet, of an exchange of this kind.
    pub(crate) fn new(kind: ExchangeKind) -> Self {
        Self {
            slab: Vec::new(),
            free: Vec::new(),
            order: BTreeMap::new(),
            next_serial: 0,
            identities: HashMap::new(),
            destinations: HashMap::new(),
            hasher: RandomState::default(),
            index: match kind {
                ExchangeKind::Direct => Index::Direct(direct::Keys::default()),
                ExchangeKind::Fanout => Index::Fanout(Places::default()),
                ExchangeKind::Topic => Index::Topic(topic::Trie::new()),
                ExchangeKind::Headers => Index::Headers(Places::default()),
            },
        }
    }

    /// Adds a binding; false if the same (destination, key, arguments) was already there, whatever the order of the
    /// arguments. `key` and `arguments` are kept as they are: they should not be slices of a large buffer.
    pub(crate) fn insert(&mut self, key: Bytes, arguments: Headers, header_match: HeaderMatch, destination: D) -> bool {
        let identity = identity::hash(&self.hasher, &key, &arguments, &destination);
        if self.find(identity, &key, &arguments, &destination).is_some() {
            return false;
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.slab.push(None);
            Place::of_index(self.slab.len() - 1)
        });
        let serial = self.next_serial;
        self.next_serial += 1;
        self.order.insert(serial, place);
        self.identities.entry(identity).or_default().insert(place);
        self.destinations.entry(destination.clone()).or_default().insert(place);
        self.index.insert(&key, place);
        self.slab[place.index()] = Some(Binding { serial, identity, key, arguments, header_match, destination });
        true
    }

    /// Removes a binding; false if there was none.
    pub(crate) fn remove(&mut self, key: &[u8], arguments: &Headers, destination: &D) -> bool {
        let identity = identity::hash(&self.hasher, key, arguments, destination);
        let Some(place) = self.find(identity, key, arguments, destination) else { return false };
        if let Some(places) = self.destinations.get_mut(destination) {
            places.remove(place);
            if places.is_empty() {
                self.destinations.remove(destination);
            }
        }
        self.take(place);
        true
    }

    /// Removes all bindings to a destination and returns them (key, arguments) in the order of their insertion.
    pub(crate) fn remove_destination(&mut self, destination: &D) -> Vec<(Bytes, Headers)> {
        let Some(places) = self.destinations.remove(destination) else { return Vec::new() };
        let mut taken: Vec<_> = places.iter().filter_map(|place| self.take(place)).collect();
        taken.sort_unstable_by_key(|binding| binding.serial);
        taken.into_iter().map(|binding| (binding.key, binding.arguments)).collect()
    }

    /// Whether there are no bindings.
    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// How many bindings there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Calls `found` once per matching binding, so a destination may be found several times. `headers` is called at
    /// most once, and only by a headers exchange that has bindings.
    pub(crate) fn matches(&self, key: &[u8], headers: &mut dyn FnMut() -> Headers, found: &mut dyn FnMut(&D)) {
        let mut place_found = |place| {
            if let Some(binding) = self.at(place) {
                found(&binding.destination);
            }
        };
        match &self.index {
            Index::Direct(keys) => keys.matches(key).for_each(place_found),
            Index::Fanout(all) => all.iter().for_each(place_found),
            Index::Topic(trie) => {
                trie.matches(key, &mut place_found);
            }
            Index::Headers(all) if all.is_empty() => {}
            Index::Headers(all) => {
                let headers = headers();
                let sorted = headers::ByName::new(&headers);
                let bindings = all.iter().filter_map(|place| self.at(place));
                bindings
                    .filter(|binding| sorted.satisfies(&binding.arguments, binding.header_match))
                    .for_each(|binding| found(&binding.destination));
            }
        }
    }

    /// Every binding in the order of insertion.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Bytes, &Headers, HeaderMatch, &D)> {
        self.order
            .values()
            .filter_map(|&place| self.at(place))
            .map(|binding| (&binding.key, &binding.arguments, binding.header_match, &binding.destination))
    }

    fn at(&self, place: Place) -> Option<&Binding<D>> {
        self.slab[place.index()].as_ref()
    }

    fn find(&self, identity: u64, key: &[u8], arguments: &Headers, destination: &D) -> Option<Place> {
        self.identities.get(&identity)?.iter().find(|&place| {
            self.at(place).is_some_and(|binding| {
                binding.key == key
                    && binding.destination == *destination
                    && identity::same_arguments(&binding.arguments, arguments)
            })
        })
    }

    /// Takes a binding out of everything but `destinations`.
    fn take(&mut self, place: Place) -> Option<Binding<D>> {
        let binding = self.slab[place.index()].take()?;
        self.free.push(place);
        self.order.remove(&binding.serial);
        if let Some(places) = self.identities.get_mut(&binding.identity) {
            places.remove(place);
            if places.is_empty() {
                self.identities.remove(&binding.identity);
            }
        }
        self.index.remove(&binding.key, place);
        Some(binding)
    }
}
