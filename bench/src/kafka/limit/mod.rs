//! The least server that could carry a load at all: each batch's checksum seen, all kept, one sync for all that waited.
//!
//! ```text
//! connection ──► session: frames in, CRC-32C of each batch
//!                   │ copies it behind the others, with its base offset
//!                   ▼
//!                gathered ──► disk thread: one write past the page cache, durable when it returns; then the answers
//!                                 │
//!                             files of 64 MiB, filled with zeros by a thread of their own just before
//! ```
//!
//! A yardstick, not a broker: it keeps nothing over a restart, checks nothing else, knows only the requests a load uses,
//! and holds a fetch until there is something, however long that is.

mod answers;
mod disk;
mod files;
mod session;
mod store;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread::Builder;

use crate::child::{Itself, Running, until_parent_leaves};
use crate::error::{Error, Result};
use crate::kafka::broker::Address;
use store::Store;

/// The child: serves on a free port, which it prints, until the parent leaves.
pub(crate) fn serve_until_parent_leaves(directory: &Path) -> Result<()> {
    println!("{}", serve(directory)?.port());
    until_parent_leaves();
    Ok(())
}

/// Starts to serve on a free loopback port; the threads live as long as the process.
fn serve(directory: &Path) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| Error::io("listening", error))?;
    let address = listener.local_addr()?;
    let store = Arc::new(Store::new());
    disk::start(&store, directory)?;
    Builder::new().name("accept".to_owned()).spawn(move || {
        for stream in listener.incoming().flatten() {
            let store = Arc::clone(&store);
            let session = Builder::new().name("session".to_owned()).stack_size(256 * 1024);
            // A connection that gets no thread is dropped, which its client notices.
            let _ = session.spawn(move || session::serve(stream, store, address.port()));
        }
    })?;
    Ok(address)
}

/// Starts the least server as a child of this process.
pub(crate) fn start(itself: &Itself, directory: &Path) -> Result<(Running, Address)> {
    let (child, line) = itself.start(&["kafka-limit-server".into(), "--dir".into(), directory.into()])?;
    let address = format!("127.0.0.1:{line}").parse().map_err(Error::new)?;
    Ok((child, address))
}
