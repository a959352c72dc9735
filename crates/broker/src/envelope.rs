//! The `data` of an enqueue entry: the names a copy goes by, and its history.
//!
//! ```text
//! u8 shape: bit 0 envelope follows, bit 1 failures and hand-overs follow, bit 2 redelivered
//! varint len, exchange | varint len, routing key                    as published
//! [varint failures, varint hand-overs]
//! [option exchange | list of keys | list of deaths | option (queue, reason, exchange)]
//! ```

use crate::codec::{Reader, put_name, put_option};
use narumq_log::{StoredMessage, varint};
use narumq_model::{Death, DeathReason, Envelope, Message, MessageBuilder, MessageParts, Time};

/// Appends the data of `message`.
pub(crate) fn put(out: &mut Vec<u8>, message: &Message) {
    let counts = message.failures != 0 || message.hand_overs != 0;
    out.push(u8::from(message.envelope().is_some()) | u8::from(counts) << 1 | u8::from(message.redelivered) << 2);
    let (exchange, key) = message.published_names();
    varint::put_bytes(out, exchange);
    varint::put_bytes(out, key);
    if counts {
        varint::put(out, message.failures.into());
        varint::put(out, message.hand_overs.into());
    }
    if let Some(envelope) = message.envelope() {
        put_option(out, envelope.exchange.as_deref(), varint::put_bytes);
        put_list(out, &envelope.keys, |out, key| varint::put_bytes(out, key));
        put_list(out, &envelope.deaths, put_death);
        put_option(out, envelope.first_death.as_ref(), |out, (queue, reason, exchange)| {
            put_name(out, queue);
            out.push(reason_number(*reason));
            varint::put_bytes(out, exchange);
        });
    }
}

fn put_list<T>(out: &mut Vec<u8>, items: &[T], put: impl Fn(&mut Vec<u8>, &T)) {
    varint::put(out, items.len() as u64);
    items.iter().for_each(|item| put(out, item));
}

fn put_death(out: &mut Vec<u8>, death: &Death) {
    put_name(out, &death.queue);
    out.push(reason_number(death.reason));
    varint::put(out, death.count);
    varint::put(out, death.time.0);
    varint::put_bytes(out, &death.exchange);
    put_list(out, &death.keys, |out, key| varint::put_bytes(out, key));
}

fn reason_number(reason: DeathReason) -> u8 {
    match reason {
        DeathReason::Rejected => 0,
        DeathReason::Expired => 1,
        DeathReason::MaxLength => 2,
        DeathReason::DeliveryLimit => 3,
    }
}

fn read_reason(reader: &mut Reader<'_>) -> Option<DeathReason> {
    [DeathReason::Rejected, DeathReason::Expired, DeathReason::MaxLength, DeathReason::DeliveryLimit]
        .get(usize::from(reader.u8()?))
        .copied()
}

fn read_death(reader: &mut Reader<'_>) -> Option<Death> {
    Some(Death {
        queue: reader.name()?,
        reason: read_reason(reader)?,
        count: reader.number()?,
        time: Time(reader.number()?),
        exchange: reader.shared()?,
        keys: reader.list(Reader::shared)?,
    })
}

fn read_envelope(reader: &mut Reader<'_>) -> Option<Envelope> {
    Some(Envelope {
        exchange: reader.option(Reader::shared)?,
        keys: reader.list(Reader::shared)?,
        deaths: reader.list(read_death)?,
        first_death: reader.option(|r| Some((r.name()?, read_reason(r)?, r.shared()?)))?,
    })
}

/// The message that the log kept; `None` if its data or its body are damaged.
pub(crate) fn restore(stored: &StoredMessage, builder: &mut MessageBuilder) -> Option<Message> {
    let body = stored.body.as_deref()?;
    let props = body.get(..stored.props_len as usize)?;
    let mut reader = Reader::new(&stored.data);
    let shape = reader.u8()?;
    let (exchange, key) = (reader.bytes()?, reader.bytes()?);
    if exchange.len().max(key.len()) > usize::from(u16::MAX) {
        return None;
    }
    let parts = MessageParts { exchange, key, props, payload: &body[props.len()..] };
    let mut message = builder.build(&parts, stored.format);
    if shape & 2 != 0 {
        message.failures = reader.number()? as u16;
        message.hand_overs = reader.number()? as u16;
    }
    if shape & 1 != 0 {
        message.set_envelope(read_envelope(&mut reader)?);
    }
    message.redelivered = shape & 4 != 0;
    message.durable = true;
    message.priority = stored.priority;
    message.expires_at = stored.expires_at;
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use narumq_model::{FormatId, Seq};

    #[test]
    fn a_message_with_history_comes_back() {
        let mut builder = MessageBuilder::default();
        let parts = MessageParts { exchange: b"logs", key: b"a.b", props: b"\0\0", payload: b"hello" };
        let mut message = builder.build(&parts, FormatId(1));
        let text = |s: &'static str| Bytes::from_static(s.as_bytes());
        let death = Death {
            queue: "q".into(),
            reason: DeathReason::Expired,
            count: 3,
            time: Time(77),
            exchange: text("logs"),
            keys: vec![text("a.b"), text("cc")],
        };
        message.set_envelope(Envelope {
            exchange: Some(text("dlx")),
            keys: vec![text("dead")],
            deaths: vec![death],
            first_death: Some(("q".into(), DeathReason::Expired, text("logs"))),
        });
        message.failures = 2;
        let mut data = Vec::new();
        put(&mut data, &message);
        let stored = StoredMessage {
            seq: Seq(1),
            time: Time(1),
            priority: 3,
            expires_at: Time(9),
            visible_at: Time(0),
            format: FormatId(1),
            props_len: 2,
            data,
            body: Some(Bytes::copy_from_slice(message.body())),
        };
        let back = restore(&stored, &mut builder).expect("a message");
        assert_eq!((back.exchange(), back.key(), back.payload()), (&b"dlx"[..], &b"dead"[..], &b"hello"[..]));
        assert_eq!(back.envelope(), message.envelope());
        assert_eq!((back.failures, back.priority, back.expires_at), (2, 3, Time(9)));
        for cut in 0..stored.data.len() {
            let broken = StoredMessage { data: stored.data[..cut].to_vec(), ..stored.clone() };
            assert!(restore(&broken, &mut builder).is_none(), "cut at {cut}");
        }
    }
}
