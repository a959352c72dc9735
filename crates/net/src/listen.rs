//! Listeners: bound before the broker opens, so that a taken port is told at once, listening after it has recovered.

use crate::connection::Connection;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use narumq_door::{ConnInfo, Door, Traffic};
use narumq_model::{SessionId, Time};
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;

/// Connections that the kernel holds for us before they are accepted.
const BACKLOG: i32 = 1024;
/// How long a listener rests when the process can open no more sockets, in milliseconds.
const REST_MILLIS: u64 = 100;
/// Connections accepted in one turn.
const ACCEPTS_PER_TURN: usize = 64;

/// One address at which a door is to listen.
pub struct Listen {
    /// Where; port 0 lets the system choose.
    pub address: SocketAddr,
    /// Whose connections these are.
    pub door: Arc<dyn Door>,
    /// An address that this machine does not have is left out without an error.
    pub optional: bool,
}

/// Why a listener could not be had.
#[derive(Debug)]
pub struct BindError {
    /// The door's name.
    pub door: &'static str,
    /// The address.
    pub address: SocketAddr,
    /// What the system said.
    pub error: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot listen on {}: {}", self.door, self.address, self.error)
    }
}

impl std::error::Error for BindError {}

struct Bound {
    socket: Socket,
    address: SocketAddr,
    door: Arc<dyn Door>,
}

/// Addresses that are ours, but do not answer yet.
pub struct Listeners {
    bound: Vec<Bound>,
}

impl Listeners {
    /// Binds all addresses, or says which one could not be had.
    pub fn bind(wanted: Vec<Listen>) -> Result<Self, BindError> {
        let mut bound = Vec::with_capacity(wanted.len());
        for Listen { address, door, optional } in wanted {
            match bind(address) {
                Ok((socket, address)) => bound.push(Bound { socket, address, door }),
                Err(error) if optional && is_absent(&error) => {}
                Err(error) => return Err(BindError { door: door.name(), address, error }),
            }
        }
        Ok(Self { bound })
    }

    /// (door's name, real address) of each listener, in the order given.
    pub fn addresses(&self) -> Vec<(&'static str, SocketAddr)> {
        self.bound.iter().map(|b| (b.door.name(), b.address)).collect()
    }

    /// Opens them: from now on the kernel takes connections.
    pub(crate) fn listen(self) -> Result<Vec<Listener>, BindError> {
        let open = |Bound { socket, address, door }: Bound| match socket.listen(BACKLOG) {
            Ok(()) => Ok(Listener { socket: TcpListener::from_std(socket.into()), door, resting: None }),
            Err(error) => Err(BindError { door: door.name(), address, error }),
        };
        self.bound.into_iter().map(open).collect()
    }
}

fn bind(address: SocketAddr) -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit these from their listener.
    socket.set_tcp_nodelay(true)?;
    socket.set_keepalive(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    let real = socket.local_addr()?.as_socket().unwrap_or(address);
    Ok((socket, real))
}

fn is_absent(error: &io::Error) -> bool {
    // A kernel without the address family has no kind of its own for it.
    matches!(error.kind(), ErrorKind::AddrNotAvailable | ErrorKind::Unsupported)
        || error.raw_os_error() == Some(EAFNOSUPPORT)
}

const EAFNOSUPPORT: i32 = 97;

/// A connection that has been accepted and not yet been given to its worker.
pub(crate) struct Arrival {
    socket: TcpStream,
    peer: SocketAddr,
    door: Arc<dyn Door>,
}

impl Arrival {
    /// Registers the socket and opens its session.
    pub(crate) fn open(
        mut self,
        id: SessionId,
        token: Token,
        registry: &Registry,
        seed: u128,
        now: Time,
    ) -> io::Result<Box<Connection>> {
        let local = self.socket.local_addr()?;
        registry.register(&mut self.socket, token, Interest::READABLE | Interest::WRITABLE)?;
        let traffic = Arc::new(Traffic::default());
        let info = ConnInfo { id, peer: self.peer, local, tls: false, seed, traffic: traffic.clone() };
        let session = self.door.open(info, now);
        Ok(Box::new(Connection::new(self.socket, id, session, traffic)))
    }
}

/// An open listener.
pub(crate) struct Listener {
    socket: TcpListener,
    door: Arc<dyn Door>,
    /// Until when it does not try, because the last try failed for want of resources.
    pub(crate) resting: Option<Time>,
}

impl Listener {
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE)
    }

    /// Accepts what has come. `Ok(true)`: there may be more. An error is one that will pass; the listener rests.
    pub(crate) fn accept(&mut self, now: Time, mut arrived: impl FnMut(Arrival)) -> io::Result<bool> {
        self.resting = None;
        for _ in 0..ACCEPTS_PER_TURN {
            match self.socket.accept() {
                Ok((socket, peer)) => arrived(Arrival { socket, peer, door: self.door.clone() }),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return Ok(false),
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => {}
                    _ => {
                        self.resting = Some(now.plus(REST_MILLIS));
                        return Err(error);
                    }
                },
            }
        }
        Ok(true)
    }
}
