//! One setting of topics: a row of the table.

use crate::settings::plan::Plan;
use crate::settings::value::{Kind, Rule, Value};

/// One setting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TopicSetting {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) rule: Rule,
    pub(crate) default: &'static str,
    /// The setting of the broker that the default is taken from.
    pub(crate) broker: Option<&'static str>,
    /// What a value changes.
    pub(crate) apply: fn(&mut Plan, &Value<'_>),
    pub(crate) about: &'static str,
}

/// A setting that changes nothing and whose default is its own.
pub(super) const fn row(
    name: &'static str,
    kind: Kind,
    rule: Rule,
    default: &'static str,
    about: &'static str,
) -> TopicSetting {
    TopicSetting { name, kind, rule, default, broker: None, apply: |_, _| {}, about }
}

impl TopicSetting {
    /// The default is taken from this setting of the broker.
    pub(super) const fn of(self, broker: &'static str) -> Self {
        Self { broker: Some(broker), ..self }
    }

    /// What a value changes.
    pub(super) const fn does(self, apply: fn(&mut Plan, &Value<'_>)) -> Self {
        Self { apply, ..self }
    }
}
