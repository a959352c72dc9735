//! Sessions of the door over a broker in memory, driven by requests, without sockets or clocks of their own.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(dead_code, reason = "no test file uses all of it")]

pub mod admin;
pub mod conversation;
pub mod faults;
pub mod group;
pub mod records;
pub mod sasl;

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::ops::{Deref, DerefMut};
use narumq_broker::{Broker, Dialects, LogOptions, OpenError, Settings as BrokerSettings};
use narumq_door::ConnInfo;
use narumq_door::peers::Peers;
use narumq_kafka::codec::{
    Caller, FRAME_HEAD, FRAME_MAX, Message, Reader, encode_request, read_response_header, split_frame,
};
use narumq_kafka::{FORMAT, Kafka, RecordBatches, Settings};
use narumq_log::Given;
use narumq_log::disk::Disk;
use narumq_log::disk::memory::MemoryDisk;
use narumq_model::{SessionId, Time};
use std::sync::Arc;
use std::time::Duration;

/// When a stage begins, in milliseconds since 1970.
pub const BEGIN: Time = Time(1_700_000_000_000);

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
    peers: Peers,
    /// Requests of each client so far: the correlation id of its last one.
    sent: Vec<i32>,
    disk: Arc<dyn Disk>,
    settings: BrokerSettings,
    door: Kafka,
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
        let peers = open(&settings, &disk, BEGIN).expect("the broker comes up");
        let mut stage = Self { peers, sent: Vec::new(), disk, settings, door: Kafka::new(door) };
        stage.connect();
        stage
    }

    /// The broker ends in order and comes up again; nobody is connected but a new first client.
    pub fn restart(&mut self) {
        self.broker.close(self.now);
        self.reborn(self.disk.clone()).expect("the broker comes up");
    }

    /// The process is gone, without an end in order, and another comes up over what `disk` holds; nobody is connected but a
    /// new first client.
    pub fn reborn(&mut self, disk: Arc<dyn Disk>) -> Result<(), OpenError> {
        self.disk = disk;
        self.peers = open(&self.settings, &self.disk, self.now)?;
        self.sent.clear();
        self.connect();
        Ok(())
    }

    /// One more client, by its index. The first one is there from the beginning, as 0.
    pub fn connect(&mut self) -> usize {
        self.connect_from(Ipv4Addr::LOCALHOST.into())
    }

    /// One more client, on the machine of this address.
    pub fn connect_from(&mut self, machine: IpAddr) -> usize {
        self.enter(machine, self.peers.count(), 1)
    }

    /// Another client in the place of one that has gone.
    pub fn meet(&mut self, index: usize) -> usize {
        let generation = self.peer(index).id.generation + 1;
        self.enter(Ipv4Addr::LOCALHOST.into(), index, generation)
    }

    fn enter(&mut self, machine: IpAddr, index: usize, generation: u32) -> usize {
        let id = SessionId { worker: 0, index: index as u32, generation };
        let peer = SocketAddr::from((machine, 50_000 + index as u16));
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 9092));
        // Far from those of others: a connection makes its ids of what follows.
        let seed =
            (u128::from(self.broker.leader_epoch()) << 96) + (u128::from(generation) << 64) + ((index as u128) << 32);
        let info = ConnInfo { id, peer, local, tls: false, seed, traffic: Arc::default() };
        match self.sent.get_mut(index) {
            Some(sent) => *sent = 0,
            None => self.sent.push(0),
        }
        self.peers.connect(&self.door, info)
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
        self.sent[peer] += 1;
        let caller = Caller { correlation_id: self.sent[peer], client_id: Some("test") };
        encode_request(caller, version, request, &mut bytes);
        self.bytes(peer, &bytes);
    }

    /// The next answer to a client; waits for the disk if it must.
    pub fn answer(&mut self, peer: usize, version: i16) -> Answer {
        self.sync();
        self.heard(peer, version).expect("an answer")
    }

    /// Header and body of the next answer to a client, if there is one already.
    pub fn heard_bytes(&mut self, peer: usize) -> Option<Vec<u8>> {
        let seen = &mut self.peer(peer).seen;
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
    pub fn is_closed(&mut self, peer: usize) -> bool {
        self.peer(peer).out.is_closing()
    }

    /// The next answer to a client, or none if the log ends before it comes.
    pub fn answer_or_end(&mut self, peer: usize, version: i16) -> Option<Answer> {
        for _ in 0..4_000 {
            self.run();
            let waiting = self.waiting();
            self.tell_durable(&waiting);
            self.run();
            if let Some(answer) = self.heard(peer, version) {
                return Some(answer);
            }
            if self.broker.failed().is_some() {
                return None;
            }
            self.rest();
        }
        panic!("neither an answer nor an end");
    }

    /// Waits for the broker to do something on its own threads.
    pub fn rest(&mut self) {
        self.wait(Duration::from_millis(5));
        self.run();
    }
}

fn open(settings: &BrokerSettings, disk: &Arc<dyn Disk>, now: Time) -> Result<Peers, OpenError> {
    let mut state = 1;
    let random = Box::new(move || {
        state += 1;
        state
    });
    let options =
        LogOptions { prefill: false, first_file_bytes: 1 << 20, file_bytes: 1 << 20, ..LogOptions::default() };
    let broker = Broker::open(settings.clone(), options, Given { disk: disk.clone(), random }, now)?;
    Ok(Peers::new(broker, now))
}
