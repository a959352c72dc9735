//! Everything that reads: groups by partition, and queues, with how far each is behind.

use super::{Call, Outcome};
use crate::error::Problem;
use crate::mapping::topics as objects;
use narumq_broker::{QueueHandle, Vhost};
use serde_json::{Value, json};

/// The cursors of all vhosts, or of one: those of groups by group, topic and partition, then queues by name. `kind=group` or
/// `kind=queue` in the query selects one of both.
pub(super) fn list(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let kind = call.query.iter().find(|(name, _)| name == "kind").map(|(_, kind)| kind.to_string());
    let (groups, queues) = match kind.as_deref() {
        None => (true, true),
        Some("group") => (true, false),
        Some("queue") => (false, true),
        Some(_) => return Err(Problem::bad("kind must be group or queue")),
    };
    let mut items = Vec::new();
    for vhost in call.vhosts(path.get(1))? {
        if groups {
            of_groups(call, &vhost, &mut items);
        }
        if queues {
            items.extend(call.queues(&vhost).iter().map(|queue| of_queue(call, queue)));
        }
    }
    call.listing(items)
}

fn of_groups(call: &Call<'_, '_>, vhost: &Vhost, items: &mut Vec<Value>) {
    let now = call.cx.turn.now;
    for (name, cursors) in call.cx.broker.all_cursors(vhost) {
        for cursor in cursors {
            let mut item = json!({ "kind": "group", "name": &*name, "vhost": &**vhost.name() });
            if let (Some(item), Value::Object(cursor)) = (item.as_object_mut(), objects::cursor(&cursor, now)) {
                item.extend(cursor);
            }
            items.push(item);
        }
    }
}

fn of_queue(call: &Call<'_, '_>, queue: &QueueHandle) -> Value {
    let counts = call.cx.broker.counts(queue);
    json!({
        "kind": "queue",
        "name": &**queue.name(),
        "vhost": &**queue.vhost(),
        "state": if counts.consumers > 0 { "consumed" } else { "idle" },
        "consumers": counts.consumers,
        "messages_ready": counts.ready,
        "messages_unacknowledged": counts.unsettled,
        "lag": counts.ready + counts.unsettled,
        "oldest_age_ms": counts.oldest.map(|came| call.cx.turn.now.since(came)),
        "oldest_age_exact": false,
    })
}
