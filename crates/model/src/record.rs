//! What a message says, in no protocol's words: whoever reads one that came in through another door reads one of these.
//!
//! ```text
//!  origin's bytes ──its dialect reads──►  Record  ──the reader's dialect writes──►  reader's bytes
//! ```

use crate::Headers;
use bytes::Bytes;

/// A message in canonical form.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// The exchange it was published to, empty for the default one; `None` if its origin knows no exchanges.
    pub exchange: Option<Bytes>,
    /// The routing key it was published with; `None` if its origin knows none.
    pub routing_key: Option<Bytes>,
    /// The key that names what the record is about; decides its partition.
    pub key: Option<Bytes>,
    /// When what it tells of happened, in milliseconds since the Unix epoch; may be negative.
    pub time: Option<i64>,
    /// What the origin says about the message beside its headers.
    pub properties: Properties,
    /// The user's headers: ordered, typed, duplicates allowed.
    pub headers: Headers,
    /// The payload; `None` says that what the key names is gone.
    pub body: Option<Bytes>,
}

/// What a message says about itself, as its publisher set it. Texts need not be UTF-8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// MIME type of the body.
    pub content_type: Option<Bytes>,
    /// How the body is encoded.
    pub content_encoding: Option<Bytes>,
    /// 2 asks that it survive a restart.
    pub delivery_mode: Option<u8>,
    /// 0 to 255, higher first.
    pub priority: Option<u8>,
    /// To which request it belongs.
    pub correlation_id: Option<Bytes>,
    /// Where an answer goes.
    pub reply_to: Option<Bytes>,
    /// How long it lives, as decimal text in milliseconds.
    pub expiration: Option<Bytes>,
    /// Its id.
    pub message_id: Option<Bytes>,
    /// When it was made, in seconds since the Unix epoch, as the publisher set it. [`Record::time`] is finer.
    pub timestamp: Option<u64>,
    /// What kind of message it is.
    pub kind: Option<Bytes>,
    /// Who published it.
    pub user_id: Option<Bytes>,
    /// Which application published it.
    pub app_id: Option<Bytes>,
    /// Which cluster it came from.
    pub cluster_id: Option<Bytes>,
}
