//! The API's paths, and what a request for one of them leads to.
//!
//! ```text
//! overview  whoami  nodes[/n]  vhosts[/v]  users[/u]  permissions[/v/u]  definitions  health/checks/{alarms,local-alarms}
//! queues[/v[/q]]             q: GET PUT DELETE     /bindings GET   /contents DELETE   /get POST
//! exchanges[/v[/x]]          x: GET PUT DELETE     /bindings/{source,destination} GET   /publish POST
//! bindings[/v]               /e/src/{q,e}/dst GET POST     /props GET DELETE
//! topics[/v[/t]]             t: GET PUT DELETE     /settings /partitions /trim /offsets /get /publish POST
//! groups[/v[/g]]             g: GET DELETE         /offsets POST          cursors[/v]
//! connections[/name[/channels]]  (DELETE name)   channels[/name]   consumers[/v]
//! ```

mod bindings;
mod connections;
mod cursor_metrics;
mod cursors;
mod definitions;
mod exchanges;
mod groups;
pub(crate) mod health;
mod metrics;
mod overview;
mod positions;
mod publish;
mod queues;
mod records;
mod seek;
mod take;
mod topics;
mod users;

use crate::Shared;
use crate::auth;
use crate::error::Problem;
use crate::page;
use crate::waiting::Waiting;
use narumq_broker::{QueueHandle, User, Vhost};
use narumq_door::Context;
use narumq_door::http::{QueryPair, Request};
use narumq_model::{Lsn, SessionId};
use serde_json::{Map, Value};

/// One request with all that it needs to be answered.
pub(crate) struct Call<'a, 'c> {
    pub(crate) shared: &'a Shared,
    pub(crate) user: &'a User,
    pub(crate) request: &'a Request<'a>,
    pub(crate) query: Vec<QueryPair<'a>>,
    pub(crate) session: SessionId,
    /// 128 bits that no one can guess, other ones for each request.
    pub(crate) unique: u128,
    pub(crate) cx: &'a mut Context<'c>,
}

/// An answer, and what must be durable before it may leave.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) wait: Lsn,
}

/// What a request leads to.
pub(crate) enum Outcome {
    /// An answer.
    Answer(Answer),
    /// It takes a while.
    Wait(Box<dyn Waiting>),
}

impl Answer {
    /// An answer without a body.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, content_type: None, headers: Vec::new(), body: Vec::new(), wait: Lsn(0) }
    }

    /// An answer of this text.
    pub(crate) fn text(content_type: &'static str, body: Vec<u8>) -> Self {
        Self { content_type: Some(content_type), body, ..Self::empty(200) }
    }

    /// An answer of this value.
    pub(crate) fn json(value: &Value) -> Self {
        Self::text("application/json", value.to_string().into_bytes())
    }

    /// The same answer once `lsn` is durable.
    pub(crate) fn after(self, lsn: Lsn) -> Self {
        Self { wait: lsn, ..self }
    }
}

type Run = fn(&mut Call<'_, '_>, &[&str]) -> Result<Outcome, Problem>;

/// Methods of a path with what they run.
type Resource = &'static [(&'static str, Run)];

/// Answers a request below `/api`.
pub(crate) fn run(path: &[&str], call: &mut Call<'_, '_>) -> Result<Outcome, Problem> {
    let ["api", path @ ..] = path else { return Err(Problem::NotFound) };
    let path = path.strip_suffix(&[""]).unwrap_or(path);
    let resource = resource(path).ok_or(Problem::NotFound)?;
    let method = if call.request.method == "HEAD" { "GET" } else { call.request.method };
    match resource.iter().find(|(of, _)| *of == method) {
        Some((_, run)) => run(call, path),
        None if method == "OPTIONS" => {
            let mut answer = Answer::empty(200);
            answer.headers.push(("allow", allowed(resource).join(", ")));
            Ok(Outcome::Answer(answer))
        }
        None => Err(Problem::Method(allowed(resource))),
    }
}

fn resource(path: &[&str]) -> Option<Resource> {
    Some(match path {
        ["overview"] => &[("GET", overview::overview)],
        ["whoami"] => &[("GET", overview::whoami)],
        ["nodes"] => &[("GET", overview::nodes)],
        ["nodes", _] => &[("GET", overview::node)],
        ["health", "checks", "alarms" | "local-alarms"] => &[("GET", health::alarms)],
        ["definitions"] => &[("GET", definitions::all)],
        ["vhosts"] => &[("GET", users::vhosts)],
        ["vhosts", _] => &[("GET", users::vhost)],
        ["users"] => &[("GET", users::users)],
        ["users", _] => &[("GET", users::user)],
        ["permissions"] | ["vhosts", _, "permissions"] => &[("GET", users::permissions)],
        ["permissions", _, _] => &[("GET", users::permission)],
        ["queues"] | ["queues", _] => &[("GET", queues::list)],
        ["queues", _, _] => &[("GET", queues::show), ("PUT", queues::declare), ("DELETE", queues::delete)],
        ["queues", _, _, "bindings"] => &[("GET", bindings::of_queue)],
        ["queues", _, _, "contents"] => &[("DELETE", queues::purge)],
        ["queues", _, _, "get"] => &[("POST", take::get)],
        ["exchanges"] | ["exchanges", _] => &[("GET", exchanges::list)],
        ["exchanges", _, _] => &[("GET", exchanges::show), ("PUT", exchanges::declare), ("DELETE", exchanges::delete)],
        ["exchanges", _, _, "bindings", "source" | "destination"] => &[("GET", bindings::of_exchange)],
        ["exchanges", _, _, "publish"] => &[("POST", publish::publish)],
        ["bindings"] | ["bindings", _] => &[("GET", bindings::list)],
        ["bindings", _, "e", _, "q" | "e", _] => &[("GET", bindings::between), ("POST", bindings::bind)],
        ["bindings", _, "e", _, "q" | "e", _, _] => &[("GET", bindings::show), ("DELETE", bindings::unbind)],
        ["topics" | "groups" | "cursors", ..] => return topic_resource(path),
        ["connections"] => &[("GET", connections::connections)],
        ["connections", _] => &[("GET", connections::connection), ("DELETE", connections::close)],
        ["connections", _, "channels"] | ["channels"] => &[("GET", connections::channels)],
        ["channels", _] => &[("GET", connections::channel)],
        ["consumers"] | ["consumers", _] => &[("GET", connections::consumers)],
        _ => return None,
    })
}

fn topic_resource(path: &[&str]) -> Option<Resource> {
    Some(match path {
        ["topics"] | ["topics", _] => &[("GET", topics::list)],
        ["topics", _, _] => &[("GET", topics::show), ("PUT", topics::declare), ("DELETE", topics::delete)],
        ["topics", _, _, "settings"] => &[("POST", topics::alter)],
        ["topics", _, _, "partitions"] => &[("POST", topics::add_partitions)],
        ["topics", _, _, "trim"] => &[("POST", seek::trim)],
        ["topics", _, _, "offsets"] => &[("POST", seek::offsets)],
        ["topics", _, _, "get"] => &[("POST", records::get)],
        ["topics", _, _, "publish"] => &[("POST", records::publish)],
        ["cursors"] | ["cursors", _] => &[("GET", cursors::list)],
        ["groups"] | ["groups", _] => &[("GET", groups::list)],
        ["groups", _, _] => &[("GET", groups::show), ("DELETE", groups::delete)],
        ["groups", _, _, "offsets"] => &[("POST", seek::reset)],
        _ => return None,
    })
}

/// The methods of a resource for an `allow` header.
fn allowed(resource: Resource) -> &'static [&'static str] {
    let has = |method: &str| resource.iter().any(|(of, _)| *of == method);
    match (has("GET"), has("PUT"), has("POST"), has("DELETE")) {
        (true, true, _, _) => &["HEAD", "GET", "PUT", "DELETE", "OPTIONS"],
        (true, _, true, _) => &["HEAD", "GET", "POST", "OPTIONS"],
        (true, _, _, true) => &["HEAD", "GET", "DELETE", "OPTIONS"],
        (true, ..) => &["HEAD", "GET", "OPTIONS"],
        (_, _, true, _) => &["POST", "OPTIONS"],
        _ => &["DELETE", "OPTIONS"],
    }
}

impl Call<'_, '_> {
    /// The vhost of this name, if the user may enter it.
    fn vhost(&self, name: &str) -> Result<Vhost, Problem> {
        auth::vhost(self.cx.broker, name, self.user)
    }

    /// The vhost that the path names, or all that the user may enter.
    fn vhosts(&self, name: Option<&&str>) -> Result<Vec<Vhost>, Problem> {
        match name {
            Some(name) => Ok(vec![self.vhost(name)?]),
            None => {
                let all = self.cx.broker.vhosts().into_iter();
                Ok(all.filter(|vhost| self.cx.broker.open_vhost(vhost.name(), self.user).is_ok()).collect())
            }
        }
    }

    /// The queues of a vhost that listings show.
    fn queues(&self, vhost: &Vhost) -> Vec<QueueHandle> {
        self.shared.queues(self.cx.broker, vhost)
    }

    /// The body as an object; no body is an empty one.
    fn body(&self) -> Result<Map<String, Value>, Problem> {
        if self.request.body.trim_ascii().is_empty() {
            return Ok(Map::new());
        }
        serde_json::from_slice(&self.request.body).map_err(|_| Problem::bad("not_json"))
    }

    /// Whether the query says `name=true`.
    fn flag(&self, name: &str) -> bool {
        self.query.iter().any(|(n, value)| n == name && value == "true")
    }

    /// A listing as its query wants it.
    fn listing(&self, items: Vec<Value>) -> Result<Outcome, Problem> {
        Ok(Outcome::Answer(Answer::json(&page::arrange(items, &self.query)?)))
    }

    /// One object, cut to the columns that the query wants.
    fn object(&self, value: &Value) -> Result<Outcome, Problem> {
        let columns = self.query.iter().find(|(name, columns)| name == "columns" && !columns.is_empty());
        Ok(Outcome::Answer(match columns {
            Some((_, columns)) => Answer::json(&page::select(value, &columns.split(',').collect::<Vec<_>>())),
            None => Answer::json(value),
        }))
    }
}

/// A truth value of a body: absent is false; text is taken as well, as old tools send it.
fn boolean(body: &Map<String, Value>, name: &str) -> Result<bool, Problem> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(value)) => Ok(*value),
        Some(Value::String(text)) if text == "true" => Ok(true),
        Some(Value::String(text)) if text == "false" => Ok(false),
        Some(other) => Err(Problem::Bad(serde_json::json!(["not_boolean", other]))),
    }
}

/// A text of a body.
fn text<'b>(body: &'b Map<String, Value>, name: &str) -> Result<&'b str, Problem> {
    body.get(name).unwrap_or(&Value::Null).as_str().ok_or_else(|| Problem::bad(format!("{name}_not_string")))
}

/// Refuses a body in which keys are missing.
fn require_keys(body: &Map<String, Value>, keys: &[&str]) -> Result<(), Problem> {
    let missing: Vec<String> =
        keys.iter().filter(|key| !body.contains_key(**key)).map(|key| format!("{{key_missing,{key}}}")).collect();
    if missing.is_empty() { Ok(()) } else { Err(Problem::bad(format!("[{}]", missing.join(",\n ")))) }
}

/// Refuses names that begin with the reserved prefix, and names that are too long.
fn free_name(name: &str) -> Result<(), Problem> {
    if name.is_empty() || name.starts_with("amq.") {
        return Err(Problem::Refused("Access refused.".into()));
    }
    if name.len() > narumq_model::limits::NAME_BYTES_MAX {
        return Err(Problem::bad("name_too_long"));
    }
    Ok(())
}

/// An answer without a body, once `lsn` is durable.
fn done(status: u16, lsn: Lsn) -> Result<Outcome, Problem> {
    Ok(Outcome::Answer(Answer::empty(status).after(lsn)))
}
