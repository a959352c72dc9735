//! Which words a room must not know: protocols in the core, I/O in the doors.

use super::{Finding, Tree};

/// Crates that know no protocol, not even in their comments: what they do must make sense for all doors.
const PROTOCOL_BLIND: &[&str] = &["model", "log", "broker", "net"];

/// The names that betray a protocol. Each is looked for anywhere in a word and in any case, except that `redis`
/// is not found in English words that begin so (redistribute, redispatch).
const PROTOCOLS: &[&str] = &["amqp", "kafka", "sqs", "rabbit", "redis"];

/// Crates that are called with time and bytes and answer with values.
const WITHOUT_IO: &[&str] = &["broker", "amqp", "kafka", "sqs", "redis", "admin"];

/// What a crate without I/O must not say, and what to do instead.
const IO: &[(&str, &str)] = &[
    ("std::net", "sockets belong to net; an address type is in core::net"),
    ("std::fs", "files belong to log and server"),
    ("std::thread", "threads belong to net, log and server"),
    ("Instant::now", "take `now` as an argument"),
    ("SystemTime", "take `now` as an argument"),
    ("tokio", "no runtime here: answer with a ticket or an event"),
];

/// The core names no protocol, and none of the protocols' argument names (`x-max-length`).
pub(super) fn protocol_words(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for name in PROTOCOL_BLIND {
        for (path, text) in tree.rust_below(&format!("crates/{name}/src/")) {
            for (at, line) in text.lines().enumerate() {
                for word in PROTOCOLS.iter().filter(|word| names_protocol(line, word)) {
                    found.push(Finding::new(
                        path,
                        at + 1,
                        format!("{name} is protocol-blind: it must not say {word:?}"),
                    ));
                }
                if let Some(argument) = extension_argument(line) {
                    let what = format!("{name} is protocol-blind: {argument:?} is the name of a protocol's argument");
                    found.push(Finding::new(path, at + 1, what));
                }
            }
        }
    }
    found
}

/// The broker and the doors touch no socket, file, thread or clock in what they ship.
pub(super) fn doors_without_io(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for name in WITHOUT_IO {
        for (path, text) in tree.rust_below(&format!("crates/{name}/src/")) {
            for (number, line) in tree.shipped(path, text) {
                let says = IO.iter().filter(|(word, _)| line.contains(word) || imports_grouped(line, word));
                found.extend(says.map(|(word, instead)| {
                    Finding::new(path, number, format!("{name} must not use {word}: {instead}"))
                }));
            }
        }
    }
    found
}

/// Whether the line has the protocol's name.
fn names_protocol(line: &str, word: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    lower.match_indices(word).any(|(at, _)| {
        if word != "redis" {
            return true;
        }
        // `RedisKey`, `REDIS_KEY` and `redis` are the name; `Redistribute` and `REDISPATCH` go on in their own case.
        let bytes = line.as_bytes();
        let (last, next) = (bytes[at + word.len() - 1], bytes.get(at + word.len()).copied().unwrap_or(b' '));
        !next.is_ascii_alphabetic() || (last.is_ascii_lowercase() && next.is_ascii_uppercase())
    })
}

/// The first `x-name` in the line, as protocols call their optional arguments.
fn extension_argument(line: &str) -> Option<&str> {
    let bytes = line.as_bytes();
    line.match_indices("x-").find_map(|(at, _)| {
        let inside_a_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || matches!(bytes[at - 1], b'-' | b'_'));
        let end = bytes[at + 2..].iter().position(|byte| !byte.is_ascii_lowercase() && *byte != b'-');
        let name = &line[at..end.map_or(line.len(), |length| at + 2 + length)];
        (!inside_a_word && name.len() > 2).then_some(name)
    })
}

/// Whether `use std::{.., fs, ..}` brings in what `std::fs` names.
fn imports_grouped(line: &str, word: &str) -> bool {
    let (Some(module), Some((_, group))) = (word.strip_prefix("std::"), line.split_once("std::{")) else {
        return false;
    };
    let mut depth = 0_usize;
    let top = group.split(|letter| {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && matches!(letter, ',' | '}')
    });
    let mut names = top.filter_map(|item| item.trim().split([':', ' ']).next());
    names.any(|name| name == module)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_with(rule: fn(&Tree) -> Vec<Finding>, path: &str, text: &str) -> Vec<usize> {
        rule(&Tree::of(&[(path, text)])).into_iter().map(|found| found.line).collect()
    }

    #[test]
    fn a_protocol_named_in_the_core_is_found_even_in_a_comment() {
        let text = "//! Nouns.\n// as AMQP does\nstruct KafkaBatch;\nfn from_sqs() {}\nlet a = \"x-max-length\";\n\
                    /// like RabbitMQ\nconst REDIS_KEY: u8 = 0;\nstruct RedisKey;\n";
        assert_eq!(lines_with(protocol_words, "crates/model/src/a.rs", text), [2, 3, 4, 5, 6, 7, 8]);
        assert!(lines_with(protocol_words, "crates/amqp/src/a.rs", text).is_empty());
    }

    #[test]
    fn english_is_not_a_protocol() {
        let text = "//! Redistribute, redispatch, Rediscover.\n// hex-encoded max-x-min x - y a_x-b\n";
        assert!(lines_with(protocol_words, "crates/broker/src/a.rs", text).is_empty());
    }

    #[test]
    fn an_argument_name_is_read_to_its_end() {
        assert_eq!(extension_argument("the \"x-dead-letter-exchange\" of"), Some("x-dead-letter-exchange"));
        assert_eq!(extension_argument("x-"), None);
    }

    #[test]
    fn io_in_a_door_is_found() {
        let text = "//! A door.\nuse std::fs;\nuse std::{fmt, net::TcpStream};\nlet now = Instant::now();\n\
                    std::thread::yield_now();\ntokio::spawn(a);\nSystemTime::now();\n";
        assert_eq!(lines_with(doors_without_io, "crates/amqp/src/a.rs", text), [2, 3, 4, 5, 6, 7]);
        assert!(lines_with(doors_without_io, "crates/net/src/a.rs", text).is_empty());
    }

    #[test]
    fn tests_and_comments_of_a_door_may_name_io() {
        let text = "//! Never `Instant::now`.\nuse std::{fmt, collections::{net, fs}};\nuse core::net::SocketAddr;\n\
                    #[cfg(test)]\nmod tests {\n    use std::thread;\n}\n";
        assert!(lines_with(doors_without_io, "crates/broker/src/a.rs", text).is_empty());
    }
}
