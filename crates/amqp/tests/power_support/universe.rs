//! The names that workloads use, and what each stands for.
//!
//! ```text
//! plain                          rejecting ──rejected──► "" ──► grave
//! short (4 messages, the oldest go) ──overflow──► all (fanout) ──► whatever is bound
//! aging (50 ms) ──expired──┬──► "" ──► aged        strict (3 messages, the newest are refused)
//! limited (returned twice) ┘                       leaving (goes with its last consumer)
//! ranked (priorities 0 to 2)     fleeting (transient)       own (exclusive to connection 0)
//! direct (direct, keys a and b), all (fanout), hub (fanout): durable; hub ──► direct, hub ──► all, direct ──b──► all
//! ```

use narumq_amqp::codec::{QueueDeclare, TableWriter, Value};

/// All queues.
pub const QUEUES: [&str; 12] = [
    "plain",
    "rejecting",
    "short",
    "ranked",
    "grave",
    "fleeting",
    "own",
    "aging",
    "aged",
    "limited",
    "strict",
    "leaving",
];
/// All exchanges with their types.
pub const EXCHANGES: [(&str, &str); 3] = [("direct", "direct"), ("all", "fanout"), ("hub", "fanout")];
/// What may be bound: exchange, key, and a queue or, behind `x:`, an exchange.
pub const BINDINGS: [(&str, &str, &str); 12] = [
    ("direct", "a", "plain"),
    ("direct", "a", "rejecting"),
    ("direct", "a", "short"),
    ("direct", "a", "fleeting"),
    ("direct", "b", "ranked"),
    ("direct", "b", "plain"),
    ("all", "", "plain"),
    ("all", "", "grave"),
    ("hub", "", "plain"),
    ("hub", "", "x:direct"),
    ("hub", "", "x:all"),
    ("direct", "b", "x:all"),
];
/// What may be published to, beside the queues: exchange and key.
pub const WAYS: [(&str, &str); 5] = [("direct", "a"), ("direct", "b"), ("all", ""), ("hub", "a"), ("hub", "b")];
/// How many messages `short` holds.
pub const SHORT: usize = 4;
/// How many messages `strict` holds.
pub const STRICT: usize = 3;
/// How long messages live in `aging`, in milliseconds.
pub const AGE_MS: u64 = 50;
/// How often messages of `limited` may come back.
pub const RETURNS: u64 = 2;

/// The exchange that a binding leads to, if to one.
pub fn exchange_behind(destination: &str) -> Option<&str> {
    destination.strip_prefix("x:")
}

/// Whether a binding of this source and key takes what is published with `key`.
pub fn takes(source: &str, bound: &str, key: &str) -> bool {
    source != "direct" || bound == key
}

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

/// Whether a queue may have consumers: what others hold of it must be known at any time.
pub fn may_be_consumed(queue: &str) -> bool {
    !matches!(queue, "short" | "aging" | "limited" | "strict")
}

/// Where the dead of a queue go: exchange and, if it is not their own, key.
pub fn dead_letters(queue: &str) -> Option<(&'static str, Option<&'static str>)> {
    match queue {
        "rejecting" => Some(("", Some("grave"))),
        "aging" | "limited" => Some(("", Some("aged"))),
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
    let limits: &[(&[u8], u64)] = match queue {
        "short" => &[(b"x-max-length", SHORT as u64)],
        "strict" => &[(b"x-max-length", STRICT as u64)],
        "aging" => &[(b"x-message-ttl", AGE_MS)],
        "limited" => &[(b"x-delivery-limit", RETURNS)],
        _ if has_priorities(queue) => &[(b"x-max-priority", 2)],
        _ => &[],
    };
    for (name, value) in limits {
        table.entry(name, Value::SignedInt(*value as i32));
    }
    if let "short" | "strict" = queue {
        let overflow: &[u8] = if queue == "short" { b"drop-head" } else { b"reject-publish" };
        table.long_string(b"x-overflow", overflow);
    }
    QueueDeclare {
        queue: queue.as_bytes(),
        durable: queue != "fleeting",
        exclusive: is_own(queue),
        auto_delete: queue == "leaving",
        arguments: table.finish(),
        ..Default::default()
    }
}
