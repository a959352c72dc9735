//! Topics' names and settings for whoever administers them without speaking Kafka's protocol.

use crate::commands::check_new_topic;
use crate::settings::plan::{Given, InvalidSettings, Plan, changed, with_replicas};
use crate::settings::shown::{OF_TOPIC, shown};
use crate::settings::topic::find;
use narumq_broker::{Broker, TopicSettings, Vhost};
use narumq_model::{Durability, Name, TopicDefinition};

/// A setting of a topic with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name, such as `retention.ms`.
    pub name: &'static str,
    /// Its value, as text.
    pub value: String,
    /// Whether the value was given for this topic.
    pub given: bool,
    /// Whether it is fixed when the topic is created.
    pub fixed: bool,
    /// What it does.
    pub about: &'static str,
}

/// Whether a topic of this name may come; if not, why, in words.
pub fn check_topic_name(name: &str, vhost: &Vhost, broker: &Broker) -> Result<(), String> {
    check_new_topic(name, vhost, broker).map_err(|refusal| refusal.text)
}

/// What settings of a new topic amount to, and the durability if they name one. `usual` is what the broker promises.
pub fn plan_settings(
    settings: &[(Name, Name)],
    usual: Durability,
) -> Result<(TopicSettings, Option<Durability>), String> {
    let given: Given = settings.iter().cloned().collect();
    let plan = Plan::of_new(&given, usual).map_err(|refused| refused.to_string())?;
    Ok(((plan.policy, with_replicas(given, None)), plan.durability))
}

/// The settings of a topic with some of them changed; `None` takes a setting back to its default.
pub fn change_settings(
    before: &TopicDefinition,
    changes: &[(Name, Option<Name>)],
    usual: Durability,
) -> Result<TopicSettings, String> {
    let change = |given: &Given| {
        let mut after = given.clone();
        for (name, value) in changes {
            match value {
                Some(value) => drop(after.insert(name.clone(), value.clone())),
                None if find(name).is_none() => return Err(InvalidSettings::Unknown(name.to_string())),
                None => drop(after.remove(name)),
            }
        }
        Ok(after)
    };
    changed(before, usual, change).map_err(|refused| refused.to_string())
}

/// All settings of a topic, ascending by name.
pub fn settings_of(definition: &TopicDefinition) -> Vec<Setting> {
    let told = shown(&definition.settings, definition.durability).map(|setting| Setting {
        name: setting.row.name,
        value: setting.value.to_owned(),
        given: setting.source() == OF_TOPIC,
        fixed: setting.is_read_only(),
        about: setting.row.about,
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::topic::DURABILITY;
    use narumq_model::{FormatId, ObjectId, Time, TopicPolicy};

    fn topic(settings: &[(&str, &str)]) -> TopicDefinition {
        let settings: Vec<(Name, Name)> = settings.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        let ((policy, settings), _) = plan_settings(&settings, Durability::Fsync).unwrap();
        let (id, partitions) = (ObjectId(1), vec![ObjectId(2)]);
        let (durability, created) = (Durability::Fsync, Time(0));
        let (name, format) = ("t".into(), FormatId(2));
        TopicDefinition { id, name, uuid: 1, format, partitions, durability, created, policy, settings }
    }

    #[test]
    fn settings_change_one_by_one_and_go_back_to_their_defaults() {
        let before = topic(&[("retention.ms", "5"), ("cleanup.policy", "compact")]);
        assert_eq!(before.policy.retention_ms, Some(5));
        let change = |name: &str, value: Option<&str>| {
            change_settings(&before, &[(name.into(), value.map(Into::into))], Durability::Fsync)
        };
        let (policy, given) = change("retention.ms", None).unwrap();
        assert_eq!((policy.retention_ms, given.len()), (TopicPolicy::default().retention_ms, 1));
        assert!(policy.compacts);
        for (name, value) in
            [("bogus", None), ("bogus", Some("1")), ("retention.ms", Some("x")), (DURABILITY, Some("os"))]
        {
            assert!(change(name, value).is_err(), "{name}");
        }
        assert!(change(DURABILITY, Some("fsync")).is_ok());
    }

    #[test]
    fn all_settings_are_told_with_what_was_given() {
        let told = settings_of(&topic(&[("retention.ms", "5")]));
        let of = |name: &str| told.iter().find(|setting| setting.name == name).unwrap();
        assert_eq!((of("retention.ms").value.as_str(), of("retention.ms").given), ("5", true));
        assert_eq!((of("segment.bytes").value.as_str(), of("segment.bytes").given), ("1073741824", false));
        assert!(of("durability").fixed && told.len() > 30);
    }

    #[test]
    fn no_topic_promises_more_than_the_broker() {
        let given = [(DURABILITY.into(), "fsync".into())];
        assert!(plan_settings(&given, Durability::Os).is_err());
        assert_eq!(plan_settings(&given, Durability::Fsync).unwrap().1, Some(Durability::Fsync));
    }
}
