//! DescribeConfigs: the settings of topics and of the broker, with their sources.

mod alter;
mod resource;

pub(super) use alter::{incremental, replace};

use crate::codec::ErrorCode;
use crate::codec::messages::configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResponse,
    DescribeConfigsResult, DescribeConfigsSynonym,
};
use crate::error::Refusal;
use crate::link::{Call, Link, answer};
use crate::settings::broker::BROKER;
use crate::settings::shown::{DEFAULT, OF_BROKER, OF_TOPIC, shown};
use narumq_broker::{Broker, Vhost};
use narumq_door::Context;
use resource::{Resource, resource};

/// Bytes of one answer, about, beyond which no further resource is described.
const ANSWER_MAX: usize = 128 << 20;
/// Bytes of a setting in an answer beside its texts, about.
const SETTING_BYTES: usize = 24;

/// A setting as it is told.
struct Told {
    name: &'static str,
    value: Option<String>,
    read_only: bool,
    source: i8,
    kind: i8,
    about: &'static str,
    /// Where else the value could come from: name, value, source.
    synonyms: Vec<(&'static str, Option<String>, i8)>,
}

impl Told {
    fn size(&self) -> usize {
        let value = |value: &Option<String>| value.as_ref().map_or(0, String::len);
        let synonyms = self.synonyms.iter().map(|(name, text, _)| name.len() + value(text) + SETTING_BYTES);
        self.name.len() + value(&self.value) + self.about.len() + SETTING_BYTES + synonyms.sum::<usize>()
    }
}

/// `DescribeConfigs`
pub(super) fn describe(link: &mut Link, request: &DescribeConfigsRequest<'_>, call: Call, cx: &mut Context<'_>) {
    let Some(vhost) = link.vhost.clone() else { return };
    let mut size = 0;
    let mut told: Vec<Result<Vec<Told>, Refusal>> = Vec::new();
    for asked in &request.resources {
        let settings = match size {
            ..ANSWER_MAX => settings_of(link, &vhost, asked, cx),
            _ => Err(Refusal::new(ErrorCode::InvalidRequest, "Too many resources in one request.")),
        };
        size += settings.iter().flatten().map(Told::size).sum::<usize>();
        told.push(settings);
    }
    let results = request.resources.iter().zip(&told).map(|(asked, settings)| {
        let (resource_type, resource_name) = (asked.resource_type, asked.resource_name);
        let result = DescribeConfigsResult { resource_type, resource_name, ..Default::default() };
        match settings {
            Ok(settings) => {
                DescribeConfigsResult { configs: settings.iter().map(|s| row(s, request)).collect(), ..result }
            }
            Err(Refusal { code, text }) => {
                DescribeConfigsResult { error_code: code.code(), error_message: Some(text), ..result }
            }
        }
    });
    let response = DescribeConfigsResponse { results: results.collect(), ..Default::default() };
    answer(call, &response, cx);
}

fn row<'a>(told: &'a Told, request: &DescribeConfigsRequest<'_>) -> DescribeConfigsResourceResult<'a> {
    let synonyms = if request.include_synonyms { told.synonyms.as_slice() } else { &[] };
    let synonym = |(name, value, source): &'a (&'static str, Option<String>, i8)| DescribeConfigsSynonym {
        name,
        value: value.as_deref(),
        source: *source,
    };
    DescribeConfigsResourceResult {
        name: told.name,
        value: told.value.as_deref(),
        read_only: told.read_only,
        config_source: told.source,
        is_default: told.source == DEFAULT,
        is_sensitive: false,
        synonyms: synonyms.iter().map(synonym).collect(),
        config_type: told.kind,
        documentation: request.include_documentation.then_some(told.about),
    }
}

/// The settings of a resource that are asked for.
fn settings_of(
    link: &Link,
    vhost: &Vhost,
    asked: &DescribeConfigsResource<'_>,
    cx: &Context<'_>,
) -> Result<Vec<Told>, Refusal> {
    let keys = asked.configuration_keys.as_deref();
    let is_wanted = |name: &str| keys.is_none_or(|keys| keys.contains(&name));
    match resource(asked.resource_type, asked.resource_name)? {
        Resource::Topic(name) => {
            super::topics::check_name(name)?;
            let definition = cx.broker.topic(vhost, name).ok_or_else(Refusal::unknown_topic)?.definition();
            let all = shown(&definition.settings, definition.durability);
            Ok(all.filter(|setting| is_wanted(setting.row.name)).map(|setting| of_topic(&setting)).collect())
        }
        Resource::Broker(Some(node)) if node != link.settings.node_id => Err(Refusal::new(
            ErrorCode::InvalidRequest,
            format!("Unexpected broker id, expected {} or empty string, but received {node}", link.settings.node_id),
        )),
        // What is given to all brokers of the cluster: nothing, as nothing can be given so.
        Resource::Broker(None) => Ok(Vec::new()),
        Resource::Broker(Some(_)) => Ok(of_broker(link, cx.broker).filter(|setting| is_wanted(setting.name)).collect()),
    }
}

fn of_topic(setting: &crate::settings::shown::Shown<'_>) -> Told {
    let row = setting.row;
    let given = (setting.source() == OF_TOPIC).then(|| (row.name, Some(setting.value.to_owned()), OF_TOPIC));
    let default = row.broker.map(|name| (name, Some(row.default.to_owned()), DEFAULT));
    Told {
        name: row.name,
        value: Some(setting.value.to_owned()),
        read_only: setting.is_read_only(),
        source: setting.source(),
        kind: row.kind.code(),
        about: row.about,
        synonyms: given.into_iter().chain(default).collect(),
    }
}

fn of_broker(link: &Link, broker: &Broker) -> impl Iterator<Item = Told> {
    BROKER.iter().map(|row| {
        let (value, default) = (row.value(link, broker), row.default.map(str::to_owned));
        let is_default = value == default;
        let given = (!is_default).then(|| (row.name, value.clone(), OF_BROKER));
        let default = default.map(|value| (row.name, Some(value), DEFAULT));
        Told {
            name: row.name,
            value,
            read_only: true,
            source: if is_default { DEFAULT } else { OF_BROKER },
            kind: row.kind.code(),
            about: row.about,
            synonyms: given.into_iter().chain(default).collect(),
        }
    })
}
