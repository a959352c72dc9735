//! Batches of real clients and of our own, damaged, read as messages: never a panic, never more memory than allowed.
#![allow(clippy::unwrap_used, reason = "a test fails where a helper of it fails")]

mod records_support;

use bytes::Bytes;
use narumq_broker::Dialect;
use narumq_kafka::RecordBatches;
use narumq_kafka::records::{Attributes, BatchBuilder, Codec, HEADER_BYTES, Header, NewRecord};
use narumq_model::{Headers, Record, Time, TopicPolicy, Value};
use records_support::{CODECS, goldens, with_section};

const BYTES_MAX: usize = 1 << 17;

/// Reads what can be read, and writes it again.
fn read(batch: &[u8]) -> Result<Vec<Record>, String> {
    let (batch, mut records) = (Bytes::copy_from_slice(batch), Vec::new());
    let read = RecordBatches.expand(&batch, BYTES_MAX, &mut |_, record| {
        let body = record.body.as_ref().map_or(0, Bytes::len);
        assert!(body <= BYTES_MAX.max(batch.len()));
        records.push(record);
    });
    if !records.is_empty() {
        let framed = RecordBatches.frame(&records, &TopicPolicy::default(), Time(1));
        assert!(RecordBatches.is_whole(&framed));
    }
    read.map(|()| records).map_err(|broken| broken.0)
}

/// A batch of one message that says a bit of everything.
fn rich(codec: Codec) -> Vec<u8> {
    let text = |text: &'static str| Bytes::from_static(text.as_bytes());
    let inner = Headers(vec![(text("a"), Value::I32(5)), (Bytes::from_static(b"\xff"), Value::Binary(text("x")))]);
    let list = vec![Value::F32(f32::NAN.to_bits()), Value::Timestamp(4), Value::Table(inner), Value::from("\"\\u")];
    let headers = vec![
        (text("list"), Value::Array(list)),
        (text("x-kafka-key"), Value::from("k")),
        (text("twice"), Value::U8(1)),
        (text("twice"), Value::Void),
        (Bytes::from_static(b"\xfe"), Value::Decimal { scale: 3, value: 70 }),
    ];
    let mut record = Record { exchange: Some(text("e")), key: Some(text("k")), ..Record::default() };
    record.headers = Headers(headers);
    record.properties.message_id = Some(text("m"));
    let framed = RecordBatches.frame(&[record.clone(), Record::default()], &TopicPolicy::default(), Time(5));
    let read = read(&framed).unwrap();
    assert_eq!(read[0], record);
    assert_eq!(read[1], Record { time: Some(5), ..Record::default() });
    if codec == Codec::None {
        return framed;
    }
    narumq_kafka::records::recompress(&framed, codec, BYTES_MAX).unwrap().into_owned()
}

#[test]
fn any_byte_of_a_batch_may_be_anything() {
    for codec in CODECS {
        let batch = rich(codec);
        assert!(read(&batch).is_ok());
        for at in 0..batch.len() {
            for flip in [1, 2, 0x10, 0x20, 0x80, 0xff] {
                let mut damaged = batch.clone();
                damaged[at] ^= flip;
                let _ = read(&damaged);
            }
            let _ = read(&batch[..at]);
        }
    }
    for golden in goldens().into_iter().filter(|golden| golden.batch.len() < 650) {
        for at in 0..golden.batch.len() {
            let mut damaged = golden.batch.clone();
            damaged[at] = !damaged[at];
            let _ = read(&damaged);
        }
    }
}

#[test]
fn what_cannot_be_read_says_so_in_words() {
    let batch = rich(Codec::None);
    let cut = with_section(&batch, &batch[HEADER_BYTES..batch.len() - 1]);
    assert!(!read(&cut).unwrap_err().is_empty());
    let mut builder = BatchBuilder::new(Codec::Zstd, 1 << 20);
    let value = vec![7; BYTES_MAX];
    assert!(builder.push(&NewRecord { timestamp: 0, key: None, value: Some(&value), headers: &[] }));
    assert!(read(&builder.finish().unwrap()).unwrap_err().contains(&BYTES_MAX.to_string()));
}

#[test]
fn control_batches_have_nothing_for_readers() {
    let mut builder = BatchBuilder::new(Codec::None, 1000).mark(Attributes::CONTROL | Attributes::TRANSACTIONAL);
    assert!(builder.push(&NewRecord { timestamp: 0, key: Some(&[0, 0, 0, 1]), value: Some(b"x"), headers: &[] }));
    assert_eq!(read(&builder.finish().unwrap()), Ok(Vec::new()));
}

#[test]
fn many_headers_and_types_cost_no_more_than_their_number() {
    let names: Vec<String> = (0..20_000).map(|n| format!("h{n}")).collect();
    let members: Vec<String> = names.iter().map(|name| format!("\"{name}\":\"i32\"")).collect();
    let types = format!("{{{}}}", members.join(","));
    let typed = Header { key: b"x-types", value: Some(types.as_bytes()) };
    let headers: Vec<_> = std::iter::once(typed)
        .chain(names.iter().map(|name| Header { key: name.as_bytes(), value: Some(b"1") }))
        .collect();
    let mut builder = BatchBuilder::new(Codec::None, 1 << 24);
    assert!(builder.push(&NewRecord { timestamp: 0, key: None, value: None, headers: &headers }));
    let records = read(&builder.finish().unwrap()).unwrap();
    assert!(records[0].headers.0.iter().all(|(_, value)| *value == Value::I32(1)));
    // Deep JSON, in values and in types, stays text.
    let deep = "[".repeat(50_000);
    for types in [r#"{"a":"array"}"#.to_owned(), format!("{{\"a\":{}", "{\"array\":[".repeat(20_000))] {
        let types = Header { key: b"x-types", value: Some(types.as_bytes()) };
        let header = Header { key: b"a", value: Some(deep.as_bytes()) };
        let mut builder = BatchBuilder::new(Codec::None, 1 << 24);
        assert!(builder.push(&NewRecord { timestamp: 0, key: None, value: None, headers: &[types, header] }));
        let records = read(&builder.finish().unwrap()).unwrap();
        assert_eq!(records[0].headers.get(b"a"), Some(&Value::Text(deep.clone().into())));
    }
}
