//! Values of settings: their types, what they may be, and how a refusal reads.

use narumq_model::KeyFrom;
use std::fmt;

/// The type of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    Text,
    Int,
    Short,
    Long,
    Double,
    List,
}

impl Kind {
    /// The number that DescribeConfigs tells.
    pub(crate) fn code(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::Text => 2,
            Self::Int => 3,
            Self::Short => 4,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
        }
    }
}

/// Which values of its type a setting may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rule {
    Any,
    AtLeast(i64),
    /// Both ends are allowed.
    Between(i64, i64),
    /// 1 to 9, or -1 for the codec's own choice.
    GzipLevel,
    /// One of these words; of a list each of its words.
    OneOf(&'static [&'static str]),
    /// A list of `partition:broker`, or `*`.
    Replicas,
    /// `none`, `routing-key`, or `header:` and a name.
    KeyFrom,
}

/// How the choice of a header begins.
const HEADER: &str = "header:";

/// A value that has been read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Boolean(bool),
    Text(&'a str),
    Number(i64),
    Double(f64),
    List(Vec<&'a str>),
}

impl Value<'_> {
    pub(crate) fn is_true(&self) -> bool {
        *self == Value::Boolean(true)
    }

    pub(crate) fn is(&self, word: &str) -> bool {
        matches!(self, Value::Text(text) if *text == word)
    }

    pub(crate) fn has(&self, word: &str) -> bool {
        matches!(self, Value::List(words) if words.contains(&word))
    }

    /// The number; none below 0, where the protocol writes "no limit".
    pub(crate) fn limit(&self) -> Option<u64> {
        match self {
            Value::Number(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The number; none where the protocol writes "no limit" as the largest one.
    pub(crate) fn bound(&self) -> Option<u64> {
        self.limit().filter(|number| *number < i64::MAX as u64)
    }

    pub(crate) fn number(&self) -> u64 {
        self.limit().unwrap_or(0)
    }

    /// What becomes the key.
    pub(crate) fn key_from(&self) -> KeyFrom {
        match self {
            Value::Text("routing-key") => KeyFrom::RoutingKey,
            Value::Text(text) => {
                text.strip_prefix(HEADER).map_or(KeyFrom::Nothing, |name| KeyFrom::Header(name.into()))
            }
            _ => KeyFrom::Nothing,
        }
    }

    pub(crate) fn double(&self) -> f64 {
        if let Value::Double(double) = self { *double } else { 0.0 }
    }
}

/// Why a value is not one for this setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InvalidValue {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) why: String,
}

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invalid value {} for configuration {}: {}", self.value, self.name, self.why)
    }
}

/// What is wrong: the value as it is told, and why.
type Wrong = (String, String);

/// Reads the value of the setting `name`.
pub(crate) fn read<'a>(name: &str, kind: Kind, rule: Rule, value: &'a str) -> Result<Value<'a>, InvalidValue> {
    typed(kind, value).and_then(|read| check(name, rule, &read).map(|()| read)).map_err(|(value, why)| InvalidValue {
        name: name.into(),
        value,
        why,
    })
}

fn typed(kind: Kind, value: &str) -> Result<Value<'_>, Wrong> {
    let trimmed = value.trim();
    let wrong = |why: &str| (value.to_owned(), why.to_owned());
    Ok(match kind {
        Kind::Boolean if trimmed.eq_ignore_ascii_case("true") => Value::Boolean(true),
        Kind::Boolean if trimmed.eq_ignore_ascii_case("false") => Value::Boolean(false),
        Kind::Boolean => return Err(wrong("Expected value to be either true or false")),
        Kind::Text => Value::Text(value),
        Kind::Int => Value::Number(trimmed.parse::<i32>().map_err(|_| wrong("Not a number of type INT"))?.into()),
        Kind::Short => Value::Number(trimmed.parse::<i16>().map_err(|_| wrong("Not a number of type SHORT"))?.into()),
        Kind::Long => Value::Number(trimmed.parse().map_err(|_| wrong("Not a number of type LONG"))?),
        Kind::Double => match trimmed.parse::<f64>() {
            Ok(double) if !double.is_nan() => Value::Double(double),
            _ => return Err(wrong("Not a number of type DOUBLE")),
        },
        Kind::List if trimmed.is_empty() => Value::List(Vec::new()),
        Kind::List => Value::List(trimmed.split(',').map(str::trim).collect()),
    })
}

fn check(name: &str, rule: Rule, value: &Value<'_>) -> Result<(), Wrong> {
    let (low, high) = match rule {
        Rule::Any => return Ok(()),
        Rule::OneOf(words) => return one_of(words, value),
        Rule::Replicas => return replicas(name, value),
        Rule::KeyFrom => return key_from(value),
        Rule::GzipLevel => {
            let level = matches!(value, Value::Number(-1 | 1..=9));
            let why = || "Value must be between 1 and 9 or equal to -1".to_owned();
            return if level { Ok(()) } else { Err((told(value), why())) };
        }
        Rule::AtLeast(low) => (low, None),
        Rule::Between(low, high) => (low, Some(high)),
    };
    let (below, above) = match value {
        Value::Number(number) => (*number < low, high.is_some_and(|high| *number > high)),
        Value::Double(double) => (*double < low as f64, high.is_some_and(|high| *double > high as f64)),
        Value::Boolean(_) | Value::Text(_) | Value::List(_) => (false, false),
    };
    match high {
        _ if below => Err((told(value), format!("Value must be at least {low}"))),
        Some(high) if above => Err((told(value), format!("Value must be no more than {high}"))),
        _ => Ok(()),
    }
}

fn told(value: &Value<'_>) -> String {
    match value {
        Value::Boolean(boolean) => boolean.to_string(),
        Value::Text(text) => (*text).to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Double(double) => format!("{double:?}"),
        Value::List(words) => format!("[{}]", words.join(", ")),
    }
}

fn one_of(words: &[&str], value: &Value<'_>) -> Result<(), Wrong> {
    let given = match value {
        Value::Text(text) => std::slice::from_ref(text),
        Value::List(list) => list.as_slice(),
        Value::Boolean(_) | Value::Number(_) | Value::Double(_) => &[],
    };
    match given.iter().find(|word| !words.contains(word)) {
        Some(word) => Err(((*word).to_owned(), format!("String must be one of: {}", words.join(", ")))),
        None => Ok(()),
    }
}

fn key_from(value: &Value<'_>) -> Result<(), Wrong> {
    let Value::Text(text) = value else { return Ok(()) };
    if matches!(*text, "none" | "routing-key") || text.strip_prefix(HEADER).is_some_and(|name| !name.is_empty()) {
        return Ok(());
    }
    Err((told(value), "String must be none, routing-key, or header: and the name of a header".into()))
}

fn replicas(name: &str, value: &Value<'_>) -> Result<(), Wrong> {
    let Value::List(given) = value else { return Ok(()) };
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_pair = |pair: &&str| pair.split_once(':').is_some_and(|(p, b)| number(p) && number(b));
    if given.as_slice() == ["*"] || given.iter().all(is_pair) {
        return Ok(());
    }
    let why = format!(
        "{name} must be the literal '*' or a list of replicas in the following format: \
         [partitionId]:[brokerId],[partitionId]:[brokerId],..."
    );
    Err((told(value), why))
}
