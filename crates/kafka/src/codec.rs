//! The Kafka codec: frames, headers and messages of every version that is built, over byte slices, in both directions.
//!
//! Nothing here reads a socket, a clock or a file. What is decoded borrows from the input; only arrays allocate, and only
//! as their elements are decoded. Every length and number from the wire is checked against the bytes that are really
//! there before it is used; how deep structures lie in one another is fixed by the table.
//!
//! ```text
//! input bytes ── split_frame ── RequestHeader::read ── Request::read, or Message::decode of the type that is expected
//! out + cuts  ◄─ encode_response ◄─ a response, its records at hand or elsewhere
//! ```
//!
//! | module       | holds |
//! |--------------|-------|
//! | `api`        | the table of APIs: keys, versions, [`Request`] and [`Response`] |
//! | `messages`   | the table of fields |
//! | `table`      | the macros that turn both into types |
//! | `wire`       | how each type of field is read and written |
//! | `records`    | the records of a response |
//! | `reader`     | reading primitive types |
//! | `writer`     | writing them, with cuts |
//! | `frame`      | the size in front of everything |
//! | `header`     | headers, whole requests and responses |
//! | `error`      | what can be wrong with bytes |
//! | `error_code` | the codes that answers carry |

mod api;
mod error;
mod error_code;
mod frame;
mod header;
pub mod messages;
#[cfg(test)]
mod random;
mod reader;
mod records;
#[cfg(test)]
mod round_trip;
mod table;
mod wire;
mod writer;

pub use api::{ApiKey, Message, Request, Response, Versions};
pub use error::DecodeError;
pub use error_code::ErrorCode;
pub use frame::{FRAME_HEAD, FRAME_MAX, Frame, frame_size, split_frame};
pub use header::{Caller, RequestHeader, encode_request, encode_response, read_response_header};
pub use reader::{ARRAY_MEMORY_MAX, Reader, STRING_MAX};
pub use records::Records;
pub use wire::{Form, One, Uuid, Wire};
pub use writer::{Cut, Writer};
