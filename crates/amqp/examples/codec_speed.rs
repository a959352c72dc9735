//! Nanoseconds per publish parsed and per delivery encoded: `cargo run --release -p narumq-amqp --example codec_speed`.
#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::hint::black_box;
use std::time::Instant;

use narumq_amqp::codec::{
    BasicDeliver, BasicPublish, ContentHeader, Method, Parsed, PropertiesView, PropertyEdits, Table, TableWriter,
    Value, parse_frame, parse_publish, parse_published, write_ack, write_body, write_content_header, write_deliver,
    write_deliver_head, write_method,
};

const FRAME_MAX: u32 = 131_072;

/// The best of many rounds, in nanoseconds per call.
fn measure(name: &str, mut call: impl FnMut()) {
    const CALLS: u32 = 200_000;
    let best = (0..25)
        .map(|_| {
            let begin = Instant::now();
            for _ in 0..CALLS {
                call();
            }
            begin.elapsed().as_nanos() as f64 / f64::from(CALLS)
        })
        .fold(f64::INFINITY, f64::min);
    println!("{name:<58} {best:7.1} ns");
}

/// Property bytes with a content type and a delivery mode, and, if wanted, an id and four headers.
fn properties(rich: bool) -> Vec<u8> {
    let mut headers = Vec::new();
    let mut edits = PropertyEdits::new();
    edits.content_type(b"application/json").delivery_mode(2);
    let mut writer = TableWriter::new(&mut headers);
    writer
        .long_string(b"task", b"proj.tasks.add")
        .entry(b"retries", Value::SignedInt(0))
        .entry(b"at", Value::Timestamp(1_700_000_000))
        .entry(b"eager", Value::Bool(false));
    let headers: Table<'_> = writer.finish();
    if rich {
        edits.headers(headers).correlation_id(b"0b1c6d9a-5a53-4a8e").message_id(b"0b1c6d9a-5a53-4a8e");
    }
    let mut raw = Vec::new();
    edits.write(&PropertiesView::EMPTY, &mut raw);
    raw
}

fn publish_frames(properties: &[u8], body: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    let publish = BasicPublish { exchange: b"amq.topic", routing_key: b"orders.created.eu", ..Default::default() };
    write_method(&mut wire, 1, &publish);
    write_content_header(&mut wire, 1, properties, body.len() as u64);
    write_body(&mut wire, 1, body, FRAME_MAX);
    wire
}

fn measure_parsing(what: &str, wire: &[u8]) {
    measure(&format!("parse whole publish, {what}"), || {
        black_box(parse_published(black_box(wire), FRAME_MAX).expect("a whole message"));
    });
    measure(&format!("parse whole publish, properties validated, {what}"), || {
        let message = parse_published(black_box(wire), FRAME_MAX).expect("a whole message");
        black_box(PropertiesView::parse(message.properties).expect("good properties"));
        black_box(message);
    });
    measure(&format!("parse publish, header, body frame by frame, {what}"), || {
        let input = black_box(wire);
        let publish = parse_publish(input, FRAME_MAX).expect("a publish");
        let mut at = publish.wire_len;
        let Ok(Parsed::Frame(header)) = parse_frame(&input[at..], FRAME_MAX) else { unreachable!() };
        at += header.wire_len();
        let content = ContentHeader::parse(header.payload).expect("a content header");
        let Ok(Parsed::Frame(body)) = parse_frame(&input[at..], FRAME_MAX) else { unreachable!() };
        black_box((publish, content, body));
    });
    measure(&format!("parse the method generically, {what}"), || {
        let Ok(Parsed::Frame(frame)) = parse_frame(black_box(wire), FRAME_MAX) else { unreachable!() };
        black_box(Method::decode(frame.payload).expect("a method"));
    });
}

fn measure_encoding(what: &str, properties: &[u8], body: &[u8]) {
    let mut out = Vec::with_capacity(4096);
    let mut deliver = BasicDeliver {
        consumer_tag: b"ctag1.0b1c6d9a",
        delivery_tag: 0,
        redelivered: false,
        exchange: b"amq.topic",
        routing_key: b"orders.created.eu",
    };
    measure(&format!("encode deliver, body copied, {what}"), || {
        out.clear();
        deliver.delivery_tag += 1;
        write_deliver(&mut out, 1, black_box(&deliver), black_box(properties), black_box(body), FRAME_MAX);
        black_box(&out);
    });
    measure(&format!("encode deliver, heads only, {what}"), || {
        out.clear();
        write_deliver_head(&mut out, 1, black_box(&deliver), black_box(properties), body.len() as u64);
        black_box(&out);
    });
}

fn main() {
    for (kind, rich) in [("2 properties", false), ("4 headers and ids", true)] {
        let properties = properties(rich);
        for size in [16, 1024] {
            let body = vec![0x55; size];
            let what = format!("{kind}, {size} B");
            measure_parsing(&what, &publish_frames(&properties, &body));
            measure_encoding(&what, &properties, &body);
        }
    }
    let mut out = Vec::with_capacity(64);
    measure("encode ack", || {
        out.clear();
        write_ack(&mut out, 1, black_box(7), black_box(true));
        black_box(&out);
    });
}
