//! Listeners and the one connection loop: the only room with sockets.
//!
//! ```text
//!  listeners ─► worker 0 ─ round robin ─► worker n: epoll ─► read ─► session ─► mailbox ─► end of turn ─► write
//!                                              ▲                                               │
//!                                              └── bell: another worker's mail, the disk's sync ◄┘
//! ```
//! A worker is a thread that owns its connections for life. One *turn* of a worker: wait for the kernel, read from each
//! ready connection once, hand the bytes to its session, hand out the worker's mail, end the broker's turn, write once to
//! each connection that has something to say. Nothing in here blocks but that one wait, and nothing wakes without cause.
#![forbid(unsafe_code)]

mod connection;
mod core;
mod input;
mod listen;
mod output;
mod settings;
mod start;
mod table;
mod timers;
mod wake;
mod worker;

pub use listen::{BindError, Listen, Listeners};
pub use settings::{Clock, Settings, Surroundings};
pub use start::Net;
