//! Frames in words: `1 queue.declare-ok queue=q message_count=0 consumer_count=0`, `1 header 5 0000`, `1 body hello`.

use narumq_amqp::codec::*;

/// All frames of `bytes`, one word each; what is no whole frame fails the test.
pub fn words(bytes: &[u8]) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = bytes;
    if let Some(behind) = rest.strip_prefix(&PROTOCOL_HEADER) {
        words.push("AMQP".into());
        rest = behind;
    }
    while !rest.is_empty() {
        let Ok(Parsed::Frame(frame)) = parse_frame(rest, u32::MAX) else { panic!("no frame: {rest:02x?}") };
        words.push(word(&frame));
        rest = &rest[frame.wire_len()..];
    }
    words
}

fn word(frame: &Frame<'_>) -> String {
    let channel = frame.channel;
    match frame.kind {
        FrameKind::Heartbeat => "heartbeat".into(),
        FrameKind::Body => format!("{channel} body {}", text(frame.payload)),
        FrameKind::Header => {
            let header = ContentHeader::parse(frame.payload).unwrap();
            let properties: String = header.properties.iter().map(|b| format!("{b:02x}")).collect();
            format!("{channel} header {} {properties}", header.body_size)
        }
        FrameKind::Method => {
            let id = MethodId::of_payload(frame.payload).unwrap();
            Method::decode(frame.payload).unwrap();
            let schema = METHODS.iter().find(|schema| schema.id == id).unwrap();
            let mut reader = ArgumentReader::new(&frame.payload[4..]);
            let mut word = format!("{channel} {}", schema.name);
            for (name, kind) in schema.arguments {
                word += &format!(" {name}={}", argument(&mut reader, kind));
            }
            word
        }
    }
}

fn argument(reader: &mut ArgumentReader<'_>, kind: &str) -> String {
    match kind {
        "bit" => u8::from(reader.bit().unwrap()).to_string(),
        "octet" => reader.octet().unwrap().to_string(),
        "short" => reader.short().unwrap().to_string(),
        "long" => reader.long().unwrap().to_string(),
        "longlong" => reader.longlong().unwrap().to_string(),
        "shortstr" => text(reader.shortstr().unwrap()),
        "longstr" => text(reader.longstr().unwrap()),
        "table" => format!("{:?}", reader.table().unwrap()),
        other => panic!("{other}"),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
