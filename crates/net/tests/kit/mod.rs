//! A running loop with a door of one-line commands, for tests over real loopback sockets.
#![allow(dead_code, reason = "each test file uses another part")]
#![allow(clippy::unwrap_used, reason = "a test ends where something unexpected is")]

pub(crate) mod command;

use command::{CommandDoor, Note};
use narumq_broker::QueueSpec;
use narumq_door::{Broker, Cause, Event, Turn};
use narumq_log::Options;
use narumq_model::{Lsn, QueuePolicy, SessionId, Time};
use narumq_net::{Clock, Listen, Listeners, Net, Settings, Surroundings};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A broker with nothing in it, on a disk in memory; nothing becomes durable before someone asks.
pub(crate) fn broker(workers: u16) -> Arc<Broker> {
    let settings = narumq_broker::Settings { workers, ..Default::default() };
    let options = Options { idle_sync_ms: u64::MAX / 4, prefill: false, ..Options::default() };
    Broker::in_memory(settings, options).unwrap()
}

fn declare(broker: &Broker, name: String, policy: QueuePolicy) -> Lsn {
    let guest = broker.authenticate("guest", b"guest", true).unwrap();
    let vhost = broker.open_vhost("/", &guest).unwrap();
    let nobody = SessionId { worker: 0, index: u32::MAX, generation: 0 };
    let spec = QueueSpec { name: Some(name.into()), durable: true, policy, ..QueueSpec::default() };
    let mut turn = Turn::new(Time(1), None);
    let (_, lsn) = broker.declare_queue(&vhost, spec, nobody, &mut turn).unwrap();
    broker.end_turn(&mut turn);
    lsn
}

/// Does something in the broker that is not durable before the next `sync`.
pub(crate) fn durable_write(broker: &Broker) -> Lsn {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    declare(broker, format!("queue-{}", NEXT.fetch_add(1, Ordering::SeqCst)), QueuePolicy::default())
}

/// Makes everything durable.
pub(crate) fn sync(broker: &Broker) {
    let last = durable_write(broker);
    let mut turn = Turn::new(Time(1), None);
    turn.want_sync(last);
    broker.end_turn(&mut turn);
}

/// Gives the broker something to do at a time that has come already: a queue that nobody uses.
pub(crate) fn set_deadline(broker: &Broker) {
    declare(broker, "short-lived".into(), QueuePolicy { expires_ms: Some(1), ..QueuePolicy::default() });
}

/// Whether it has been done.
pub(crate) fn deadline_met(broker: &Broker) -> bool {
    let guest = broker.authenticate("guest", b"guest", true).unwrap();
    let vhost = broker.open_vhost("/", &guest).unwrap();
    broker.queues(&vhost).iter().all(|q| &**q.name() != "short-lived")
}

/// Tells a session something from a thread that is no worker.
pub(crate) fn kick(broker: &Broker, to: SessionId, text: &str) {
    let mut turn = Turn::new(Time(0), None);
    broker.mailboxes().post(to, Event::Kick(text.into()), &mut turn);
    broker.end_turn(&mut turn);
}

struct Steady(Instant);

impl Clock for Steady {
    fn now(&self) -> Time {
        Time(1_000_000 + self.0.elapsed().as_millis() as u64)
    }
}

/// Where warnings go.
pub(crate) type Warn = Arc<dyn Fn(std::fmt::Arguments<'_>) + Send + Sync>;

/// A running loop.
pub(crate) struct Rig {
    pub(crate) broker: Arc<Broker>,
    pub(crate) net: Net,
    pub(crate) notes: Receiver<Note>,
    pub(crate) address: SocketAddr,
}

impl Rig {
    pub(crate) fn new(workers: u16) -> Self {
        Self::with(workers, &Settings::default())
    }

    pub(crate) fn with(workers: u16, settings: &Settings) -> Self {
        Self::warning(workers, settings, Arc::new(|what| panic!("{what}")))
    }

    pub(crate) fn warning(workers: u16, settings: &Settings, warn: Warn) -> Self {
        let (send, notes) = channel();
        let broker = broker(workers);
        let door = Arc::new(CommandDoor(Mutex::new(send)));
        let listen = Listen { address: "127.0.0.1:0".parse().unwrap(), door, optional: false };
        let listeners = Listeners::bind(vec![listen]).unwrap();
        #[allow(clippy::disallowed_methods, reason = "the clock of the test")]
        let clock = Arc::new(Steady(Instant::now()));
        let seeds = Mutex::new(0);
        let seed = Arc::new(move || {
            let mut seed = seeds.lock().unwrap();
            *seed += 1;
            *seed
        });
        let surroundings = Surroundings { clock, seed, warn };
        let net = Net::start(listeners, settings, &broker, &surroundings).unwrap();
        let address = net.addresses()[0].1;
        Self { broker, net, notes, address }
    }

    /// A new connection, after its session has opened.
    pub(crate) fn connect(&self) -> (Client, SessionId) {
        let client = Client::new(self.address);
        let Note::Opened(id) = self.wait(|note| matches!(note, Note::Opened(_))) else { unreachable!() };
        (client, id)
    }

    /// The next note of this sort; others before it are dropped.
    pub(crate) fn wait(&self, wanted: impl Fn(&Note) -> bool) -> Note {
        loop {
            let note = self.notes.recv_timeout(PATIENCE).expect("a note that must come");
            if wanted(&note) {
                return note;
            }
        }
    }

    /// How this session's connection ends.
    pub(crate) fn closed(&self, id: SessionId) -> Cause {
        let note = self.wait(|note| matches!(note, Note::Closed(of, _) if *of == id));
        let Note::Closed(_, cause) = note else { unreachable!() };
        cause
    }
}

/// The other end of a connection.
pub(crate) struct Client {
    pub(crate) read: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Self { read: BufReader::new(socket) }
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        self.read.get_ref()
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket().write_all(bytes.as_ref()).unwrap();
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.read.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.read.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Everything up to the end of the connection, which must be orderly.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.read.read_to_string(&mut rest).unwrap();
        rest
    }

    /// Sends a command and its echo, so that the command has been run when this returns.
    pub(crate) fn settle(&mut self) {
        self.send("echo settled\n");
        assert_eq!(self.line(), "settled");
    }
}
