//! The exchanges against naive models, on random bindings, keys and headers.

use super::{Bindings, Index, RESERVED_A, RESERVED_MATCH};
use bytes::Bytes;
use narumq_model::{ExchangeKind, HeaderMatch, Headers, Value};
use proptest::prelude::*;
use proptest::sample::select;

/// Keys of few words, so that patterns and keys often meet: wildcards, empty words and words that only look wild.
fn key() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(select(vec!["", "a", "b", "*", "#", "#", "a*"]), 0..7)
        .prop_map(|words| Bytes::from(words.join(".")))
}

fn value() -> impl Strategy<Value = Value> {
    select(vec![
        Value::Void,
        Value::I8(1),
        Value::U32(1),
        Value::I64(2),
        Value::Text(Bytes::from_static(b"1")),
        Value::Binary(Bytes::from_static(b"1")),
        Value::F32(1f32.to_bits()),
        Value::F64(1f64.to_bits()),
        Value::Timestamp(1),
        Value::Bool(true),
        Value::Array(vec![Value::I8(1)]),
    ])
}

fn headers() -> impl Strategy<Value = Headers> {
    let name = select(vec!["a", "b", "c", RESERVED_A, RESERVED_MATCH, "x"])
        .prop_map(|name| Bytes::from_static(name.as_bytes()));
    prop::collection::vec((name, value()), 0..4).prop_map(Headers)
}

fn mode() -> impl Strategy<Value = HeaderMatch> {
    use HeaderMatch::{All, AllWithReserved, Any, AnyWithReserved};
    select(vec![All, Any, AllWithReserved, AnyWithReserved])
}

fn kind() -> impl Strategy<Value = ExchangeKind> {
    use ExchangeKind::{Direct, Fanout, Headers, Topic};
    select(vec![Direct, Fanout, Topic, Headers])
}

fn split(key: &[u8]) -> Vec<&[u8]> {
    if key.is_empty() { Vec::new() } else { key.split(|&b| b == b'.').collect() }
}

fn naive_topic(pattern: &[&[u8]], key: &[&[u8]]) -> bool {
    match pattern {
        [] => key.is_empty(),
        [b"#", rest @ ..] => (0..=key.len()).any(|n| naive_topic(rest, &key[n..])),
        [first, rest @ ..] => !key.is_empty() && (first == b"*" || *first == key[0]) && naive_topic(rest, &key[1..]),
    }
}

/// What a value is when it is compared: its class and its content.
fn meaning(value: &Value) -> (&'static str, String) {
    match value {
        Value::I8(n) => ("integer", n.to_string()),
        Value::U32(n) => ("integer", n.to_string()),
        Value::I64(n) => ("integer", n.to_string()),
        Value::F32(bits) => ("float", f64::from(f32::from_bits(*bits)).to_string()),
        Value::F64(bits) => ("float", f64::from_bits(*bits).to_string()),
        Value::Text(bytes) | Value::Binary(bytes) => ("bytes", format!("{bytes:?}")),
        other => ("other", format!("{other:?}")),
    }
}

fn naive_headers(arguments: &Headers, mode: HeaderMatch, message: &Headers) -> bool {
    let (mut asked, mut met) = (0, 0);
    for (name, value) in &arguments.0 {
        let reserved = name.starts_with(b"x-");
        if reserved && matches!(mode, HeaderMatch::All | HeaderMatch::Any) || name == RESERVED_MATCH {
            continue;
        }
        asked += 1;
        if let Some(carried) = message.get(name)
            && (*value == Value::Void || meaning(value) == meaning(carried))
        {
            met += 1;
        }
    }
    if matches!(mode, HeaderMatch::All | HeaderMatch::AllWithReserved) { asked == met } else { met > 0 }
}

#[derive(Clone, Debug)]
enum Operation {
    Insert(Bytes, Headers, HeaderMatch, u8),
    /// The n-th of those there are, its arguments turned round.
    Remove(prop::sample::Index),
    RemoveOther(Bytes, Headers, u8),
    RemoveDestination(u8),
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => (key(), headers(), mode(), 0..4u8).prop_map(|(k, h, m, d)| Operation::Insert(k, h, m, d)),
        3 => any::<prop::sample::Index>().prop_map(Operation::Remove),
        1 => (key(), headers(), 0..4u8).prop_map(|(k, h, d)| Operation::RemoveOther(k, h, d)),
        1 => (0..4u8).prop_map(Operation::RemoveDestination),
    ]
}

type Model = Vec<(Bytes, Headers, HeaderMatch, u8)>;

fn normal(arguments: &Headers) -> Vec<(Bytes, Value)> {
    let mut pairs = arguments.0.clone();
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    pairs
}

fn position(model: &Model, key: &[u8], arguments: &Headers, to: u8) -> Option<usize> {
    model.iter().position(|(k, a, _, d)| k == key && normal(a) == normal(arguments) && *d == to)
}

fn apply(bindings: &mut Bindings<u8>, model: &mut Model, operation: Operation) {
    match operation {
        Operation::Insert(key, arguments, mode, to) => {
            let new = position(model, &key, &arguments, to).is_none();
            assert_eq!(bindings.insert(key.clone(), arguments.clone(), mode, to), new);
            if new {
                model.push((key, arguments, mode, to));
            }
        }
        Operation::Remove(which) if !model.is_empty() => {
            let (key, mut arguments, _, to) = model.remove(which.index(model.len()));
            arguments.0.sort_by(|a, b| b.0.cmp(&a.0)); // stable: equal names keep their order
            assert!(bindings.remove(&key, &arguments, &to));
        }
        Operation::Remove(_) => {}
        Operation::RemoveOther(key, arguments, to) => {
            let place = position(model, &key, &arguments, to);
            assert_eq!(bindings.remove(&key, &arguments, &to), place.is_some());
            if let Some(place) = place {
                model.remove(place);
            }
        }
        Operation::RemoveDestination(to) => {
            let gone: Vec<_> = model.extract_if(.., |b| b.3 == to).map(|(k, a, ..)| (k, a)).collect();
            assert_eq!(bindings.remove_destination(&to), gone);
        }
    }
}

fn expected(kind: ExchangeKind, model: &Model, key: &[u8], message: &Headers) -> Vec<u8> {
    let hit = |(k, arguments, mode, _): &&(Bytes, Headers, HeaderMatch, u8)| match kind {
        ExchangeKind::Direct => k == key,
        ExchangeKind::Fanout => true,
        ExchangeKind::Topic => naive_topic(&split(k), &split(key)),
        ExchangeKind::Headers => naive_headers(arguments, *mode, message),
    };
    let mut found: Vec<_> = model.iter().filter(hit).map(|b| b.3).collect();
    found.sort_unstable();
    found
}

fn found(bindings: &Bindings<u8>, key: &[u8], message: &Headers) -> Vec<u8> {
    let mut found = Vec::new();
    bindings.matches(key, &mut || message.clone(), &mut |&d| found.push(d));
    found.sort_unstable();
    found
}

proptest! {
    #[test]
    fn one_pattern_matches_as_the_naive_matcher_says(pattern in key(), keys in prop::collection::vec(key(), 1..8)) {
        let mut bindings = Bindings::new(ExchangeKind::Topic);
        bindings.insert(pattern.clone(), Headers::default(), HeaderMatch::All, 1);
        for key in keys {
            let naive = naive_topic(&split(&pattern), &split(&key));
            prop_assert_eq!(found(&bindings, &key, &Headers::default()).len(), usize::from(naive), "{:?}", key);
        }
    }

    #[test]
    fn one_condition_matches_as_the_naive_matcher_says(arguments in headers(), mode in mode(), message in headers()) {
        let mut bindings = Bindings::new(ExchangeKind::Headers);
        bindings.insert(Bytes::new(), arguments.clone(), mode, 1);
        let naive = naive_headers(&arguments, mode, &message);
        prop_assert_eq!(found(&bindings, b"", &message).len(), usize::from(naive));
    }

    #[test]
    fn bindings_behave_as_a_list(
        kind in kind(),
        operations in prop::collection::vec(operation(), 0..60),
        probes in prop::collection::vec((key(), headers()), 1..6),
    ) {
        let (mut bindings, mut model) = (Bindings::new(kind), Model::new());
        for operation in operations {
            apply(&mut bindings, &mut model, operation);
            prop_assert_eq!((bindings.len(), bindings.is_empty()), (model.len(), model.is_empty()));
        }
        let listed: Model = bindings.iter().map(|(k, a, m, d)| (k.clone(), a.clone(), m, *d)).collect();
        prop_assert_eq!(&listed, &model);
        for (key, message) in probes {
            prop_assert_eq!(found(&bindings, &key, &message), expected(kind, &model, &key, &message));
        }
        for to in 0..4 {
            bindings.remove_destination(&to);
        }
        prop_assert!(bindings.is_empty() && bindings.identities.is_empty() && bindings.destinations.is_empty());
        if let Index::Topic(trie) = &bindings.index {
            prop_assert_eq!(trie.nodes(), 1);
        }
    }
}
