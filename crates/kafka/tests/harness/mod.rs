//! Sessions of the door over a broker in memory, driven by requests, without sockets or clocks of their own.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(dead_code, reason = "no test file uses all of it")]

pub mod admin;
pub mod conversation;
pub mod faults;
pub mod group;
pub mod records;
pub mod sasl;
mod waits;

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use narumq_broker::{Broker, Dialects, LogOptions, OpenError, Settings as BrokerSettings, Turn, Wake};
use narumq_door::{Cause, ConnInfo, Context, Door, Outbox, Session};
use narumq_kafka::codec::{
    Caller, FRAME_HEAD, FRAME_MAX, Message, Reader, encode_request, read_response_header, split_frame,
};
use narumq_kafka::{FORMAT, Kafka, RecordBatches, Settings};
use narumq_log::Given;
use narumq_log::disk::Disk;
use narumq_log::disk::memory::MemoryDisk;
use narumq_model::{SessionId, Time};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// How long something that must happen may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);
/// When a stage begins, in milliseconds since 1970.
pub const BEGIN: Time = Time(1_700_000_000_000);

struct Bell(Sender<()>);

impl Wake for Bell {
    fn wake(&self, _: u16) {
        let _ = self.0.send(());
    }
}

/// One client.
struct Peer {
    id: SessionId,
    session: Option<Box<dyn Session>>,
    out: Outbox,
    input: Vec<u8>,
    seen: Vec<u8>,
    /// Requests sent so far: the next one's correlation id.
    sent: i32,
}

/// The content of a response: header and body.
#[derive(Clone, Debug)]
pub struct Answer {
    pub correlation: i32,
    version: i16,
    content: Vec<u8>,
}

impl Answer {
    /// The body.
    pub fn read<'a, M: Message<'a>>(&'a self) -> M {
        let mut reader = Reader::new(&self.content);
        assert_eq!(read_response_header(M::API, self.version, &mut reader).unwrap(), self.correlation);
        M::decode(reader.rest(), self.version).unwrap()
    }
}

/// A broker, a door and its clients.
pub struct Stage {
    pub broker: Arc<Broker>,
    pub now: Time,
    disk: Arc<dyn Disk>,
    settings: BrokerSettings,
    door: Kafka,
    peers: Vec<Peer>,
    bell: Receiver<()>,
}

impl Stage {
    pub fn new() -> Self {
        Self::with(Settings::default(), BrokerSettings::default())
    }

    pub fn with(door: Settings, settings: BrokerSettings) -> Self {
        Self::over(Arc::new(MemoryDisk::default()), door, settings)
    }

    /// Over this disk, with what it holds.
    pub fn over(disk: Arc<dyn Disk>, door: Settings, settings: BrokerSettings) -> Self {
        let mut dialects = Dialects::default();
        dialects.register(FORMAT, Arc::new(RecordBatches));
        let settings = BrokerSettings { dialects, ..settings };
        let (broker, bell) = open(&settings, &disk, BEGIN);
        let mut stage = Self { broker, now: BEGIN, disk, settings, door: Kafka::new(door), peers: Vec::new(), bell };
        stage.connect();
        stage
    }

    /// The broker ends in order and comes up again; nobody is connected but a new first client.
    pub fn restart(&mut self) {
        self.peers.clear();
        self.broker.close(self.now);
        (self.broker, self.bell) = open(&self.settings, &self.disk, self.now);
        self.connect();
    }

    /// The process is gone, without an end in order, and another comes up over what `disk` holds; nobody is connected but a
    /// new first client.
    pub fn reborn(&mut self, disk: Arc<dyn Disk>) -> Result<(), OpenError> {
        self.peers.clear();
        self.disk = disk;
        (self.broker, self.bell) = try_open(&self.settings, &self.disk, self.now)?;
        self.connect();
        Ok(())
    }

    /// One more client, by its index. The first one is there from the beginning, as 0.
    pub fn connect(&mut self) -> usize {
        self.connect_from(Ipv4Addr::LOCALHOST.into())
    }

    /// One more client, on the machine of this address.
    pub fn connect_from(&mut self, machine: IpAddr) -> usize {
        let index = self.peers.len();
        let peer = self.open_peer(machine, index, 1);
        self.peers.push(peer);
        index
    }

    /// Another client in the place of one that has gone.
    pub fn meet(&mut self, index: usize) -> usize {
        let generation = self.peers[index].id.generation + 1;
        self.peers[index] = self.open_peer(Ipv4Addr::LOCALHOST.into(), index, generation);
        index
    }

    fn open_peer(&self, machine: IpAddr, index: usize, generation: u32) -> Peer {
        let id = SessionId { worker: 0, index: index as u32, generation };
        let peer = SocketAddr::from((machine, 50_000 + index as u16));
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 9092));
        // Far from those of others: a connection makes its ids of what follows.
        let seed =
            (u128::from(self.broker.leader_epoch()) << 96) + (u128::from(generation) << 64) + ((index as u128) << 32);
        let info = ConnInfo { id, peer, local, tls: false, seed, traffic: Arc::default() };
        let session = Some(self.door.open(info, self.now));
        Peer { id, session, out: Outbox::default(), input: Vec::new(), seen: Vec::new(), sent: 0 }
    }

    /// A request of the first client, and its answer.
    pub fn call<'r, M: Message<'r>>(&mut self, version: i16, request: &M) -> Answer {
        self.ask(0, version, request)
    }

    /// A request of a client, and its answer.
    pub fn ask<'r, M: Message<'r>>(&mut self, peer: usize, version: i16, request: &M) -> Answer {
        self.send(peer, version, request);
        self.answer(peer, version)
    }

    /// A request of a client.
    pub fn send<'r, M: Message<'r>>(&mut self, peer: usize, version: i16, request: &M) {
        let mut bytes = Vec::new();
        self.peers[peer].sent += 1;
        let caller = Caller { correlation_id: self.peers[peer].sent, client_id: Some("test") };
        encode_request(caller, version, request, &mut bytes);
        self.bytes(peer, &bytes);
    }

    /// Bytes of a client, and all that follows from them without the disk.
    pub fn bytes(&mut self, peer: usize, bytes: &[u8]) {
        self.peers[peer].input.extend_from_slice(bytes);
        self.run();
    }

    /// The next answer to a client; waits for the disk if it must.
    pub fn answer(&mut self, peer: usize, version: i16) -> Answer {
        self.sync();
        self.heard(peer, version).expect("an answer")
    }

    /// Header and body of the next answer to a client, if there is one already.
    pub fn heard_bytes(&mut self, peer: usize) -> Option<Vec<u8>> {
        let seen = &mut self.peers[peer].seen;
        let content = split_frame(seen, FRAME_MAX).unwrap()?.content.to_vec();
        seen.drain(..FRAME_HEAD + content.len());
        Some(content)
    }

    /// The next answer to a client, if there is one already.
    pub fn heard(&mut self, peer: usize, version: i16) -> Option<Answer> {
        let content = self.heard_bytes(peer)?;
        let correlation = i32::from_be_bytes(*content.first_chunk().unwrap());
        Some(Answer { correlation, version, content })
    }

    /// Whether the door wants to close the connection.
    pub fn is_closed(&self, peer: usize) -> bool {
        self.peers[peer].out.is_closing()
    }

    /// The client is gone without a word.
    pub fn vanish(&mut self, peer: usize) {
        self.turn(peer, |session, cx| session.on_close(Cause::Reset, cx));
        self.peers[peer].session = None;
        self.run();
    }

    fn turn(&mut self, peer: usize, verb: impl FnOnce(&mut dyn Session, &mut Context<'_>)) {
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
        self.turn(at, |session, cx| consumed = session.on_bytes(&input, cx).consumed);
        self.peers[at].input = input[consumed..].to_vec();
        consumed > 0
    }

    fn mail(&mut self) -> bool {
        let mut posted = Vec::new();
        self.broker.mailboxes().take(0, &mut posted);
        let any = !posted.is_empty();
        for (to, event) in posted {
            if self.peers.get(to.index as usize).is_none_or(|peer| peer.id != to) {
                continue;
            }
            self.turn(to.index as usize, |session, cx| session.on_event(event, cx));
            self.turn(to.index as usize, |session, cx| session.on_batch_end(cx));
        }
        any
    }

    fn write(&mut self, at: usize) -> bool {
        let Peer { out, seen, .. } = &mut self.peers[at];
        let ready = out.ready_len();
        if ready == 0 {
            return false;
        }
        out.chunks().for_each(|chunk| seen.extend_from_slice(chunk));
        out.advance(ready);
        self.turn(at, |session, cx| session.on_writable(cx));
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
}

fn open(settings: &BrokerSettings, disk: &Arc<dyn Disk>, now: Time) -> (Arc<Broker>, Receiver<()>) {
    try_open(settings, disk, now).expect("the broker comes up")
}

fn try_open(
    settings: &BrokerSettings,
    disk: &Arc<dyn Disk>,
    now: Time,
) -> Result<(Arc<Broker>, Receiver<()>), OpenError> {
    let mut state = 1;
    let random = Box::new(move || {
        state += 1;
        state
    });
    let options =
        LogOptions { prefill: false, first_file_bytes: 1 << 20, file_bytes: 1 << 20, ..LogOptions::default() };
    let broker = Broker::open(settings.clone(), options, Given { disk: disk.clone(), random }, now)?;
    let (ring, bell) = channel();
    broker.mailboxes().set_wake(Box::new(Bell(ring)));
    Ok((broker, bell))
}
