//! A broker with AMQP sessions on a disk whose power may go, driven by bytes; what the log's threads do is awaited.

use super::Random;
use narumq_amqp::{Amqp, BasicMessages, FORMAT, Settings as DoorSettings, given_exchanges};
use narumq_broker::{Broker, Dialects, OpenError, Settings, Turn};
use narumq_door::ConnInfo;
use narumq_door::peers::{PATIENCE, Peers};
use narumq_log::disk::faulty::FaultyDisk;
use narumq_log::{Given, Options};
use narumq_model::{Destination, Lsn, SessionId, Time};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A broker, its door and the clients of both.
pub struct Site {
    pub broker: Arc<Broker>,
    disk: FaultyDisk,
    door: Amqp,
    peers: Peers,
    told: Lsn,
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
        let (door, peers) = (Amqp::new(DoorSettings::default()), Peers::new(broker.clone(), now));
        Ok(Self { broker, disk: disk.clone(), door, peers, told: Lsn(0) })
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
        self.peers.now = self.now().plus(millis);
        let mut turn = Turn::new(self.now(), Some(0));
        self.broker.advance(&mut turn);
        self.broker.end_turn(&mut turn);
        self.run();
    }

    /// What the clock says.
    pub fn now(&self) -> Time {
        self.peers.now
    }

    /// Whether the power has gone.
    pub fn is_dark(&self) -> bool {
        self.disk.is_off()
    }

    /// Bytes of the client, and all that follows from them, a wait of its session for the disk included. False if the log
    /// has failed before all of them were looked at.
    pub fn bytes(&mut self, peer: usize, bytes: &[u8]) -> bool {
        self.peers.bytes(peer, bytes);
        self.wait_until(|site| site.peers.is_taken(peer))
    }

    /// What has left the client's outbox since this was asked last.
    pub fn seen(&mut self, peer: usize) -> Vec<u8> {
        std::mem::take(&mut self.peers.peer(peer).seen)
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
        let failed = self.broker.failed().is_some();
        let rang = self.peers.wait(if failed { Duration::ZERO } else { PATIENCE });
        assert!(rang || failed, "nothing happens");
        self.run();
        rang
    }

    /// Lets everything happen that is due.
    pub fn run(&mut self) {
        loop {
            self.peers.run();
            if !self.tell_durable() {
                return;
            }
        }
    }

    /// Lets go what waited for what is durable now.
    fn tell_durable(&mut self) -> bool {
        let durable = self.broker.durable();
        let news = durable > self.told;
        self.told = durable;
        let mut waiting = self.peers.waiting();
        waiting.retain(|(_, lsn)| news || *lsn <= durable);
        self.peers.tell_durable(&waiting);
        !waiting.is_empty()
    }

    /// The client is gone, with or without a word.
    pub fn hang_up(&mut self, peer: usize) {
        self.peers.vanish(peer);
        self.run();
    }

    /// Ends in order; false if the log has failed.
    pub fn close(self) -> bool {
        self.broker.close(self.now());
        self.broker.failed().is_none()
    }
}
