//! What clients send: messages, logins, and the methods that most tests need.

use narumq_amqp::codec::*;

/// A message as a client sends it.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    pub exchange: &'a str,
    pub key: &'a str,
    pub mandatory: bool,
    pub properties: &'a [u8],
    pub body: &'a [u8],
}

/// To a queue through the default exchange.
pub fn to<'a>(key: &'a str, body: &'a [u8]) -> Message<'a> {
    Message { exchange: "", key, mandatory: false, properties: &[0, 0], body }
}

/// Property bytes with delivery mode 2.
pub const PERSISTENT: &[u8] = &[0x10, 0, 2];

impl Message<'_> {
    pub fn write(&self, channel: u16, out: &mut Vec<u8>) {
        let (exchange, routing_key) = (self.exchange.as_bytes(), self.key.as_bytes());
        let publish = BasicPublish { ticket: 0, exchange, routing_key, mandatory: self.mandatory, immediate: false };
        write_method(out, channel, &publish);
        write_content_header(out, channel, self.properties, self.body.len() as u64);
        write_body(out, channel, self.body, 131_072);
    }
}

/// What clients say they can.
pub fn capabilities(buffer: &mut Vec<u8>) -> Table<'_> {
    let mut table = TableWriter::new(buffer);
    table.table(b"capabilities", |table| {
        for name in ["consumer_cancel_notify", "connection.blocked", "authentication_failure_close"] {
            table.entry(name.as_bytes(), Value::Bool(true));
        }
    });
    table.finish()
}

/// A login as guest.
pub fn login<'a>(properties: &Table<'a>, password: &[u8]) -> ConnectionStartOk<'a> {
    let response: &'static [u8] = match password {
        b"guest" => b"\0guest\0guest",
        _ => b"\0guest\0wrong",
    };
    ConnectionStartOk { client_properties: *properties, mechanism: b"PLAIN", response, locale: b"en_US" }
}

/// A declare of a queue.
pub fn declare(queue: &str) -> QueueDeclare<'_> {
    QueueDeclare { queue: queue.as_bytes(), ..Default::default() }
}

/// A consumer that settles.
pub fn consume<'a>(queue: &'a str, tag: &'a str) -> BasicConsume<'a> {
    BasicConsume { queue: queue.as_bytes(), consumer_tag: tag.as_bytes(), ..Default::default() }
}

/// A fetch that settles.
pub fn get(queue: &str) -> BasicGet<'_> {
    BasicGet { queue: queue.as_bytes(), ..Default::default() }
}
