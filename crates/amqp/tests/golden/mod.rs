//! Comparing a method with golden bytes in both directions; the rows of the larger classes.

pub mod basic;
pub mod topology;

use narumq_amqp::codec::*;
use std::cell::RefCell;
use std::collections::BTreeSet;

thread_local! {
    /// Names of the methods this thread has checked.
    pub static CHECKED: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The table `{"k": true}`.
pub fn table() -> Table<'static> {
    Table::parse(b"\x01kt\x01").unwrap()
}

/// Encodes `method` to exactly these bytes, and decodes it from them.
pub fn golden<'a>(method: impl Into<Method<'a>> + WireMethod + Copy, wire: &str) {
    let expected = hex(wire);
    let id = method.id();
    let mut direct = Vec::new();
    write_method(&mut direct, 0x0304, &method);
    let method: Method<'_> = method.into();
    assert_eq!(direct, expected, "{}", method.name());
    let mut through_enum = Vec::new();
    write_method(&mut through_enum, 0x0304, &method);
    assert_eq!(through_enum, expected, "{}", method.name());

    let Ok(Parsed::Frame(frame)) = parse_frame(&expected, FRAME_MIN_SIZE) else { panic!("no frame: {wire}") };
    assert_eq!((frame.kind, frame.channel, frame.wire_len()), (FrameKind::Method, 0x0304, expected.len()));
    assert_eq!(Method::decode(frame.payload), Ok(method));
    assert_eq!(MethodId::of_payload(frame.payload), Some(id));
    assert_eq!((method.id(), id.name()), (id, Some(method.name())));
    CHECKED.with_borrow_mut(|checked| checked.insert(method.name()));

    // One byte less is cut short, one byte more is too much; neither is taken for the method.
    if frame.payload.len() > 4 {
        assert_eq!(Method::decode(&frame.payload[..frame.payload.len() - 1]), Err(CodecError::Truncated));
    }
    let mut longer = frame.payload.to_vec();
    longer.push(0);
    assert_eq!(Method::decode(&longer), Err(CodecError::TrailingBytes));
}
