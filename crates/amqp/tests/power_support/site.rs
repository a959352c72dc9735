//! A broker with AMQP sessions on a disk whose power may go, driven by bytes; what the log's threads do is awaited.

use super::Random;
use narumq_amqp::{Amqp, BasicMessages, FORMAT, Settings as DoorSettings, given_exchanges};
use narumq_broker::{Broker, Dialects, Event, OpenError, Settings, Turn, Wake};
use narumq_door::{Cause, ConnInfo, Context, Door, Outbox, Session};
use narumq_log::disk::faulty::FaultyDisk;
use narumq_log::{Given, Options};
use narumq_model::{Destination, Lsn, SessionId, Time};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// How long something that must happen may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

struct Bell(Sender<()>);

impl Wake for Bell {
    fn wake(&self, _: u16) {
        let _ = self.0.send(());
    }
}

/// One client's end.
struct Peer {
    session: Option<Box<dyn Session>>,
    out: Outbox,
    input: Vec<u8>,
    /// What has left the outbox and was not looked at yet.
    seen: Vec<u8>,
}

/// A broker, its door and the clients of both.
pub struct Site {
    pub broker: Arc<Broker>,
    disk: FaultyDisk,
    door: Amqp,
    peers: Vec<Peer>,
    bell: Receiver<()>,
    told: Lsn,
    now: Time,
}

impl Site {
    /// Starts a broker on what the disk holds.
    pub fn open(disk: &FaultyDisk, options: &Options, now: Time) -> Result<Self, OpenError> {
        // No two starts draw the same generations, as with real randomness.
        static STARTS: AtomicU64 = AtomicU64::new(0);
        let mut random = Random(STARTS.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x5851_f42d_4c95_7f2d));
        let given = Given { disk: Arc::new(disk.clone()), random: Box::new(move || random.next()) };
        let mut dialects = Dialects::default();
        dialects.register_messages(FORMAT, Arc::new(BasicMessages));
        let settings = Settings { given_exchanges: given_exchanges(), dialects, ..Settings::default() };
        let broker = Broker::open(settings, options.clone(), given, now)?;
        let (ring, bell) = channel();
        broker.mailboxes().set_wake(Box::new(Bell(ring)));
        let door = Amqp::new(DoorSettings::default());
        Ok(Self { broker, disk: disk.clone(), door, peers: Vec::new(), bell, told: Lsn(0), now })
    }

    /// A client that has said nothing yet.
    pub fn dial(&mut self) -> usize {
        let index = self.peers.len();
        let id = SessionId { worker: 0, index: index as u32, generation: 1 };
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (peer, local) = (address(50_000 + index as u16), address(5672));
        let info = ConnInfo { id, peer, local, tls: false, seed: index as u128 + 77, traffic: Arc::default() };
        let session = Some(self.door.open(info, self.now));
        self.peers.push(Peer { session, out: Outbox::default(), input: Vec::new(), seen: Vec::new() });
        index
    }

    /// All bindings; those of exchanges lead to `x:` and their name.
    pub fn bindings(&self) -> BTreeSet<(String, String, String)> {
        let all = self.broker.vhosts().into_iter().flat_map(|vhost| self.broker.bindings(&vhost));
        let told = all.map(|binding| {
            let to = match binding.destination {
                Destination::Queue(name) => name.to_string(),
                Destination::Exchange(name) => format!("x:{name}"),
            };
            (binding.source.to_string(), String::from_utf8_lossy(&binding.key).into_owned(), to)
        });
        told.collect()
    }

    /// The clock moves, and what is due happens.
    pub fn advance(&mut self, millis: u64) {
        self.now = self.now.plus(millis);
        let mut turn = Turn::new(self.now, Some(0));
        self.broker.advance(&mut turn);
        self.broker.end_turn(&mut turn);
        self.run();
    }

    /// What the clock says.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Whether the power has gone.
    pub fn is_dark(&self) -> bool {
        self.disk.is_off()
    }

    /// Bytes of the client, and all that follows from them, a wait of its session for the disk included. False if the log
    /// has failed before all of them were looked at.
    pub fn bytes(&mut self, peer: usize, bytes: &[u8]) -> bool {
        self.peers[peer].input.extend_from_slice(bytes);
        self.wait_until(|site| {
            let peer = &site.peers[peer];
            let paused = peer.session.as_ref().is_some_and(|session| session.paused());
            peer.input.is_empty() && !paused
        })
    }

    /// What has left the client's outbox since this was asked last.
    pub fn seen(&mut self, peer: usize) -> Vec<u8> {
        std::mem::take(&mut self.peers[peer].seen)
    }

    fn wait_until(&mut self, mut holds: impl FnMut(&mut Self) -> bool) -> bool {
        self.run();
        while !holds(self) {
            if !self.listen() {
                return holds(self);
            }
        }
        true
    }

    /// Waits for the broker's threads and does what follows; false if the log has failed and nothing followed.
    pub fn listen(&mut self) -> bool {
        if self.broker.failed().is_none() {
            self.bell.recv_timeout(PATIENCE).expect("something happens");
        } else if self.bell.try_recv().is_err() {
            self.run();
            return false;
        }
        while self.bell.try_recv().is_ok() {}
        self.run();
        true
    }

    /// Lets everything happen that is due.
    pub fn run(&mut self) {
        loop {
            let mut busy = self.tell_durable();
            for at in 0..self.peers.len() {
                busy |= self.feed(at);
            }
            busy |= self.mail();
            for at in 0..self.peers.len() {
                busy |= self.write(at);
            }
            if !busy {
                return;
            }
        }
    }

    fn call(&mut self, peer: usize, verb: impl FnOnce(&mut dyn Session, &mut Context<'_>)) {
        let mut turn = Turn::new(self.now, Some(0));
        let peer = &mut self.peers[peer];
        if let Some(session) = peer.session.as_deref_mut() {
            verb(session, &mut Context { broker: &self.broker, turn: &mut turn, out: &mut peer.out });
        }
        self.broker.end_turn(&mut turn);
    }

    /// Lets go what waited for what is durable now.
    fn tell_durable(&mut self) -> bool {
        let durable = self.broker.durable();
        let news = durable > self.told;
        self.told = durable;
        let mut busy = false;
        for at in 0..self.peers.len() {
            let peer = &mut self.peers[at];
            let waits = peer.session.as_ref().and_then(|session| session.waits_for()).max(peer.out.held_until());
            if waits.is_some_and(|lsn| news || lsn <= durable) {
                peer.out.release(durable);
                self.call(at, |session, cx| session.on_event(Event::Durable(durable), cx));
                self.call(at, |session, cx| session.on_batch_end(cx));
                busy = true;
            }
        }
        busy
    }

    fn feed(&mut self, at: usize) -> bool {
        let peer = &mut self.peers[at];
        let deaf = peer.session.as_ref().is_none_or(|s| s.paused()) || peer.out.is_closing();
        if deaf || peer.input.is_empty() {
            return false;
        }
        let input = std::mem::take(&mut peer.input);
        let mut consumed = 0;
        self.call(at, |session, cx| consumed = session.on_bytes(&input, cx).consumed);
        self.peers[at].input = input[consumed..].to_vec();
        consumed > 0
    }

    fn mail(&mut self) -> bool {
        let mut posted = Vec::new();
        self.broker.mailboxes().take(0, &mut posted);
        let any = !posted.is_empty();
        let mut touched = Vec::new();
        for (to, event) in posted {
            let at = to.index as usize;
            touched.push(at);
            self.call(at, |session, cx| session.on_event(event, cx));
        }
        touched.sort_unstable();
        touched.dedup();
        touched.into_iter().for_each(|at| self.call(at, |session, cx| session.on_batch_end(cx)));
        any
    }

    fn write(&mut self, at: usize) -> bool {
        let peer = &mut self.peers[at];
        let ready = peer.out.ready_len();
        if ready == 0 {
            return false;
        }
        let Peer { out, seen, .. } = peer;
        out.chunks().for_each(|chunk| seen.extend_from_slice(chunk));
        out.advance(ready);
        self.call(at, |session, cx| session.on_writable(cx));
        true
    }

    /// The client is gone, with or without a word.
    pub fn hang_up(&mut self, peer: usize) {
        self.call(peer, |session, cx| session.on_close(Cause::Reset, cx));
        self.peers[peer].session = None;
        self.run();
    }

    /// Ends in order; false if the log has failed.
    pub fn close(self) -> bool {
        self.broker.close(self.now);
        self.broker.failed().is_none()
    }
}
