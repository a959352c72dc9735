//! Sessions of the door over a broker in memory, driven by frames, without sockets or clocks of their own.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(dead_code, reason = "no test file uses all of it")]

mod disk;
pub mod refusals;
mod words;

pub use disk::GateDisk;
pub use words::words;

use core::net::{Ipv4Addr, SocketAddr};
use narumq_amqp::codec::*;
use narumq_amqp::{Amqp, Settings as DoorSettings, given_exchanges, headers_of};
use narumq_broker::{Broker, Event, Settings, Turn, Wake};
use narumq_door::{Cause, ConnInfo, Context, Door, Outbox, Session};
use narumq_log::{Given, Options};
use narumq_model::{SessionId, Time};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// How long something that must happen may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

struct Bell(Sender<()>);

impl Wake for Bell {
    fn wake(&self, _: u16) {
        let _ = self.0.send(());
    }
}

/// One client.
pub struct Peer {
    pub id: SessionId,
    pub session: Option<Box<dyn Session>>,
    pub out: Outbox,
    input: Vec<u8>,
    seen: Vec<u8>,
    /// The client does not read: nothing leaves the outbox.
    pub stalled: bool,
}

/// A broker, a door and their clients.
pub struct Stage {
    pub broker: Arc<Broker>,
    pub disk: Arc<GateDisk>,
    pub now: Time,
    door: Amqp,
    peers: Vec<Peer>,
    bell: Receiver<()>,
}

impl Stage {
    pub fn new() -> Self {
        Self::with(DoorSettings::default(), Settings::default())
    }

    pub fn with(door: DoorSettings, settings: Settings) -> Self {
        let settings = Settings { given_exchanges: given_exchanges(), headers_of: Some(headers_of), ..settings };
        let disk = Arc::new(GateDisk::default());
        let mut state = 1;
        let random = Box::new(move || {
            state += 1;
            state
        });
        let options = Options { prefill: false, first_file_bytes: 1 << 20, file_bytes: 1 << 20, ..Options::default() };
        let given = Given { disk: disk.clone(), random };
        let broker = Broker::open(settings, options, given, Time(1_000)).unwrap();
        let (ring, bell) = channel();
        broker.mailboxes().set_wake(Box::new(Bell(ring)));
        Self { broker, disk, now: Time(1_000), door: Amqp::new(door), peers: Vec::new(), bell }
    }

    /// A client that has said nothing yet.
    pub fn dial(&mut self) -> usize {
        let index = self.peers.len();
        let id = SessionId { worker: 0, index: index as u32, generation: 1 };
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (peer, local) = (address(50_000 + index as u16), address(5672));
        let info = ConnInfo { id, peer, local, tls: false, seed: index as u128 + 77, traffic: Arc::default() };
        let session = Some(self.door.open(info, self.now));
        let (out, input, seen) = (Outbox::default(), Vec::new(), Vec::new());
        self.peers.push(Peer { id, session, out, input, seen, stalled: false });
        index
    }

    /// A client that has logged in, with these limits in its `tune-ok`.
    pub fn connect_with(&mut self, tune: ConnectionTuneOk) -> usize {
        let peer = self.dial();
        self.bytes(peer, &PROTOCOL_HEADER);
        self.send(peer, 0, &login(&capabilities(&mut Vec::new()), b"guest"));
        self.send(peer, 0, &tune);
        self.send(peer, 0, &ConnectionOpen { virtual_host: b"/", ..Default::default() });
        assert_eq!(self.heard(peer).last().map(String::as_str), Some("0 connection.open-ok known_hosts="));
        peer
    }

    /// A client that has logged in and opened channel 1.
    pub fn connect(&mut self) -> usize {
        let peer = self.connect_with(ConnectionTuneOk { channel_max: 2047, frame_max: 131_072, heartbeat: 0 });
        self.open(peer, 1);
        peer
    }

    pub fn open(&mut self, peer: usize, channel: u16) {
        self.send(peer, channel, &ChannelOpen::default());
        assert_eq!(self.heard(peer), [format!("{channel} channel.open-ok channel_id=")]);
    }

    pub fn peer(&mut self, peer: usize) -> &mut Peer {
        &mut self.peers[peer]
    }

    /// One method of the client.
    pub fn send(&mut self, peer: usize, channel: u16, method: &impl WireMethod) {
        let mut bytes = Vec::new();
        write_method(&mut bytes, channel, method);
        self.bytes(peer, &bytes);
    }

    /// One whole message of the client.
    pub fn publish(&mut self, peer: usize, channel: u16, message: &Message<'_>) {
        let mut bytes = Vec::new();
        message.write(channel, &mut bytes);
        self.bytes(peer, &bytes);
    }

    /// Bytes of the client, and all that follows from them.
    pub fn bytes(&mut self, peer: usize, bytes: &[u8]) {
        self.peers[peer].input.extend_from_slice(bytes);
        self.run();
    }

    /// What the client has been sent since it was last asked, in words.
    pub fn heard(&mut self, peer: usize) -> Vec<String> {
        words(&std::mem::take(&mut self.peers[peer].seen))
    }

    /// The same as bytes.
    pub fn seen(&mut self, peer: usize) -> Vec<u8> {
        std::mem::take(&mut self.peers[peer].seen)
    }

    /// The only thing that the client has been sent.
    pub fn answer(&mut self, peer: usize) -> String {
        self.sync();
        let heard = self.heard(peer);
        assert_eq!(heard.len(), 1, "{heard:?}");
        heard.into_iter().next().unwrap()
    }

    fn call(&mut self, peer: usize, verb: impl FnOnce(&mut dyn Session, &mut Context<'_>)) {
        let mut turn = Turn::new(self.now, Some(0));
        let peer = &mut self.peers[peer];
        if let Some(session) = peer.session.as_deref_mut() {
            verb(session, &mut Context { broker: &self.broker, turn: &mut turn, out: &mut peer.out });
        }
        self.broker.end_turn(&mut turn);
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
        let peer = &mut self.peers[at];
        peer.input = input[consumed..].to_vec();
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
        if ready == 0 || peer.stalled {
            return false;
        }
        let Peer { out, seen, .. } = peer;
        out.chunks().for_each(|chunk| seen.extend_from_slice(chunk));
        out.advance(ready);
        self.call(at, |session, cx| session.on_writable(cx));
        true
    }

    /// Lets everything happen that needs no disk and no time.
    pub fn run(&mut self) {
        loop {
            let mut busy = false;
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

    /// Waits until nobody waits for the disk any more.
    pub fn sync(&mut self) {
        loop {
            self.run();
            let durable = self.broker.durable();
            let waits = |peer: &Peer| {
                let session = peer.session.as_ref().and_then(|session| session.waits_for());
                session.max(peer.out.held_until())
            };
            let waiting: Vec<usize> = (0..self.peers.len()).filter(|at| waits(&self.peers[*at]).is_some()).collect();
            if waiting.is_empty() {
                return;
            }
            let due = |at: &&usize| waits(&self.peers[**at]).is_some_and(|lsn| lsn <= durable);
            if waiting.iter().find(due).is_none() {
                self.bell.recv_timeout(PATIENCE).expect("the log syncs");
            }
            for at in waiting {
                self.peers[at].out.release(self.broker.durable());
                let durable = self.broker.durable();
                self.call(at, |session, cx| session.on_event(Event::Durable(durable), cx));
                self.call(at, |session, cx| session.on_batch_end(cx));
            }
        }
    }

    /// Waits until this holds; what the broker's own threads do comes in between.
    pub fn wait_for(&mut self, mut holds: impl FnMut(&mut Self) -> bool) {
        self.run();
        while !holds(self) {
            self.bell.recv_timeout(PATIENCE).expect("something happens");
            self.run();
        }
    }

    pub fn event(&mut self, peer: usize, event: Event) {
        self.call(peer, |session, cx| session.on_event(event, cx));
        self.call(peer, |session, cx| session.on_batch_end(cx));
        self.run();
    }

    /// Time passes; ticks come at their instants.
    pub fn pass(&mut self, millis: u64) {
        let until = self.now.plus(millis);
        loop {
            let tick = |peer: &Peer| peer.session.as_ref().and_then(|session| session.next_tick());
            let next = (0..self.peers.len()).filter_map(|at| Some((tick(&self.peers[at])?, at))).min();
            let Some((time, at)) = next.filter(|(time, _)| *time <= until) else { break };
            self.now = self.now.max(time);
            self.call(at, |session, cx| session.on_tick(cx));
            self.run();
            if tick(&self.peers[at]).is_some_and(|again| again <= self.now) {
                self.now = self.now.plus(1);
            }
        }
        self.now = until;
        let mut turn = Turn::new(self.now, Some(0));
        self.broker.advance(&mut turn);
        self.broker.end_turn(&mut turn);
        self.run();
    }

    /// The client is gone without a word.
    pub fn vanish(&mut self, peer: usize) {
        self.call(peer, |session, cx| session.on_close(Cause::Reset, cx));
        self.peers[peer].session = None;
        self.run();
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.disk.open_up();
    }
}

/// A message as a client sends it.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    pub exchange: &'a str,
    pub key: &'a str,
    pub mandatory: bool,
    pub properties: &'a [u8],
    pub body: &'a [u8],
}

/// To a queue through the default exchange.
pub fn to<'a>(key: &'a str, body: &'a [u8]) -> Message<'a> {
    Message { exchange: "", key, mandatory: false, properties: &[0, 0], body }
}

/// Property bytes with delivery mode 2.
pub const PERSISTENT: &[u8] = &[0x10, 0, 2];

impl Message<'_> {
    pub fn write(&self, channel: u16, out: &mut Vec<u8>) {
        let (exchange, routing_key) = (self.exchange.as_bytes(), self.key.as_bytes());
        let publish = BasicPublish { ticket: 0, exchange, routing_key, mandatory: self.mandatory, immediate: false };
        write_method(out, channel, &publish);
        write_content_header(out, channel, self.properties, self.body.len() as u64);
        write_body(out, channel, self.body, 131_072);
    }
}

/// What clients say they can.
pub fn capabilities(buffer: &mut Vec<u8>) -> Table<'_> {
    let mut table = TableWriter::new(buffer);
    table.table(b"capabilities", |table| {
        for name in ["consumer_cancel_notify", "connection.blocked", "authentication_failure_close"] {
            table.entry(name.as_bytes(), Value::Bool(true));
        }
    });
    table.finish()
}

/// A login as guest.
pub fn login<'a>(properties: &Table<'a>, password: &[u8]) -> ConnectionStartOk<'a> {
    let response: &'static [u8] = match password {
        b"guest" => b"\0guest\0guest",
        _ => b"\0guest\0wrong",
    };
    ConnectionStartOk { client_properties: *properties, mechanism: b"PLAIN", response, locale: b"en_US" }
}

/// A declare of a queue.
pub fn declare(queue: &str) -> QueueDeclare<'_> {
    QueueDeclare { queue: queue.as_bytes(), ..Default::default() }
}

/// A consumer that settles.
pub fn consume<'a>(queue: &'a str, tag: &'a str) -> BasicConsume<'a> {
    BasicConsume { queue: queue.as_bytes(), consumer_tag: tag.as_bytes(), ..Default::default() }
}

/// A fetch that settles.
pub fn get(queue: &str) -> BasicGet<'_> {
    BasicGet { queue: queue.as_bytes(), ..Default::default() }
}
