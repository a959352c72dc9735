//! Messages with properties of class basic to and from what they say in no protocol's words.
//!
//! ```text
//!   properties      content_type, …, timestamp (s)
//!   headers         what has no place there, in this order in front:
//!                     x-stream-offset, x-partition         where a topic's record lies
//!                     timestamp_in_ms                      its time
//!                     x-kafka-key, x-tombstone             its key, and that it has no body
//!                     x-exchange, …, x-cluster-id          texts longer than a short string
//!                     x-long-names                         headers with names longer than a short string
//!                     x-dup-places, x-dup:NAME             all values of a name that comes more than once
//!                   then the user's own
//! ```
//! A header in front is taken out where writing would put it back just so; all others are the user's, and stay where they are.
//! Among those x-kafka-key, timestamp_in_ms and x-tombstone are understood too.
//!
//! A record that knows no exchange is written with the default one and always has its time, in front. By that, the
//! default exchange and no name coming twice it is known when it is read. Its routing key may be set to show one to consumers.

mod duplicates;
mod reading;
mod reserved;
mod writing;

use crate::mapping;
use narumq_broker::{MessageDialect, RecordPlace};
use narumq_model::{Headers, Message, MessageBuilder, Record};

/// Reads and writes messages whose property bytes are those of class basic.
#[derive(Clone, Copy, Debug, Default)]
pub struct BasicMessages;

impl MessageDialect for BasicMessages {
    fn read(&self, message: &Message) -> Record {
        reading::read(message)
    }

    fn headers(&self, message: &Message) -> Headers {
        mapping::headers_of(message.props())
    }

    fn write(&self, record: &Record, place: Option<RecordPlace<'_>>, builder: &mut MessageBuilder) -> Message {
        writing::write(record, place, builder)
    }
}
