//! Queues: listing, declaring, deleting, emptying.

use super::{Answer, Call, Outcome, boolean, done, free_name};
use crate::directory::ConsumerListing;
use crate::error::Problem;
use crate::mapping::{objects, settings};
use narumq_broker::{Declared, QueueError, QueueHandle, QueueSpec, TopicHandle, Vhost};
use serde_json::Value;

impl Call<'_, '_> {
    /// A queue to be looked at, whoever owns it.
    pub(super) fn queue_to_show(&self, vhost: &Vhost, name: &str) -> Result<QueueHandle, Problem> {
        if (self.shared.config.unlisted)(name) {
            return Err(Problem::NotFound);
        }
        match self.cx.broker.queue(vhost, name, self.session) {
            Ok(queue) => Ok(queue),
            Err(QueueError::NoSuchQueue(_)) => Err(Problem::NotFound),
            Err(_) => {
                let mut queues = self.queues(vhost).into_iter();
                queues.find(|queue| &**queue.name() == name).ok_or(Problem::NotFound)
            }
        }
    }

    fn stream_object(&self, topic: &TopicHandle) -> Value {
        let (offsets, readers) = (self.cx.broker.all_offsets(topic), self.cx.broker.stream_readers(topic));
        objects::stream(topic, &offsets, readers, &self.shared.config.node)
    }

    fn queue_object(&self, queue: &QueueHandle, vhost: &Vhost, consumers: &[ConsumerListing]) -> Value {
        let own: Vec<&ConsumerListing> = consumers.iter().filter(|consumer| consumer.queue == queue.id()).collect();
        let counts = self.cx.broker.counts(queue);
        objects::queue(queue.definition(), vhost.name(), &counts, &own, &self.shared.config.node)
    }
}

/// The queues of all vhosts, or of one, by name, in each behind them the topics.
pub(super) fn list(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let mut consumers = call.shared.config.directory.consumers();
    consumers.sort_by_key(|consumer| consumer.queue);
    let mut items = Vec::new();
    for vhost in call.vhosts(path.get(1))? {
        let mut queues = call.queues(&vhost);
        queues.sort_by(|a, b| a.name().cmp(b.name()));
        for queue in queues {
            let first = consumers.partition_point(|consumer| consumer.queue < queue.id());
            let last = consumers.partition_point(|consumer| consumer.queue <= queue.id());
            items.push(call.queue_object(&queue, &vhost, &consumers[first..last]));
        }
        items.extend(call.cx.broker.topics(&vhost).iter().map(|topic| call.stream_object(topic)));
    }
    call.listing(items)
}

/// One queue, with its consumers.
pub(super) fn show(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let vhost = call.vhost(path[1])?;
    if let Some(topic) = call.cx.broker.topic(&vhost, path[2]) {
        let mut object = call.stream_object(&topic);
        object["consumer_details"] = Value::Array(Vec::new());
        return call.object(&object);
    }
    let queue = call.queue_to_show(&vhost, path[2])?;
    let consumers = call.shared.config.directory.consumers();
    let connections = call.shared.config.directory.connections();
    let mut object = call.queue_object(&queue, &vhost, &consumers);
    let details = consumers.iter().filter(|consumer| consumer.queue == queue.id()).map(|consumer| {
        let connection = connections.iter().find(|connection| connection.session == consumer.session);
        objects::consumer(consumer, queue.name(), vhost.name(), connection)
    });
    object["consumer_details"] = details.collect();
    call.object(&object)
}

/// Declares a queue: 201 if it is new, 204 if it stands as asked.
pub(super) fn declare(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let (vhost, name) = (enter(call, path[1])?, path[2]);
    let body = call.body()?;
    let rs = format!("queue '{name}' in vhost '{}'", vhost.name());
    let arguments = objects::table_argument(&body, "arguments").map_err(Problem::bad)?;
    let policy = settings::policy(&arguments, &rs).map_err(Problem::bad)?;
    let (durable, auto_delete) = (boolean(&body, "durable")?, boolean(&body, "auto_delete")?);
    if boolean(&body, "exclusive")? {
        return Err(Problem::bad("exclusive queues belong to a connection and cannot be declared here"));
    }
    match body.get("node").and_then(Value::as_str) {
        None => {}
        Some(node) if node == call.shared.config.node => {}
        Some(_) => return Err(Problem::bad("node_not_running")),
    }
    let stands = call.cx.broker.queue(&vhost, name, call.session);
    if matches!(stands, Err(QueueError::NoSuchQueue(_))) {
        free_name(name)?;
    }
    let spec = QueueSpec {
        name: Some(name.into()),
        durable,
        exclusive: false,
        auto_delete,
        policy,
        arguments: arguments.clone(),
    };
    let (declared, lsn) = call.cx.broker.declare_queue(&vhost, spec, call.session, call.cx.turn)?;
    let Declared::Existing(queue) = declared else { return done(201, lsn) };
    let stands = queue.definition();
    let yes = |value: bool| if value { "true" } else { "false" };
    settings::same_property("durable", yes(durable), yes(stands.durable), &rs)
        .and_then(|()| settings::same_property("auto_delete", yes(auto_delete), yes(stands.auto_delete), &rs))
        .and_then(|()| settings::same_property("exclusive", "false", yes(stands.exclusive), &rs))
        .and_then(|()| settings::same_arguments(&arguments, &stands.arguments, &rs))
        .map_err(Problem::bad)?;
    done(204, lsn)
}

/// Deletes a queue, unless the query's `if-unused` or `if-empty` forbid it.
pub(super) fn delete(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let vhost = call.vhost(path[1])?;
    let (if_unused, if_empty) = (call.flag("if-unused"), call.flag("if-empty"));
    let broker = call.cx.broker;
    if let Some(topic) = broker.topic(&vhost, path[2]) {
        if if_unused && broker.stream_readers(&topic) > 0 {
            return Err(Problem::bad(format!("queue '{}' in vhost '{}' in use", path[2], vhost.name())));
        }
        let lsn = broker.delete_topic(&vhost, path[2], call.cx.turn).ok_or(Problem::NotFound)?;
        return done(204, lsn);
    }
    let (_, lsn) = broker.delete_queue(&vhost, path[2], (if_unused, if_empty), call.session, call.cx.turn)?;
    done(204, lsn)
}

/// Drops the ready messages of a queue.
pub(super) fn purge(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let vhost = call.vhost(path[1])?;
    let queue = match call.cx.broker.queue(&vhost, path[2], call.session) {
        Err(QueueError::NoSuchQueue(_)) => return Err(Problem::NotFound),
        other => other?,
    };
    let (_, lsn) = call.cx.broker.purge(&queue, call.cx.turn);
    Ok(Outcome::Answer(Answer::empty(204).after(lsn)))
}

/// The vhost in which something is to be declared: there, a missing one is told in other words.
pub(super) fn enter(call: &Call<'_, '_>, name: &str) -> Result<Vhost, Problem> {
    call.vhost(name).map_err(|problem| match problem {
        Problem::NotFound => Problem::Missing("vhost_not_found".into()),
        other => other,
    })
}
