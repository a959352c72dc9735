//! The arguments of a queue that its settings come from, and how two declarations are compared.

use super::type_name;
use bytes::Bytes;
use narumq_model::{Headers, Overflow, QueuePolicy, Value as Field};

const DEAD_LETTER_EXCHANGE: &str = "x-dead-letter-exchange";
const DEAD_LETTER_KEY: &str = "x-dead-letter-routing-key";
/// Longest time an argument may name, in milliseconds (2^32 - 1, as clients know it).
const MILLIS_MAX: i64 = u32::MAX as i64;

/// The arguments that must not differ when a queue is declared again, in the order in which they are compared.
const COMPARED: [&str; 12] = [
    "x-queue-type",
    "x-expires",
    "x-message-ttl",
    DEAD_LETTER_EXCHANGE,
    DEAD_LETTER_KEY,
    "x-max-length",
    "x-max-length-bytes",
    "x-overflow",
    "x-max-priority",
    "x-queue-mode",
    "x-single-active-consumer",
    "x-delivery-limit",
];

/// The settings that a queue's arguments ask for; `rs` names the queue in refusals ("queue 'q' in vhost '/'").
pub(crate) fn policy(arguments: &Headers, rs: &str) -> Result<QueuePolicy, String> {
    let read = Reader { arguments, rs };
    let delivery_limit = read.number("x-delivery-limit", -1, i64::from(u32::MAX))?.filter(|&limit| limit >= 0);
    let policy = QueuePolicy {
        message_ttl_ms: read.number("x-message-ttl", 0, MILLIS_MAX)?.map(i64::cast_unsigned),
        expires_ms: read.number("x-expires", 1, MILLIS_MAX)?.map(i64::cast_unsigned),
        max_length: read.number("x-max-length", 0, i64::MAX)?.map(i64::cast_unsigned),
        max_length_bytes: read.number("x-max-length-bytes", 0, i64::MAX)?.map(i64::cast_unsigned),
        overflow: match read.word("x-overflow")?.as_deref() {
            None | Some(b"drop-head") => Overflow::DropHead,
            Some(b"reject-publish") => Overflow::Reject,
            Some(b"reject-publish-dlx") => Overflow::RejectDeadLetter,
            Some(_) => return Err(read.invalid("x-overflow", "invalid_overflow")),
        },
        dead_letter_exchange: match read.text(DEAD_LETTER_EXCHANGE)? {
            None => None,
            Some(name) => {
                let name = std::str::from_utf8(&name).map_err(|_| read.invalid(DEAD_LETTER_EXCHANGE, "not UTF-8"))?;
                Some(name.into())
            }
        },
        dead_letter_key: read.text(DEAD_LETTER_KEY)?,
        max_priority: match read.number("x-max-priority", 0, 255)? {
            None | Some(0) => None,
            Some(priority) => u8::try_from(priority).ok(),
        },
        delivery_limit: delivery_limit.and_then(|limit| u32::try_from(limit).ok()),
        single_active_consumer: match arguments.get(b"x-single-active-consumer") {
            None => false,
            Some(Field::Bool(value)) => *value,
            Some(other) => {
                let reason = format!("{{unacceptable_type,{}}}", type_name(other));
                return Err(read.invalid("x-single-active-consumer", &reason));
            }
        },
        ..QueuePolicy::default()
    };
    if policy.dead_letter_key.is_some() && policy.dead_letter_exchange.is_none() {
        return Err(read.invalid(DEAD_LETTER_KEY, "routing_key_but_no_dlx_defined"));
    }
    read.one_of("x-queue-type", &["classic", "quorum"], "queue type")?;
    read.one_of("x-queue-mode", &["default", "lazy"], "queue mode")?;
    Ok(policy)
}

struct Reader<'a> {
    arguments: &'a Headers,
    rs: &'a str,
}

impl Reader<'_> {
    fn invalid(&self, name: &str, reason: &str) -> String {
        format!("invalid arg '{name}' for {}: {reason}", self.rs)
    }

    fn number(&self, name: &str, least: i64, most: i64) -> Result<Option<i64>, String> {
        let Some(field) = self.arguments.get(name.as_bytes()) else { return Ok(None) };
        let Some(number) = field.as_integer() else {
            return Err(self.invalid(name, &format!("\"expected integer, got {}\"", type_name(field))));
        };
        let kind = match number {
            n if n < 0 && n < least => "value_negative",
            n if n < least => "value_zero",
            n if n > most && name == "x-max-priority" => "max_value_exceeded",
            n if n > most => "value_too_large",
            _ => return Ok(Some(number)),
        };
        Err(self.invalid(name, &format!("{{{kind},{number}}}")))
    }

    fn text(&self, name: &str) -> Result<Option<Bytes>, String> {
        match self.arguments.get(name.as_bytes()) {
            None => Ok(None),
            Some(Field::Text(text)) => Ok(Some(text.clone())),
            Some(other) => Err(format!("invalid type '{}' for arg '{name}' in {}", type_name(other), self.rs)),
        }
    }

    fn word(&self, name: &str) -> Result<Option<Bytes>, String> {
        match self.arguments.get(name.as_bytes()) {
            None => Ok(None),
            Some(Field::Text(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.invalid(name, &format!("{{unacceptable_type,{}}}", type_name(other)))),
        }
    }

    fn one_of(&self, name: &str, known: &[&str], what: &str) -> Result<(), String> {
        match self.word(name)? {
            Some(word) if !known.iter().any(|known| known.as_bytes() == word) => {
                let word = String::from_utf8_lossy(&word);
                Err(self.invalid(name, &format!("\"unsupported {what} '{word}'\"")))
            }
            _ => Ok(()),
        }
    }
}

/// Refuses a second declaration of a queue whose compared arguments differ from what stands.
pub(crate) fn same_arguments(asked: &Headers, stands: &Headers, rs: &str) -> Result<(), String> {
    COMPARED.iter().try_for_each(|name| same_argument(name, asked, stands, rs))
}

/// Refuses a second declaration in which one argument differs from what stands.
pub(crate) fn same_argument(name: &str, asked: &Headers, stands: &Headers, rs: &str) -> Result<(), String> {
    let (asked, stands) = (asked.get(name.as_bytes()), stands.get(name.as_bytes()));
    let (asked, stands) = match (asked, stands) {
        (None, None) => return Ok(()),
        (Some(a), Some(b)) if a.same(b) => return Ok(()),
        (Some(a), Some(b)) if type_name(a) == type_name(b) => (format!("'{}'", show(a)), format!("'{}'", show(b))),
        (a, b) => (describe(a), describe(b)),
    };
    Err(format!("inequivalent arg '{name}' for {rs}: received {asked} but current is {stands}"))
}

/// Refuses a second declaration in which a property differs from what stands.
pub(crate) fn same_property(name: &str, asked: &str, stands: &str, rs: &str) -> Result<(), String> {
    if asked == stands {
        return Ok(());
    }
    Err(format!("inequivalent arg '{name}' for {rs}: received '{asked}' but current is '{stands}'"))
}

fn describe(field: Option<&Field>) -> String {
    match field {
        None => "none".into(),
        Some(field) => format!("the value '{}' of type '{}'", show(field), type_name(field)),
    }
}

fn show(field: &Field) -> String {
    match super::field_to_json(field) {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::table_from_json;
    use super::*;
    use serde_json::{Value, json};

    const RS: &str = "queue 'zz' in vhost '/'";

    fn table(value: &Value) -> Headers {
        table_from_json(value.as_object().unwrap()).unwrap()
    }

    #[test]
    fn settings_come_from_arguments() {
        let arguments = table(&json!({
            "x-message-ttl": 0, "x-expires": 1, "x-max-length": 5, "x-max-length-bytes": 6, "x-overflow": "reject-publish",
            "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "k", "x-max-priority": 9, "x-delivery-limit": 3,
            "x-single-active-consumer": true, "x-queue-type": "quorum", "x-queue-mode": "lazy", "other": 1,
        }));
        let policy = policy(&arguments, RS).unwrap();
        assert_eq!((policy.message_ttl_ms, policy.expires_ms), (Some(0), Some(1)));
        assert_eq!((policy.max_length, policy.max_length_bytes, policy.overflow), (Some(5), Some(6), Overflow::Reject));
        assert_eq!(policy.dead_letter_exchange.as_deref(), Some(""));
        assert_eq!(policy.dead_letter_key.as_deref(), Some(&b"k"[..]));
        assert_eq!((policy.max_priority, policy.delivery_limit), (Some(9), Some(3)));
        assert!(policy.single_active_consumer);
        let unlimited = super::policy(&table(&json!({"x-delivery-limit": -1, "x-max-priority": 0})), RS).unwrap();
        assert_eq!(unlimited, QueuePolicy::default());
    }

    #[test]
    fn refusals_have_the_words_that_clients_know() {
        for (arguments, reason) in [
            (json!({"x-expires": 0}), "invalid arg 'x-expires' for queue 'zz' in vhost '/': {value_zero,0}"),
            (
                json!({"x-expires": "a"}),
                "invalid arg 'x-expires' for queue 'zz' in vhost '/': \"expected integer, got longstr\"",
            ),
            (
                json!({"x-message-ttl": -1}),
                "invalid arg 'x-message-ttl' for queue 'zz' in vhost '/': {value_negative,-1}",
            ),
            (
                json!({"x-message-ttl": 99_999_999_999_999i64}),
                "invalid arg 'x-message-ttl' for queue 'zz' in vhost '/': {value_too_large,99999999999999}",
            ),
            (
                json!({"x-max-length": 1.5}),
                "invalid arg 'x-max-length' for queue 'zz' in vhost '/': \"expected integer, got double\"",
            ),
            (
                json!({"x-max-priority": 1000}),
                "invalid arg 'x-max-priority' for queue 'zz' in vhost '/': {max_value_exceeded,1000}",
            ),
            (json!({"x-overflow": "what"}), "invalid arg 'x-overflow' for queue 'zz' in vhost '/': invalid_overflow"),
            (
                json!({"x-overflow": 5}),
                "invalid arg 'x-overflow' for queue 'zz' in vhost '/': {unacceptable_type,long}",
            ),
            (
                json!({"x-dead-letter-exchange": 5}),
                "invalid type 'long' for arg 'x-dead-letter-exchange' in queue 'zz' in vhost '/'",
            ),
            (
                json!({"x-dead-letter-routing-key": "a"}),
                "invalid arg 'x-dead-letter-routing-key' for queue 'zz' in vhost '/': routing_key_but_no_dlx_defined",
            ),
            (
                json!({"x-single-active-consumer": 1}),
                "invalid arg 'x-single-active-consumer' for queue 'zz' in vhost '/': {unacceptable_type,long}",
            ),
            (
                json!({"x-queue-type": "foo"}),
                "invalid arg 'x-queue-type' for queue 'zz' in vhost '/': \"unsupported queue type 'foo'\"",
            ),
        ] {
            assert_eq!(policy(&table(&arguments), RS).unwrap_err(), reason);
        }
    }

    #[test]
    fn a_second_declaration_is_compared() {
        let five = table(&json!({"x-message-ttl": 5}));
        let narrow = Headers(vec![(Bytes::from_static(b"x-message-ttl"), Field::U8(5))]);
        assert_eq!(same_arguments(&five, &narrow, RS), Ok(()), "widths do not matter");
        assert_eq!(same_arguments(&table(&json!({"x-message-ttl": 5, "foo": 1})), &five, RS), Ok(()));
        for (asked, reason) in [
            (json!({"x-message-ttl": 6}), "'x-message-ttl' for {}: received '6' but current is '5'"),
            (json!({}), "'x-message-ttl' for {}: received none but current is the value '5' of type 'long'"),
            (
                json!({"x-message-ttl": 5, "x-expires": 1000}),
                "'x-expires' for {}: received the value '1000' of type 'long' but current is none",
            ),
        ] {
            let reason = format!("inequivalent arg {}", reason.replace("{}", RS));
            assert_eq!(same_arguments(&table(&asked), &five, RS), Err(reason));
        }
    }
}
