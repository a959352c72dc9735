//! Bindings: listing by every side, making, removing.

use super::exchanges::name_in_path;
use super::queues::enter;
use super::{Answer, Call, Outcome, done};
use crate::error::Problem;
use crate::mapping::objects;
use narumq_broker::Vhost;
use narumq_door::http::{percent_decode, percent_encode};
use narumq_model::{BindingDefinition, Destination, HeaderMatch, Headers, Name};
use serde_json::Value;

impl Call<'_, '_> {
    /// The bindings of a vhost that `wanted` picks, by source, destination and key: those that were made, and the one of
    /// each queue with the default exchange, which the broker does not list.
    fn bindings(&self, vhost: &Vhost, wanted: impl Fn(&BindingDefinition) -> bool) -> Vec<BindingDefinition> {
        let mut bindings = self.cx.broker.bindings(vhost);
        bindings.extend(self.queues(vhost).iter().map(|queue| default_binding(queue.name())));
        bindings.retain(wanted);
        let order = |binding: &BindingDefinition| match &binding.destination {
            Destination::Queue(name) => (binding.source.clone(), name.clone(), false, binding.key.clone()),
            Destination::Exchange(name) => (binding.source.clone(), name.clone(), true, binding.key.clone()),
        };
        bindings.sort_by_cached_key(order);
        bindings
    }

    fn binding_listing(&self, vhost: &Vhost, wanted: impl Fn(&BindingDefinition) -> bool) -> Vec<Value> {
        let bindings = self.bindings(vhost, wanted);
        bindings.iter().map(|binding| objects::binding(binding, vhost.name())).collect()
    }
}

/// The binding of a queue with the default exchange: its name is the key.
fn default_binding(queue: &Name) -> BindingDefinition {
    BindingDefinition {
        source: "".into(),
        destination: Destination::Queue(queue.clone()),
        key: bytes::Bytes::copy_from_slice(queue.as_bytes()),
        arguments: Headers::default(),
        header_match: HeaderMatch::All,
    }
}

/// The bindings of all vhosts, or of one.
pub(super) fn list(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let vhosts = call.vhosts(path.get(1))?;
    call.listing(vhosts.iter().flat_map(|vhost| call.binding_listing(vhost, |_| true)).collect())
}

/// The bindings that lead to a queue.
pub(super) fn of_queue(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let vhost = call.vhost(path[1])?;
    let queue = Destination::Queue(call.queue_to_show(&vhost, path[2])?.name().clone());
    call.listing(call.binding_listing(&vhost, |binding| binding.destination == queue))
}

/// The bindings that start from an exchange, or lead to it.
pub(super) fn of_exchange(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let (vhost, name) = (call.vhost(path[1])?, name_in_path(path[2]));
    let exchange = call.exchange_to_show(&vhost, name)?;
    let destination = Destination::Exchange(exchange.name.clone());
    let as_source = path[4] == "source";
    call.listing(call.binding_listing(&vhost, |binding| {
        if as_source { binding.source == exchange.name } else { binding.destination == destination }
    }))
}

/// The two ends that a path names.
fn ends(path: &[&str]) -> (String, Destination) {
    let destination = match path[4] {
        "q" => Destination::Queue(path[5].into()),
        _ => Destination::Exchange(name_in_path(path[5]).into()),
    };
    (name_in_path(path[3]).to_owned(), destination)
}

/// The bindings between two ends.
pub(super) fn between(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let (vhost, (source, destination)) = (call.vhost(path[1])?, ends(path));
    call.listing(call.binding_listing(&vhost, |b| *b.source == *source && b.destination == destination))
}

/// The binding between two ends that the last segment names.
fn named(call: &Call<'_, '_>, vhost: &Vhost, path: &[&str]) -> Result<BindingDefinition, Problem> {
    let (source, destination) = ends(path);
    let candidates = call.bindings(vhost, |b| *b.source == *source && b.destination == destination);
    let loose = |text: &str| percent_decode(text.as_bytes(), true).map(std::borrow::Cow::into_owned).ok();
    let exact = candidates.iter().find(|binding| objects::properties_key(binding) == path[6]);
    let wanted = loose(path[6]);
    let near = || candidates.iter().find(|b| wanted.is_some() && loose(&objects::properties_key(b)) == wanted);
    exact.or_else(near).cloned().ok_or(Problem::NotFound)
}

/// One binding.
pub(super) fn show(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let vhost = call.vhost(path[1])?;
    let binding = named(call, &vhost, path)?;
    call.object(&objects::binding(&binding, vhost.name()))
}

/// Makes a binding; where it is found afterwards stands in `location`.
pub(super) fn bind(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let (vhost, (source, destination)) = (enter(call, path[1])?, ends(path));
    let body = call.body()?;
    let key = match body.get("routing_key") {
        None | Some(Value::Null) => "",
        Some(Value::String(key)) => key,
        Some(_) => return Err(Problem::bad("routing_key_not_string")),
    };
    if key.len() > narumq_model::limits::NAME_BYTES_MAX {
        return Err(Problem::bad("routing_key_too_long"));
    }
    let arguments = objects::table_argument(&body, "arguments").map_err(Problem::bad)?;
    let header_match = objects::header_match(&arguments).map_err(Problem::bad)?;
    refuse_default(&source, &destination)?;
    let key = bytes::Bytes::copy_from_slice(key.as_bytes());
    let binding = BindingDefinition { source: source.into(), destination, key, arguments, header_match };
    let location = percent_encode(objects::properties_key(&binding).as_bytes());
    let lsn = call.cx.broker.bind(&vhost, binding, call.session, call.cx.turn)?;
    let mut answer = Answer::empty(201).after(lsn);
    answer.headers.push(("location", format!("{}/{location}", percent_encode(path[5].as_bytes()))));
    Ok(Outcome::Answer(answer))
}

/// Removes a binding.
pub(super) fn unbind(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let vhost = call.vhost(path[1])?;
    let binding = named(call, &vhost, path)?;
    refuse_default(&binding.source, &binding.destination)?;
    let lsn = call.cx.broker.unbind(&vhost, &binding, call.session, call.cx.turn)?;
    done(204, lsn)
}

/// The default exchange is bound to every queue by its name and to nothing else.
fn refuse_default(source: &str, destination: &Destination) -> Result<(), Problem> {
    match destination {
        _ if source.is_empty() => Err(Problem::Refused("Access refused.".into())),
        Destination::Exchange(name) if name.is_empty() => Err(Problem::Refused("Access refused.".into())),
        _ => Ok(()),
    }
}
