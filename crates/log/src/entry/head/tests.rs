//! Every field there and back; heads cut short and changed.

use super::*;

const BODY: BodyAt = BodyAt { offset: 4_096, in_file: true, len: 15, crc: 0x1234_5678 };

fn full() -> (Vec<u8>, Vec<(ObjectId, Seq)>) {
    let more = vec![(ObjectId(9), Seq(1 << 40)), (ObjectId(10), Seq(3))];
    let mut entry = Entry::new(Kind::Enqueue, ObjectId(7), Time(1_005));
    entry.seq = Seq(5 << 40 | 77);
    entry.more = &more;
    entry.priority = 4;
    entry.expires_at = Time(99_999);
    entry.visible_at = Time(5_000);
    entry.key = Some(b"key");
    entry.dedup = 0xdead_beef;
    entry.producer = Some((12, 3, 400));
    entry.format = FormatId(1);
    entry.props_len = 3;
    entry.data = b"names";
    entry.body = b"propsandpayload";
    entry.slot = Slot(513);
    entry.lsn = Lsn(1 << 33);
    entry.part = 6;
    entry.parts = &[(1, Lsn(5)), (1 << 40, Lsn(6))];
    let mut out = Vec::new();
    entry.put_head(&mut out, Time(1_000), Some(BODY));
    (out, more)
}

#[test]
fn every_field_comes_back() {
    let (bytes, more) = full();
    let mut at = 0;
    let head = Head::read(&bytes, &mut at, Time(1_000)).expect("a head");
    assert_eq!(at, bytes.len());
    let e = head.entry;
    assert_eq!((e.kind, e.object, e.seq, e.time), (Kind::Enqueue, ObjectId(7), Seq(5 << 40 | 77), Time(1_005)));
    assert_eq!((e.priority, e.expires_at, e.visible_at), (4, Time(99_999), Time(5_000)));
    assert_eq!((e.key, e.dedup, e.producer), (Some(&b"key"[..]), 0xdead_beef, Some((12, 3, 400))));
    assert_eq!((e.format, e.props_len, e.data), (FormatId(1), 3, &b"names"[..]));
    assert_eq!((e.slot, e.lsn), (Slot(513), Lsn(1 << 33)));
    assert_eq!((e.part, head.parts.as_slice()), (6, &[(1, Lsn(5)), (1 << 40, Lsn(6))][..]));
    assert_eq!(head.more, more);
    assert_eq!(head.body, Some(BODY));
}

#[test]
fn a_plain_message_costs_few_bytes() {
    let mut entry = Entry::new(Kind::Enqueue, ObjectId(300), Time(1_000));
    entry.seq = Seq(5 << 40 | 123_456);
    entry.format = FormatId(1);
    entry.props_len = 15;
    entry.body = &[0; 1_039];
    let mut out = Vec::new();
    let body = BodyAt { offset: 900_000, in_file: false, len: 1_039, crc: 1 };
    entry.put_head(&mut out, Time(1_000), Some(body));
    assert!(out.len() <= 24, "{} bytes", out.len());
}

#[test]
fn truncated_and_mutated_heads_never_panic() {
    let (bytes, _) = full();
    for cut in 0..bytes.len() {
        assert!(Head::read(&bytes[..cut], &mut 0, Time(0)).is_none(), "cut at {cut}");
    }
    for at in 0..bytes.len() {
        for flip in [1u8, 0x80, 0xff] {
            let mut broken = bytes.clone();
            broken[at] ^= flip;
            let _ = Head::read(&broken, &mut 0, Time(0));
        }
    }
}
