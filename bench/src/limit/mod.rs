//! The least server that could carry a load at all: frames in, delivers out, one fdatasync for all
//! that waited. A yardstick, not a broker: it redelivers nothing, ignores prefetch and acks, keeps
//! nothing over a restart and knows only the methods a load uses.

mod disk;
mod queues;
mod session;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread::Builder;

use crate::child::{Itself, Running, until_parent_leaves};
use crate::encode::{self, id};
use crate::error::{Error, Result};
use crate::limit::disk::Disk;
use crate::limit::queues::Queues;
use crate::limit::session::Session;
use crate::uri::Uri;

/// The child: serves on a free port, which it prints, until the parent leaves.
pub(crate) fn serve_until_parent_leaves(directory: &Path) -> Result<()> {
    println!("{}", serve(directory)?.port());
    until_parent_leaves();
    Ok(())
}

/// Starts to serve on a free loopback port; the threads live as long as the process.
pub(crate) fn serve(directory: &Path) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| Error::io("listening", error))?;
    let address = listener.local_addr()?;
    let disk = Disk::start(directory)?;
    let queues = Arc::new(Queues::default());
    Builder::new().name("accept".to_owned()).spawn(move || {
        for stream in listener.incoming().flatten() {
            let (queues, disk) = (Arc::clone(&queues), Arc::clone(&disk));
            let session = Builder::new().name("session".to_owned()).stack_size(256 * 1024);
            // A connection that gets no thread is dropped, which its client notices.
            let _ = session.spawn(move || Session::new(stream, queues, disk).and_then(Session::run));
        }
    })?;
    Ok(address)
}

/// Starts the least server as a child of this process.
pub(crate) fn start(itself: &Itself, directory: &Path) -> Result<(Running, Uri)> {
    let (child, line) = itself.start(&["limit-server".into(), "--dir".into(), directory.into()])?;
    let uri = format!("amqp://guest:guest@127.0.0.1:{line}/").parse().map_err(Error::new)?;
    Ok((child, uri))
}

/// connection.start, as the least server sends it.
fn greeting() -> Vec<u8> {
    let mut table = Vec::new();
    for (name, value) in [("product", "limit"), ("version", env!("CARGO_PKG_VERSION"))] {
        encode::short_string(&mut table, name);
        table.push(b'S');
        encode::long_string(&mut table, value.as_bytes());
    }
    let mut out = Vec::new();
    encode::method(&mut out, 0, id::CONNECTION_START, |arguments| {
        arguments.extend([0, 9]);
        encode::long_string(arguments, &table);
        encode::long_string(arguments, b"PLAIN");
        encode::long_string(arguments, b"en_US");
    });
    out
}
