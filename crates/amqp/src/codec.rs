//! The AMQP 0-9-1 codec: frames, methods, field tables and properties, over byte slices, in both directions.
//!
//! Nothing here reads a socket, a clock or a file, and no decoder allocates: what is decoded borrows from the input,
//! what is encoded is appended to a `Vec<u8>` of the caller. Every length taken from the wire is checked against the
//! bytes that are really there before it is used, and nested tables are followed to [`MAX_DEPTH`] levels only.
//!
//! ```text
//! input bytes ── parse_protocol_header ── once, the first 8 bytes of a connection
//!             ── parse_published        ── fast path: a whole basic.publish with header and body
//!             ── parse_publish          ── fast path: the method frame of a basic.publish
//!             ── parse_frame            ── every other frame, and every error
//!                  Method ── Method::decode(payload)
//!                  Header ── ContentHeader::parse(payload) ── PropertiesView::parse(properties)
//!                  Body   ── the payload is the body's next part
//! ```
//!
//! | module       | holds |
//! |--------------|-------|
//! | `error`      | [`CodecError`]: what was wrong, and the reply code that says so |
//! | `frame`      | frame heads and ends, the protocol header, heartbeats |
//! | `methods`    | the table of all classes and methods |
//! | `schema`     | the macro that turns that table into types |
//! | `arguments`  | method arguments: octets, strings, tables, packed bits |
//! | `table`      | field tables and arrays: validation and lazy iteration |
//! | `value`      | one value of a field table |
//! | `writer`     | building field tables |
//! | `properties` | the 14 basic properties: validated view |
//! | `edits`      | the same property bytes again, with some of them changed |
//! | `publish`    | the fast path of incoming messages, content headers |
//! | `encode`     | method frames, content headers, bodies, deliveries, confirms |

// First, because its macros make the types of `methods`.
#[macro_use]
mod schema;

mod arguments;
mod edits;
mod encode;
mod error;
mod frame;
mod methods;
mod properties;
mod publish;
mod reader;
mod table;
mod value;
mod writer;

pub use arguments::{ArgumentReader, ArgumentWriter, MAX_SHORT_STRING};
pub use edits::PropertyEdits;
pub use encode::{
    BodyParts, body_frame_head, body_parts, write_ack, write_body, write_content_header, write_deliver,
    write_deliver_head, write_get_ok, write_heartbeat, write_method, write_nack, write_return,
};
pub use error::CodecError;
pub use frame::{
    FRAME_END, FRAME_HEAD_LEN, FRAME_MIN_SIZE, FRAME_OVERHEAD, Frame, FrameKind, HEARTBEAT, PROTOCOL_HEADER, Parsed,
    ProtocolVersion, parse_frame, parse_protocol_header,
};
pub use methods::*;
pub use properties::{PropertiesView, Property};
pub use publish::{ContentHeader, PublishFrame, Published, parse_publish, parse_published};
pub use schema::{MethodId, MethodSchema, WireMethod};
pub use table::{Array, ArrayIter, MAX_DEPTH, RawEntries, RawEntry, Table, TableIter, validate_array, validate_table};
pub use value::Value;
pub use writer::{ArrayWriter, TableWriter};
