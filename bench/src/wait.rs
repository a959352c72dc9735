//! Waits on many sockets at once with poll(2).

use std::io;
use std::net::TcpStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Second handles of the sockets waited on, so that their owners may be used meanwhile.
pub(crate) struct Sockets(Vec<TcpStream>);

impl Sockets {
    /// Takes a second handle of each socket.
    pub(crate) fn of<'a>(streams: impl Iterator<Item = &'a TcpStream>) -> io::Result<Sockets> {
        Ok(Sockets(streams.map(TcpStream::try_clone).collect::<io::Result<_>>()?))
    }

    /// What to poll: every socket, for input.
    pub(crate) fn set(&self) -> Vec<PollFd<'_>> {
        self.0.iter().map(|stream| PollFd::new(stream, PollFlags::IN)).collect()
    }
}

/// Rebuilds which of the sockets are also waited on for room to write.
pub(crate) fn want_room<'a>(set: &mut [PollFd<'a>], sockets: &'a Sockets, index: usize, room: bool) {
    let flags = if room { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
    set[index] = PollFd::new(&sockets.0[index], flags);
}

/// Waits for any of the set, at most `limit`. An interrupted wait counts as over.
pub(crate) fn wait(set: &mut [PollFd<'_>], limit: Duration) -> io::Result<()> {
    let limit = Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: i64::from(limit.subsec_nanos()) };
    match poll(set, Some(&limit)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether the last wait found input (or the end, or an error) on a socket.
pub(crate) fn has_input(set: &[PollFd<'_>], index: usize) -> bool {
    set[index].revents().intersects(PollFlags::IN | PollFlags::ERR | PollFlags::HUP)
}
