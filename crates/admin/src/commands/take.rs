//! Taking messages from a queue one after another; bodies that are not in memory are waited for.

use super::{Answer, Call, Outcome, require_keys, text};
use crate::Shared;
use crate::error::Problem;
use crate::limits::{GET_BYTES_MAX, GET_COUNT_MAX};
use crate::mapping::table_to_json;
use crate::waiting::Waiting;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use narumq_broker::{Got, Outcome as Settlement, QueueError, QueueHandle};
use narumq_door::Context;
use narumq_model::{Message, Seq, SessionId};
use serde_json::{Map, Value, json};

/// What becomes of the messages that were taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// They are gone.
    Remove,
    /// They go back, or to where dead messages go.
    Settle(Settlement),
}

/// A `get` under way.
struct Take {
    queue: QueueHandle,
    left: u64,
    mode: Mode,
    always_base64: bool,
    truncate: usize,
    bytes: usize,
    rows: Vec<Value>,
    leased: Vec<Seq>,
}

/// Starts taking messages.
pub(super) fn get(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let vhost = call.vhost(path[1])?;
    let body = call.body()?;
    require_keys(&body, &["ackmode", "count", "encoding"])?;
    let mode = match text(&body, "ackmode")? {
        "ack_requeue_false" => Mode::Remove,
        "ack_requeue_true" => Mode::Settle(Settlement::Return),
        "reject_requeue_true" => Mode::Settle(Settlement::Fail),
        "reject_requeue_false" => Mode::Settle(Settlement::Reject),
        _ => return Err(Problem::bad("unknown ackmode")),
    };
    let always_base64 = match text(&body, "encoding")? {
        "auto" => false,
        "base64" => true,
        _ => return Err(Problem::bad("Unsupported encoding. Please use auto or base64.")),
    };
    let left = count(&body, "count")?;
    if left > GET_COUNT_MAX {
        return Err(Problem::bad(format!("count exceeds {GET_COUNT_MAX}")));
    }
    let truncate = match body.get("truncate") {
        None | Some(Value::Null) => usize::MAX,
        Some(_) => usize::try_from(count(&body, "truncate")?).unwrap_or(usize::MAX),
    };
    let queue = call.cx.broker.queue(&vhost, path[2], call.session)?;
    let (bytes, rows, leased) = (0, Vec::new(), Vec::new());
    Ok(Outcome::Wait(Box::new(Take { queue, left, mode, always_base64, truncate, bytes, rows, leased })))
}

/// A number, or the text of one.
fn count(body: &Map<String, Value>, name: &str) -> Result<u64, Problem> {
    let value = &body[name];
    let parsed = value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    parsed.ok_or_else(|| Problem::Bad(json!(["not_int", name])))
}

impl Waiting for Take {
    /// Takes what there is. `None`: a body is being read, the queue's `Ready` event says when to go on.
    fn advance(
        &mut self,
        shared: &Shared,
        session: SessionId,
        cx: &mut Context<'_>,
    ) -> Result<Option<Answer>, Problem> {
        while self.left > 0 && self.bytes < GET_BYTES_MAX {
            let got = match cx.broker.get(&self.queue, session, self.mode == Mode::Remove, cx.turn) {
                // The queue went away after the first messages: they are the answer.
                Err(QueueError::NoSuchQueue(_)) if !self.rows.is_empty() => break,
                other => other?,
            };
            match got {
                Got::Pending => return Ok(None),
                Got::Empty => break,
                Got::Message { delivery, remaining } => {
                    self.left -= 1;
                    self.bytes += delivery.message.payload_len().min(self.truncate);
                    self.rows.push(self.row(&delivery.message, remaining, shared));
                    if self.mode != Mode::Remove {
                        self.leased.push(delivery.seq);
                    }
                }
            }
        }
        if let Mode::Settle(outcome) = self.mode {
            self.settle(outcome, session, cx);
        }
        Ok(Some(Answer::json(&Value::Array(std::mem::take(&mut self.rows)))))
    }

    fn give_back(&mut self, session: SessionId, cx: &mut Context<'_>) {
        self.settle(Settlement::Return, session, cx);
    }
}

impl Take {
    fn settle(&mut self, outcome: Settlement, session: SessionId, cx: &mut Context<'_>) {
        let leased = std::mem::take(&mut self.leased);
        if !leased.is_empty() {
            cx.broker.settle(&self.queue, (session, None), &leased, outcome, cx.turn);
        }
    }

    fn row(&self, message: &Message, remaining: u64, shared: &Shared) -> Value {
        let payload = message.payload();
        let shown = &payload[..payload.len().min(self.truncate)];
        let (text, encoding) = match std::str::from_utf8(shown) {
            Ok(text) if !self.always_base64 => (text.to_owned(), "string"),
            _ => (STANDARD.encode(shown), "base64"),
        };
        let reader = shared.config.properties.iter().find(|reader| reader.format() == message.format);
        let mut row = json!({
            "payload_bytes": payload.len(),
            "redelivered": message.redelivered,
            "exchange": String::from_utf8_lossy(message.exchange()),
            "routing_key": String::from_utf8_lossy(message.key()),
            "message_count": remaining,
            "properties": [],
            "payload": text,
            "payload_encoding": encoding,
        });
        match reader.map(|reader| reader.read(message)) {
            // No properties are an empty list, as tools have always been told.
            Some(Ok(properties)) if properties.is_empty() => {}
            Some(Ok(properties)) => row["properties"] = table_to_json(&properties),
            None if message.props().is_empty() => {}
            Some(Err(_)) | None => row["properties_unreadable"] = Value::Bool(true),
        }
        row
    }
}
