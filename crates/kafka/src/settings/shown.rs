//! The settings of a topic as clients are told them: each with its value and where that comes from.

use super::topic::{DURABILITY, TOPIC, TopicSetting};
use narumq_model::{Durability, Name};

/// The value was given for the topic.
pub(crate) const OF_TOPIC: i8 = 1;
/// The value was given to the broker when it was started.
pub(crate) const OF_BROKER: i8 = 4;
/// Nobody gave a value.
pub(crate) const DEFAULT: i8 = 5;

/// A setting with its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    pub(crate) row: &'static TopicSetting,
    pub(crate) value: &'a str,
    source: i8,
}

impl Shown<'_> {
    /// Where the value comes from.
    pub(crate) fn source(&self) -> i8 {
        self.source
    }

    /// Whether it cannot be changed.
    pub(crate) fn is_read_only(&self) -> bool {
        self.row.name == DURABILITY
    }
}

/// All settings of a topic, ascending by name. `given` ascends by name.
pub(crate) fn shown(given: &[(Name, Name)], durability: Durability) -> impl Iterator<Item = Shown<'_>> {
    TOPIC.iter().map(move |row| {
        let found = given.binary_search_by(|(name, _)| (**name).cmp(row.name));
        let (value, source) = match found {
            Ok(at) => (&*given[at].1, OF_TOPIC),
            Err(_) if row.name == DURABILITY && durability == Durability::Os => ("os", OF_BROKER),
            Err(_) => (row.default, DEFAULT),
        };
        Shown { row, value, source }
    })
}
