//! All definitions in one document, as tools export them; objects that go with a connection are left out.

use super::{Answer, Call, Outcome, users};
use crate::auth::{Level, require};
use crate::error::Problem;
use crate::mapping::objects;
use crate::page;
use narumq_model::{BindingDefinition, Destination};
use serde_json::{Value, json};

/// Users (with the hashes of their passwords), vhosts, permissions, queues, exchanges and bindings.
pub(super) fn all(call: &mut Call<'_, '_>, _: &[&str]) -> Result<Outcome, Problem> {
    require(call.user, Level::Administrator)?;
    let (broker, config) = (call.cx.broker, &call.shared.config);
    let vhosts = broker.vhosts();
    let (mut queues, mut exchanges, mut bindings) = (Vec::new(), Vec::new(), Vec::new());
    for vhost in &vhosts {
        let mut exclusive = Vec::new();
        for queue in broker.queues(vhost) {
            if queue.definition().exclusive {
                exclusive.push(Destination::Queue(queue.name().clone()));
                continue;
            }
            let object = objects::queue(queue.definition(), vhost.name(), &Default::default(), &[], &config.node);
            queues.push(page::select(&object, &["name", "vhost", "durable", "auto_delete", "arguments"]));
        }
        let declared = |name: &str| !name.is_empty() && !name.starts_with("amq.");
        for exchange in broker.exchanges(vhost).iter().filter(|exchange| declared(&exchange.name)) {
            let columns = ["name", "vhost", "type", "durable", "auto_delete", "internal", "arguments"];
            exchanges.push(page::select(&objects::exchange(exchange, vhost.name()), &columns));
        }
        let made = |b: &BindingDefinition| !b.source.is_empty() && !exclusive.contains(&b.destination);
        for binding in broker.bindings(vhost).iter().filter(|binding| made(binding)) {
            let columns = ["source", "vhost", "destination", "destination_type", "routing_key", "arguments"];
            bindings.push(page::select(&objects::binding(binding, vhost.name()), &columns));
        }
    }
    let listed: Vec<Value> = broker.users().iter().map(|user| users::user_object(call, user)).collect();
    let permissions = users::permissions_of(call, &vhosts);
    Ok(Outcome::Answer(Answer::json(&json!({
        "rabbit_version": config.compatible_version,
        "rabbitmq_version": config.compatible_version,
        "product_name": config.product,
        "product_version": config.version,
        "users": listed,
        "vhosts": vhosts.iter().map(|vhost| json!({ "name": &**vhost.name() })).collect::<Vec<_>>(),
        "permissions": permissions,
        "topic_permissions": [],
        "parameters": [],
        "global_parameters": [],
        "policies": [],
        "queues": queues,
        "exchanges": exchanges,
        "bindings": bindings,
    }))))
}
