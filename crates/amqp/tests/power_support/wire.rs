//! What clients read: frames become answers, bodies the messages that they must be.

use super::Random;
use narumq_amqp::codec::{ContentHeader, FrameKind, Method, MethodId, Parsed, PropertiesView, Value, parse_frame};

/// A message as it came.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Content {
    pub id: u64,
    /// It has a history of deaths.
    pub dead: bool,
    /// How often it came back, where the queue limits that.
    pub returns: u64,
}

impl Content {
    /// What is known of it in this queue over a restart.
    pub fn in_queue(self, queue: &str) -> Self {
        let returns = if queue == "limited" { self.returns } else { 0 };
        Self { returns, ..self }
    }
}

/// What a client was told.
#[derive(Debug)]
pub enum Answer {
    /// A method without content that answers a command.
    Plain(MethodId),
    Ack {
        tag: u64,
        multiple: bool,
    },
    Nack {
        tag: u64,
        multiple: bool,
    },
    Got {
        redelivered: bool,
        content: Content,
    },
    Empty,
    Delivery {
        consumer: String,
        tag: u64,
        content: Content,
    },
    Returned,
    Cancelled {
        consumer: String,
    },
    /// The broker closes the channel.
    Closed(u16),
}

/// What of a message's number decides its size and priority.
pub const TRAITS: u64 = 1 << 20;

/// The body of a message follows from its number; most are small, few are larger than a chunk.
pub fn body(id: u64) -> Vec<u8> {
    let mut random = Random(id % TRAITS);
    let len = match random.below(16) {
        0 => 9_000 + random.below(6_000),
        1..=4 => 1_000 + random.below(3_000),
        _ => random.below(200),
    };
    let mut body = id.to_be_bytes().to_vec();
    body.extend((0..len).map(|n| (id.wrapping_mul(31) ^ n ^ (n >> 8)) as u8));
    body
}

/// Priority and delivery mode of a message as property bytes.
pub fn properties(id: u64, persistent: bool) -> [u8; 4] {
    [0x18, 0, if persistent { 2 } else { 1 }, priority(id)]
}

/// The priority that a message is published with.
pub fn priority(id: u64) -> u8 {
    (id % TRAITS % 3) as u8
}

/// Frames with their channels, in order. An error if a message is not what was published.
pub fn answers(bytes: &[u8]) -> Result<Vec<(u16, Answer)>, String> {
    let (mut answers, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let (channel, kind, payload) = take(&mut rest);
        assert_eq!(kind, FrameKind::Method, "content comes behind its method");
        let answer = match Method::decode(payload).unwrap() {
            Method::BasicAck(ack) => Answer::Ack { tag: ack.delivery_tag, multiple: ack.multiple },
            Method::BasicNack(nack) => Answer::Nack { tag: nack.delivery_tag, multiple: nack.multiple },
            Method::BasicGetOk(got) => {
                Answer::Got { redelivered: got.redelivered, content: content(&mut rest, channel)? }
            }
            Method::BasicGetEmpty(_) => Answer::Empty,
            Method::BasicDeliver(delivery) => Answer::Delivery {
                consumer: text(delivery.consumer_tag),
                tag: delivery.delivery_tag,
                content: content(&mut rest, channel)?,
            },
            Method::BasicReturn(_) => {
                content(&mut rest, channel)?;
                Answer::Returned
            }
            Method::BasicCancel(cancel) => Answer::Cancelled { consumer: text(cancel.consumer_tag) },
            Method::ChannelClose(close) => Answer::Closed(close.reply_code),
            Method::ConnectionClose(close) => return Err(format!("connection closed: {}", text(close.reply_text))),
            _ => Answer::Plain(MethodId::of_payload(payload).unwrap()),
        };
        answers.push((channel, answer));
    }
    Ok(answers)
}

fn take<'a>(rest: &mut &'a [u8]) -> (u16, FrameKind, &'a [u8]) {
    let Ok(Parsed::Frame(frame)) = parse_frame(rest, u32::MAX) else { panic!("no whole frame: {rest:02x?}") };
    *rest = &rest[frame.wire_len()..];
    (frame.channel, frame.kind, frame.payload)
}

fn content(rest: &mut &[u8], channel: u16) -> Result<Content, String> {
    let (on, kind, payload) = take(rest);
    assert_eq!((on, kind), (channel, FrameKind::Header));
    let header = ContentHeader::parse(payload).unwrap();
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < header.body_size {
        let (on, kind, payload) = take(rest);
        assert_eq!((on, kind), (channel, FrameKind::Body));
        bytes.extend_from_slice(payload);
    }
    let view = PropertiesView::parse(header.properties).map_err(|error| format!("properties: {error:?}"))?;
    let header = |name| view.headers().and_then(|headers| headers.get(name));
    let returns = match header(b"x-delivery-count") {
        Some(Value::Long(count)) => u64::try_from(count).map_err(|_| "a count below 0")?,
        Some(other) => return Err(format!("a count of {other:?}")),
        None => 0,
    };
    let dead = header(b"x-death").is_some();
    let id = bytes.first_chunk().map(|id| u64::from_be_bytes(*id)).ok_or("a body without its number")?;
    if bytes != body(id) {
        return Err(format!("the body of message {id} is not the one that was published"));
    }
    Ok(Content { id, dead, returns })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
