//! Sessions of the door over a broker in memory, driven by frames, without sockets or clocks of their own.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(dead_code, reason = "no test file uses all of it")]

mod disk;
mod frames;
pub mod refusals;
mod turns;
mod words;

pub use disk::GateDisk;
pub use frames::*;
pub use words::words;

use core::net::{Ipv4Addr, SocketAddr};
use narumq_amqp::codec::*;
use narumq_amqp::{Amqp, BasicMessages, FORMAT, Settings as DoorSettings, given_exchanges};
use narumq_broker::{Broker, Dialects, Event, Settings, Turn, Wake};
use narumq_door::{Cause, ConnInfo, Door, Outbox, Session};
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
    pub disk: GateDisk,
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
        let mut dialects = Dialects::default();
        dialects.register_messages(FORMAT, Arc::new(BasicMessages));
        let settings = Settings { given_exchanges: given_exchanges(), dialects, ..settings };
        let disk = GateDisk::default();
        let mut state = 1;
        let random = Box::new(move || {
            state += 1;
            state
        });
        let options = Options { prefill: false, first_file_bytes: 1 << 20, file_bytes: 1 << 20, ..Options::default() };
        let given = Given { disk: disk.disk(), random };
        let broker = Broker::open(settings, options, given, Time(1_000)).unwrap();
        let (ring, bell) = channel();
        broker.mailboxes().set_wake(Box::new(Bell(ring)));
        Self { broker, disk, now: Time(1_000), door: Amqp::new(door), peers: Vec::new(), bell }
    }

    /// A client on channel 1, and an empty queue `q`.
    pub fn with_queue() -> (Self, usize) {
        let mut stage = Self::new();
        let peer = stage.connect();
        stage.send(peer, 1, &declare("q"));
        assert_eq!(stage.answer(peer), "1 queue.declare-ok queue=q message_count=0 consumer_count=0");
        (stage, peer)
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
