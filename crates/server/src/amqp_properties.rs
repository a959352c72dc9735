//! AMQP message properties for the management door, which knows them by name only.

use bytes::Bytes;
use narumq_admin::Properties;
use narumq_amqp::codec::{PropertiesView, PropertyEdits, TableWriter};
use narumq_amqp::{FORMAT, headers_of, write_headers};
use narumq_model::{FormatId, Headers, Message, Value};

/// Reads and writes the property bytes of class basic.
pub(crate) struct AmqpProperties;

impl Properties for AmqpProperties {
    fn format(&self) -> FormatId {
        FORMAT
    }

    fn read(&self, message: &Message) -> Result<Headers, String> {
        let view = PropertiesView::parse(message.props()).map_err(|e| e.to_string())?;
        let text = |bytes: &[u8]| Value::Text(Bytes::copy_from_slice(bytes));
        let named: [(&'static str, Option<Value>); 14] = [
            ("content_type", view.content_type().map(text)),
            ("content_encoding", view.content_encoding().map(text)),
            ("headers", view.headers().map(|_| Value::Table(headers_of(message.props())))),
            ("delivery_mode", view.delivery_mode().map(Value::U8)),
            ("priority", view.priority().map(Value::U8)),
            ("correlation_id", view.correlation_id().map(text)),
            ("reply_to", view.reply_to().map(text)),
            ("expiration", view.expiration().map(text)),
            ("message_id", view.message_id().map(text)),
            ("timestamp", view.timestamp().map(Value::Timestamp)),
            ("type", view.message_type().map(text)),
            ("user_id", view.user_id().map(text)),
            ("app_id", view.app_id().map(text)),
            ("cluster_id", view.cluster_id().map(text)),
        ];
        let there = named.into_iter().filter_map(|(name, value)| Some((Bytes::from_static(name.as_bytes()), value?)));
        Ok(Headers(there.collect()))
    }

    fn write(&self, properties: &Headers) -> Result<Vec<u8>, String> {
        let mut table = Vec::new();
        let mut edits = PropertyEdits::new();
        if let Some(Value::Table(headers)) = properties.get(b"headers") {
            let mut writer = TableWriter::new(&mut table);
            write_headers(headers, &mut writer);
            edits.headers(writer.finish());
        }
        for (name, value) in &properties.0 {
            let unfit = || format!("property {} does not take this value", String::from_utf8_lossy(name));
            let text = || value.as_text().filter(|t| t.len() <= 255).map(|t| &t[..]).ok_or_else(unfit);
            let octet = || value.as_integer().and_then(|n| u8::try_from(n).ok()).ok_or_else(unfit);
            match &name[..] {
                b"headers" => matches!(value, Value::Table(_)).then_some(()).ok_or_else(unfit)?,
                b"content_type" => {
                    edits.content_type(text()?);
                }
                b"content_encoding" => {
                    edits.content_encoding(text()?);
                }
                b"delivery_mode" => {
                    edits.delivery_mode(octet()?);
                }
                b"priority" => {
                    edits.priority(octet()?);
                }
                b"correlation_id" => {
                    edits.correlation_id(text()?);
                }
                b"reply_to" => {
                    edits.reply_to(text()?);
                }
                b"expiration" => {
                    edits.expiration(text()?);
                }
                b"message_id" => {
                    edits.message_id(text()?);
                }
                b"timestamp" => {
                    edits.timestamp(seconds(value).ok_or_else(unfit)?);
                }
                b"type" => {
                    edits.message_type(text()?);
                }
                b"user_id" => {
                    edits.user_id(text()?);
                }
                b"app_id" => {
                    edits.app_id(text()?);
                }
                b"cluster_id" => {
                    edits.cluster_id(text()?);
                }
                _ => return Err(format!("there is no property {}", String::from_utf8_lossy(name))),
            }
        }
        let mut out = Vec::new();
        edits.write(&PropertiesView::EMPTY, &mut out);
        Ok(out)
    }
}

fn seconds(value: &Value) -> Option<u64> {
    match value {
        Value::Timestamp(seconds) => Some(*seconds),
        other => other.as_integer().and_then(|n| u64::try_from(n).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_come_back_by_name() {
        let text = |s: &'static str| Bytes::from_static(s.as_bytes());
        let headers = Headers(vec![
            (text("n"), Value::I64(5)),
            (text("list"), Value::Array(vec![Value::Bool(true), Value::Text(text("x"))])),
        ]);
        let properties = Headers(vec![
            (text("content_type"), Value::Text(text("text/plain"))),
            (text("headers"), Value::Table(headers)),
            (text("delivery_mode"), Value::U8(2)),
            (text("timestamp"), Value::Timestamp(77)),
        ]);
        let bytes = AmqpProperties.write(&properties).expect("property bytes");
        let message = Message::from_data(bytes.clone().into(), 0, 0, bytes.len() as u32, FORMAT);
        assert_eq!(AmqpProperties.read(&message), Ok(properties));
        let wrong = Headers(vec![(text("priority"), Value::Text(text("high")))]);
        assert!(AmqpProperties.write(&wrong).is_err());
    }
}
