//! Sessions of the door over a broker in memory, driven by frames, without sockets or clocks of their own.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(dead_code, reason = "no test file uses all of it")]

mod disk;
mod frames;
pub mod refusals;
mod words;

pub use disk::GateDisk;
pub use frames::*;
pub use words::words;

use core::net::{Ipv4Addr, SocketAddr};
use core::ops::{Deref, DerefMut};
use narumq_amqp::codec::*;
use narumq_amqp::{Amqp, BasicMessages, FORMAT, Settings as DoorSettings, given_exchanges};
use narumq_broker::{Broker, Dialects, Settings};
use narumq_door::ConnInfo;
use narumq_door::peers::{PATIENCE, Peers};
use narumq_log::{Given, Options};
use narumq_model::{SessionId, Time};
use std::sync::Arc;

/// A broker, a door and their clients.
pub struct Stage {
    peers: Peers,
    pub disk: GateDisk,
    door: Amqp,
}

impl Deref for Stage {
    type Target = Peers;

    fn deref(&self) -> &Peers {
        &self.peers
    }
}

impl DerefMut for Stage {
    fn deref_mut(&mut self) -> &mut Peers {
        &mut self.peers
    }
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
        Self { peers: Peers::new(broker, Time(1_000)), disk, door: Amqp::new(door) }
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
        let index = self.peers.count();
        let id = SessionId { worker: 0, index: index as u32, generation: 1 };
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let (peer, local) = (address(50_000 + index as u16), address(5672));
        let info = ConnInfo { id, peer, local, tls: false, seed: index as u128 + 77, traffic: Arc::default() };
        self.peers.connect(&self.door, info)
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

    /// What the client has been sent since it was last asked, in words.
    pub fn heard(&mut self, peer: usize) -> Vec<String> {
        words(&self.seen(peer))
    }

    /// The same as bytes.
    pub fn seen(&mut self, peer: usize) -> Vec<u8> {
        std::mem::take(&mut self.peer(peer).seen)
    }

    /// The only thing that the client has been sent.
    pub fn answer(&mut self, peer: usize) -> String {
        self.sync();
        let heard = self.heard(peer);
        assert_eq!(heard.len(), 1, "{heard:?}");
        heard.into_iter().next().unwrap()
    }

    /// Waits until this holds; what the broker's own threads do comes in between.
    pub fn wait_for(&mut self, mut holds: impl FnMut(&mut Self) -> bool) {
        self.run();
        while !holds(self) {
            assert!(self.wait(PATIENCE), "something happens");
            self.run();
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.disk.open_up();
    }
}
