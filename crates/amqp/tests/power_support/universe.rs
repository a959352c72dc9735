//! The names that workloads use, and what each stands for.
//!
//! ```text
//! plain                          rejecting ──rejected──► "" ──► grave
//! short (4 messages) ──overflow──► all (fanout) ──► whatever is bound
//! ranked (priorities 0 to 2)     fleeting (transient)       own (exclusive to connection 0)
//! direct (direct, keys a and b), all (fanout): durable
//! ```

use narumq_amqp::codec::{QueueDeclare, TableWriter, Value};

/// All queues.
pub const QUEUES: [&str; 7] = ["plain", "rejecting", "short", "ranked", "grave", "fleeting", "own"];
/// All exchanges with their types.
pub const EXCHANGES: [(&str, &str); 2] = [("direct", "direct"), ("all", "fanout")];
/// What may be bound: exchange, key, queue.
pub const BINDINGS: [(&str, &str, &str); 8] = [
    ("direct", "a", "plain"),
    ("direct", "a", "rejecting"),
    ("direct", "a", "short"),
    ("direct", "a", "fleeting"),
    ("direct", "b", "ranked"),
    ("direct", "b", "plain"),
    ("all", "", "plain"),
    ("all", "", "grave"),
];
/// How many messages `short` holds.
pub const SHORT: usize = 4;

/// Whether a queue outlives a restart.
pub fn outlives(queue: &str) -> bool {
    queue != "fleeting" && !is_own(queue)
}

/// Whether a queue belongs to connection 0.
pub fn is_own(queue: &str) -> bool {
    queue == "own"
}

/// Whether a queue hands over by priority.
pub fn has_priorities(queue: &str) -> bool {
    queue == "ranked"
}

/// Where the dead of a queue go: exchange and, if it is not their own, key.
pub fn dead_letters(queue: &str) -> Option<(&'static str, Option<&'static str>)> {
    match queue {
        "rejecting" => Some(("", Some("grave"))),
        "short" => Some(("all", None)),
        _ => None,
    }
}

/// The declaration of a queue; the arguments are written into `buffer`.
pub fn declaration<'a>(queue: &'a str, buffer: &'a mut Vec<u8>) -> QueueDeclare<'a> {
    let mut table = TableWriter::new(buffer);
    if let Some((exchange, key)) = dead_letters(queue) {
        table.long_string(b"x-dead-letter-exchange", exchange.as_bytes());
        if let Some(key) = key {
            table.long_string(b"x-dead-letter-routing-key", key.as_bytes());
        }
    }
    if queue == "short" {
        table.entry(b"x-max-length", Value::SignedInt(SHORT as i32));
    }
    if has_priorities(queue) {
        table.entry(b"x-max-priority", Value::SignedInt(2));
    }
    QueueDeclare {
        queue: queue.as_bytes(),
        durable: queue != "fleeting",
        exclusive: is_own(queue),
        arguments: table.finish(),
        ..Default::default()
    }
}
