//! The rules of the four kinds, one by one, and that nothing is left of removed bindings.

use super::{Bindings, Index, RESERVED_A, RESERVED_MATCH, topic};
use bytes::Bytes;
use narumq_model::{ExchangeKind, HeaderMatch, Headers, Value};

fn headers(pairs: &[(&'static str, Value)]) -> Headers {
    Headers(pairs.iter().map(|(name, value)| (Bytes::from_static(name.as_bytes()), value.clone())).collect())
}

fn bind(bindings: &mut Bindings<u32>, key: &'static str, to: u32) -> bool {
    bindings.insert(Bytes::from_static(key.as_bytes()), Headers::default(), HeaderMatch::All, to)
}

fn matched(bindings: &Bindings<u32>, key: &str, message: &Headers) -> Vec<u32> {
    let mut found = Vec::new();
    let mut asked = 0;
    let mut ask = || {
        asked += 1;
        message.clone()
    };
    bindings.matches(key.as_bytes(), &mut ask, &mut |&d| found.push(d));
    let headers_kind = matches!(bindings.index, Index::Headers(_)) && !bindings.is_empty();
    assert_eq!(asked, u32::from(headers_kind), "headers are asked for once, by a headers exchange only");
    found.sort_unstable();
    found
}

fn topic_matches(pattern: &'static str, key: &str) -> bool {
    let mut bindings = Bindings::new(ExchangeKind::Topic);
    bind(&mut bindings, pattern, 1);
    match matched(&bindings, key, &Headers::default()).len() {
        0 => false,
        1 => true,
        n => panic!("{pattern:?} found {n} times by {key:?}"),
    }
}

fn headers_match(mode: HeaderMatch, arguments: &[(&'static str, Value)], message: &[(&'static str, Value)]) -> bool {
    let mut bindings = Bindings::new(ExchangeKind::Headers);
    bindings.insert(Bytes::from_static(b"no matter"), headers(arguments), mode, 1);
    !matched(&bindings, "another", &headers(message)).is_empty()
}

#[test]
fn direct_compares_whole_keys() {
    let mut bindings = Bindings::new(ExchangeKind::Direct);
    for (key, to) in [("a", 1), ("a", 2), ("a.b", 3), ("#", 4), ("", 5)] {
        assert!(bind(&mut bindings, key, to));
    }
    for (key, to) in [("a", vec![1, 2]), ("a.b", vec![3]), ("#", vec![4]), ("", vec![5]), ("b", vec![]), ("A", vec![])]
    {
        assert_eq!(matched(&bindings, key, &Headers::default()), to, "{key:?}");
    }
}

#[test]
fn fanout_ignores_keys() {
    let mut bindings = Bindings::new(ExchangeKind::Fanout);
    for (key, to) in [("a", 1), ("b", 2), ("b", 1)] {
        assert!(bind(&mut bindings, key, to));
    }
    assert_eq!(matched(&bindings, "c", &Headers::default()), [1, 1, 2], "once per binding");
}

#[test]
fn topic_matches_words() {
    for (pattern, key) in [
        ("", ""),
        ("#", ""),
        ("#.#", ""),
        ("*.*", "."),
        (".", "."),
        ("*.*", "a."),
        ("a.", "a."),
        ("a.#", "a"),
        ("a.#", "a."),
        ("a.#", "a.b.c.d"),
        ("a.#.", "a."),
        ("a.*.b", "a..b"),
        ("a..b", "a..b"),
        ("#.a", "a"),
        ("#.*", "."),
        ("*", "#"),
        ("*", "*"),
        ("#", "#"),
        ("*a", "*a"),
        ("#a", "#a"),
        ("#.#.#.a", "b.c.a"),
        ("#.b.#", "a.b.c"),
        ("#.b.#", "b"),
        ("#.", "."),
        (".#", "."),
        (".#", ".a"),
        ("#.*.#", "a"),
        ("a.#.*.#.b", "a.x.b"),
    ] {
        assert!(topic_matches(pattern, key), "{pattern:?} matches {key:?}");
    }
}

#[test]
fn topic_refuses_other_words() {
    for (pattern, key) in [
        ("*", ""),
        ("*", "."),
        ("*", "a.b"),
        ("*.*.*", "."),
        ("", "."),
        (".", ""),
        ("*.#", ""),
        ("#.*", ""),
        ("a", "*"),
        ("a", "#"),
        ("*a", "ba"),
        ("a#", "ab"),
        ("a.b", "*.b"),
        (".#", ""),
        ("#.", ""),
        (".#", "a"),
        ("a.#.*.#.b", "a.b"),
        ("#.a.#.a", "b.a.b"),
    ] {
        assert!(!topic_matches(pattern, key), "{pattern:?} does not match {key:?}");
    }
}

/// What each key costs is counted in looks at nodes: at most one per node and word, and in fact far fewer.
#[test]
fn topic_work_is_bounded_for_adversarial_patterns() {
    let cost = |patterns: &[String], key: &str| {
        let mut trie = topic::Trie::new();
        for (i, pattern) in patterns.iter().enumerate() {
            trie.insert(pattern.as_bytes(), super::Place::of_index(i));
        }
        let (mut found, words) = (0, topic::words(key.as_bytes()).count());
        let looks = trie.matches(key.as_bytes(), &mut |_| found += 1);
        assert!(looks <= (words + 1) * trie.nodes(), "{looks} looks for {words} words, {} nodes", trie.nodes());
        (looks, found)
    };
    let long = ["b"; 1000].join(".");
    assert_eq!(cost(&[["#"; 60].join(".") + ".a"], &long), (1002, 0), "a run of # is one state");
    let pattern = ["#.b"; 40].join(".") + ".#.a";
    let (looks, found) = cost(&[pattern], &long);
    assert!(found == 0 && looks <= 1001 * 82, "{looks} looks");
    // All patterns of twelve wildcards: 4096 bindings, which are 24 states at most.
    let wild: Vec<String> = (0..1 << 12)
        .map(|bits: u32| (0..12).map(|i| if bits >> i & 1 == 0 { "*" } else { "#" }).collect::<Vec<_>>().join("."))
        .collect();
    let (looks, found) = cost(&wild, &long);
    assert!(found == 4095 && looks < 30, "{looks} looks, {found} found");
    // Ten thousand ordinary bindings cost what the key leads to, not what there is.
    let many: Vec<String> = (0..10_000).map(|i| format!("#.shop{}.*.item{i}", i % 100)).collect();
    let (looks, found) = cost(&many, "eu.shop42.red.item9942");
    assert!(found == 1 && looks <= 20, "{looks} looks, {found} found");
}

#[test]
fn headers_match_all_or_any() {
    use HeaderMatch::{All, AllWithReserved, Any, AnyWithReserved};
    let one = || Value::I32(1);
    assert!(headers_match(All, &[], &[]) && headers_match(All, &[], &[("a", one())]));
    assert!(headers_match(AllWithReserved, &[], &[]));
    assert!(!headers_match(Any, &[], &[("a", one())]) && !headers_match(AnyWithReserved, &[], &[("a", one())]));
    let asked = [("a", one()), ("b", "x".into())];
    assert!(headers_match(All, &asked, &[("b", "x".into()), ("c", one()), ("a", one())]));
    assert!(!headers_match(All, &asked, &[("a", one())]));
    assert!(!headers_match(All, &asked, &[("a", one()), ("b", "y".into())]));
    assert!(headers_match(Any, &asked, &[("a", Value::I32(2)), ("b", "x".into())]));
    assert!(!headers_match(Any, &asked, &[("a", Value::I32(2)), ("b", "y".into())]));
}

#[test]
fn reserved_names_count_only_where_asked_and_the_mode_never() {
    use HeaderMatch::{All, AllWithReserved, Any, AnyWithReserved};
    let asked = [(RESERVED_MATCH, "any".into()), (RESERVED_A, Value::I32(1))];
    let carried = [(RESERVED_A, Value::I32(1))];
    for (mode, without, with) in
        [(All, true, true), (Any, false, false), (AllWithReserved, false, true), (AnyWithReserved, false, true)]
    {
        assert_eq!(headers_match(mode, &asked, &[]), without, "{mode:?}");
        assert_eq!(headers_match(mode, &asked, &carried), with, "{mode:?}");
    }
    assert!(!headers_match(AnyWithReserved, &asked[..1], &asked[..1]), "the mode is no condition");
    assert!(headers_match(All, &[("x-", "1".into())], &[]), "the prefix alone is reserved");
    assert!(!headers_match(All, &[("X-a", "1".into())], &[]), "case counts");
}

#[test]
fn header_values_compare_by_meaning() {
    let text = |b: &'static [u8]| Value::Text(Bytes::from_static(b));
    let binary = |b: &'static [u8]| Value::Binary(Bytes::from_static(b));
    let float = |v: f32| Value::F32(v.to_bits());
    let double = |v: f64| Value::F64(v.to_bits());
    let classes = [
        vec![Value::I8(5), Value::U8(5), Value::I16(5), Value::U16(5), Value::I32(5), Value::U32(5), Value::I64(5)],
        vec![float(5.0), double(5.0)],
        vec![float(0.1)],
        vec![double(0.1)],
        vec![Value::Timestamp(5)],
        vec![text(b"5"), binary(b"5")],
        vec![Value::Bool(true)],
        vec![Value::Decimal { scale: 0, value: 5 }],
        vec![Value::Array(vec![Value::I32(5)])],
        vec![Value::Array(vec![Value::I64(5)])],
        vec![Value::Table(headers(&[("k", Value::I32(5))]))],
        vec![Value::Void],
    ];
    for (i, asked) in classes.iter().enumerate().flat_map(|(i, class)| class.iter().map(move |v| (i, v))) {
        for (j, carried) in classes.iter().enumerate().flat_map(|(j, class)| class.iter().map(move |v| (j, v))) {
            let matches = headers_match(HeaderMatch::All, &[("a", asked.clone())], &[("a", carried.clone())]);
            assert_eq!(matches, i == j || *asked == Value::Void, "{asked:?} asked, {carried:?} carried");
        }
    }
    assert!(!headers_match(HeaderMatch::All, &[("a", Value::Void)], &[]), "a void argument wants the header there");
    let twice = [("a", Value::I32(1)), ("a", Value::I32(2))];
    assert!(
        headers_match(HeaderMatch::All, &twice[..1], &twice) && !headers_match(HeaderMatch::All, &twice[1..], &twice)
    );
}

#[test]
fn a_binding_is_its_destination_key_and_arguments_in_any_order() {
    let mut bindings = Bindings::new(ExchangeKind::Direct);
    let key = || Bytes::from_static(b"k");
    let ab = headers(&[("a", Value::I32(1)), ("b", Value::I32(2))]);
    let ba = headers(&[("b", Value::I32(2)), ("a", Value::I32(1))]);
    let wide = headers(&[("a", Value::I64(1)), ("b", Value::I32(2))]);
    assert!(bindings.insert(key(), ab.clone(), HeaderMatch::All, 1));
    assert!(!bindings.insert(key(), ba.clone(), HeaderMatch::All, 1), "the order does not count");
    assert!(bindings.insert(key(), wide.clone(), HeaderMatch::All, 1), "the type counts");
    assert!(bindings.insert(key(), ab.clone(), HeaderMatch::All, 2), "the destination counts");
    assert!(bindings.insert(Bytes::new(), ab.clone(), HeaderMatch::All, 1), "the key counts");
    assert!(bind(&mut bindings, "k", 1), "the arguments count");
    assert_eq!(matched(&bindings, "k", &Headers::default()), [1, 1, 1, 2]);
    let listed: Vec<_> = bindings.iter().map(|(key, arguments, _, to)| (key.len(), arguments.0.len(), *to)).collect();
    assert_eq!(listed, [(1, 2, 1), (1, 2, 1), (1, 2, 2), (0, 2, 1), (1, 0, 1)]);
    assert!(bindings.remove(b"k", &ba, &1) && !bindings.remove(b"k", &ab, &1));
    let gone = bindings.remove_destination(&1);
    assert_eq!(gone, [(key(), wide), (Bytes::new(), ab.clone()), (key(), Headers::default())]);
    assert_eq!((bindings.len(), bindings.remove_destination(&1).len()), (1, 0));
    assert!(bindings.remove(b"k", &ab, &2) && bindings.is_empty());
}

#[test]
fn churn_leaves_nothing_behind() {
    for kind in [ExchangeKind::Direct, ExchangeKind::Fanout, ExchangeKind::Topic, ExchangeKind::Headers] {
        let mut bindings = Bindings::new(kind);
        for round in 0..50u32 {
            for i in 0..20u32 {
                let key = Bytes::from(format!("{round}.*.#.{i}.end"));
                assert!(bindings.insert(key, headers(&[("n", Value::U32(i))]), HeaderMatch::All, i % 5));
            }
            (0..5).for_each(|to| assert_eq!(bindings.remove_destination(&to).len(), 4));
        }
        assert!(bindings.is_empty() && bindings.slab.len() == 20 && bindings.free.len() == 20);
        assert!(bindings.identities.is_empty() && bindings.destinations.is_empty() && bindings.order.is_empty());
        match &bindings.index {
            Index::Direct(keys) => assert_eq!(keys.len(), 0),
            Index::Fanout(all) | Index::Headers(all) => assert!(all.is_empty()),
            Index::Topic(trie) => assert_eq!(trie.nodes(), 1, "only the root"),
        }
    }
}
