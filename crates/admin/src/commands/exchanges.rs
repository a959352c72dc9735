//! Exchanges: listing, declaring, deleting.

use super::queues::enter;
use super::{Call, Outcome, boolean, done, free_name};
use crate::error::Problem;
use crate::mapping::objects::{self, DEFAULT_EXCHANGE};
use crate::mapping::{settings, type_name};
use narumq_broker::{Declared, ExchangeSpec, Vhost};
use narumq_model::{ExchangeDefinition, ExchangeKind, Headers, Name, ObjectId, Value as Field};
use serde_json::Value;
use std::sync::Arc;

const ALTERNATE: &str = "alternate-exchange";

/// The name of an exchange as a path gives it.
pub(super) fn name_in_path(segment: &str) -> &str {
    if segment == DEFAULT_EXCHANGE { "" } else { segment }
}

/// The default exchange: every vhost has it, no client declares or deletes it, and the broker does not list it.
fn default_exchange() -> ExchangeDefinition {
    ExchangeDefinition {
        id: ObjectId(0),
        name: "".into(),
        kind: ExchangeKind::Direct,
        durable: true,
        auto_delete: false,
        internal: false,
        alternate: None,
        arguments: Headers::default(),
    }
}

impl Call<'_, '_> {
    /// The exchange of this name, the default one too.
    pub(super) fn exchange_to_show(&self, vhost: &Vhost, name: &str) -> Result<Arc<ExchangeDefinition>, Problem> {
        if name.is_empty() {
            return Ok(Arc::new(default_exchange()));
        }
        self.cx.broker.exchange(vhost, name).map_err(|_| Problem::NotFound)
    }

    /// All exchanges of a vhost by name, the default one first.
    pub(super) fn exchanges(&self, vhost: &Vhost) -> Vec<Arc<ExchangeDefinition>> {
        let mut exchanges = self.cx.broker.exchanges(vhost);
        exchanges.push(Arc::new(default_exchange()));
        exchanges.sort_by(|a, b| a.name.cmp(&b.name));
        exchanges
    }
}

/// The exchanges of all vhosts, or of one, by name.
pub(super) fn list(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let mut items = Vec::new();
    for vhost in call.vhosts(path.get(1))? {
        items.extend(call.exchanges(&vhost).iter().map(|exchange| objects::exchange(exchange, vhost.name())));
    }
    call.listing(items)
}

/// One exchange.
pub(super) fn show(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let vhost = call.vhost(path[1])?;
    let exchange = call.exchange_to_show(&vhost, name_in_path(path[2]))?;
    call.object(&objects::exchange(&exchange, vhost.name()))
}

/// Declares an exchange: 201 if it is new, 204 if it stands as asked.
pub(super) fn declare(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let (vhost, name) = (enter(call, path[1])?, name_in_path(path[2]));
    let body = call.body()?;
    let rs = format!("exchange '{name}' in vhost '{}'", vhost.name());
    let kind = match body.get("type") {
        None => ExchangeKind::Direct,
        Some(Value::String(word)) => {
            let unknown = || Problem::bad(format!("unknown exchange type '{word}'"));
            objects::kind_from_name(word).ok_or_else(unknown)?
        }
        Some(_) => return Err(Problem::bad("type_not_string")),
    };
    let arguments = objects::table_argument(&body, "arguments").map_err(Problem::bad)?;
    let alternate = alternate(&arguments, &rs)?;
    let (durable, auto_delete) = (boolean(&body, "durable")?, boolean(&body, "auto_delete")?);
    let internal = boolean(&body, "internal")?;
    if name.is_empty() || call.cx.broker.exchange(&vhost, name).is_err() {
        free_name(name)?;
    }
    let arguments_asked = arguments.clone();
    let spec = ExchangeSpec { name: name.into(), kind, durable, auto_delete, internal, alternate, arguments };
    let (declared, lsn) = call.cx.broker.declare_exchange(&vhost, spec, call.cx.turn);
    let Declared::Existing(stands) = declared else { return done(201, lsn) };
    let yes = |value: bool| if value { "true" } else { "false" };
    settings::same_property("type", objects::kind_name(kind), objects::kind_name(stands.kind), &rs)
        .and_then(|()| settings::same_property("durable", yes(durable), yes(stands.durable), &rs))
        .and_then(|()| settings::same_property("auto_delete", yes(auto_delete), yes(stands.auto_delete), &rs))
        .and_then(|()| settings::same_property("internal", yes(internal), yes(stands.internal), &rs))
        .and_then(|()| settings::same_argument(ALTERNATE, &arguments_asked, &stands.arguments, &rs))
        .map_err(Problem::bad)?;
    done(204, lsn)
}

fn alternate(arguments: &Headers, rs: &str) -> Result<Option<Name>, Problem> {
    match arguments.get(ALTERNATE.as_bytes()) {
        None => Ok(None),
        Some(Field::Text(text)) => match std::str::from_utf8(text) {
            Ok(name) => Ok(Some(name.into())),
            Err(_) => Err(Problem::bad(format!("invalid arg '{ALTERNATE}' for {rs}: not UTF-8"))),
        },
        Some(other) => {
            let kind = type_name(other);
            Err(Problem::bad(format!("invalid type '{kind}' for arg '{ALTERNATE}' in {rs}")))
        }
    }
}

/// Deletes an exchange, unless the query's `if-unused` forbids it.
pub(super) fn delete(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let (vhost, name) = (call.vhost(path[1])?, name_in_path(path[2]));
    free_name(name)?;
    call.cx.broker.exchange(&vhost, name).map_err(|_| Problem::NotFound)?;
    let lsn = call.cx.broker.delete_exchange(&vhost, name, call.flag("if-unused"), call.cx.turn)?;
    done(204, lsn)
}
