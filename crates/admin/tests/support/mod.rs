//! A door with a directory and properties of its own, and a client that speaks to its session without sockets.
#![allow(dead_code, unreachable_pub, reason = "shared by several test binaries")]

pub mod topics;

use bytes::Bytes;
use narumq_admin::{
    Admin, ChannelListing, Config, ConnectionListing, ConsumerListing, Directory, Listener, Process, Properties, Totals,
};
use narumq_broker::{Broker, Dialects, Event, ExchangeSpec, LogOptions, Secret, Settings, Turn, Vhost};
use narumq_door::{ConnInfo, Context, Door, Outbox, Session};
use narumq_model::{ExchangeKind, FormatId, Headers, Message, ObjectId, SessionId, Time, Value as Field};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

/// When everything happens: Sat, 21 Nov 2026 10:19:30 GMT.
pub const NOW: Time = Time(1_795_256_370_000);

/// A broker on a disk in memory, with the users `guest`, `two` (monitoring) and `none` (no tags; password `x` both).
pub fn broker() -> Arc<Broker> {
    let given = |name: &str, kind| ExchangeSpec {
        name: name.into(),
        kind,
        durable: true,
        auto_delete: false,
        internal: false,
        alternate: None,
        arguments: Headers::default(),
    };
    let given_exchanges = vec![given("amq.fanout", ExchangeKind::Fanout), given("amq.topic", ExchangeKind::Topic)];
    // Nothing is synced but what is waited for.
    let options = LogOptions { idle_sync_ms: u64::MAX / 4, prefill: false, ..LogOptions::default() };
    let mut dialects = Dialects::default();
    dialects.register(topics::FORMAT, Arc::new(topics::JsonLines));
    let settings = Settings { given_exchanges, dialects, ..Settings::default() };
    let broker = Broker::in_memory(settings, options).expect("it opens");
    let mut turn = Turn::new(NOW, None);
    for (name, tags) in [("two", vec!["monitoring".into()]), ("none", Vec::new())] {
        broker.put_user(name, &Secret::Password(b"x", [7; 16]), tags, &mut turn).expect("a good name");
    }
    broker
}

/// Brings what was appended to the disk, and waits until it is there.
pub fn sync(broker: &Broker) {
    let mut turn = Turn::new(NOW, None);
    let lsn = broker.put_user("none", &Secret::Password(b"x", [7; 16]), Vec::new(), &mut turn).expect("a good name");
    turn.want_sync(lsn);
    broker.end_turn(&mut turn);
    while broker.durable() < lsn {
        std::thread::yield_now();
    }
}

/// The vhost `/`.
pub fn vhost(broker: &Broker) -> Vhost {
    broker.open_vhost("/", &broker.user("guest").expect("guest is there")).expect("it is there")
}

/// What the tests say there is.
#[derive(Clone, Default)]
pub struct Known {
    listings: Arc<Mutex<Listings>>,
    pub ready: Arc<AtomicBool>,
}

#[derive(Default)]
struct Listings {
    connections: Vec<ConnectionListing>,
    consumers: Vec<ConsumerListing>,
}

impl Known {
    /// A connection of `user` with one channel, and that channel's consumer of `queue`.
    pub fn add_connection(&self, user: &str, port: u16, queue: ObjectId, exclusive: bool) -> SessionId {
        let session = SessionId { worker: 0, index: u32::from(port), generation: 1 };
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut known = self.listings.lock().expect("no test panics with the lock");
        known.connections.push(ConnectionListing {
            session,
            user: user.into(),
            vhost: "/".into(),
            peer,
            local: SocketAddr::from((Ipv4Addr::LOCALHOST, 5672)),
            tls: false,
            protocol: "AMQP 0-9-1",
            state: "running",
            auth_mechanism: "PLAIN".into(),
            connected_at: NOW,
            timeout_seconds: 60,
            frame_max: 131_072,
            channel_max: 2047,
            client_properties: Headers(vec![(Bytes::from_static(b"connection_name"), Field::from("mine"))]),
            received_bytes: 11,
            sent_bytes: 22,
            channels: vec![ChannelListing { number: 1, consumers: 1, unacknowledged: 2, ..Default::default() }],
        });
        known.consumers.push(ConsumerListing {
            session,
            channel: 1,
            queue,
            tag: "tag1".into(),
            ack_required: true,
            exclusive,
            active: true,
            prefetch: 7,
            arguments: Headers::default(),
        });
        session
    }
}

impl Directory for Known {
    fn connections(&self) -> Vec<ConnectionListing> {
        self.listings.lock().expect("no test panics with the lock").connections.clone()
    }

    fn consumers(&self) -> Vec<ConsumerListing> {
        self.listings.lock().expect("no test panics with the lock").consumers.clone()
    }

    fn totals(&self) -> Totals {
        Totals { received: 41, received_bytes: 1234, ..Totals::default() }
    }

    fn process(&self) -> Process {
        Process { pid: 4711, open_fds: Some(12), ..Process::default() }
    }
}

/// Properties as lines of `name=text` and `name:number`.
pub struct Lines;

impl Properties for Lines {
    fn format(&self) -> FormatId {
        FormatId(7)
    }

    fn read(&self, message: &Message) -> Result<Headers, String> {
        let text = std::str::from_utf8(message.props()).map_err(|error| error.to_string())?;
        let field = |line: &str| {
            let at = line.find(['=', ':']).ok_or("no sign")?;
            let name = Bytes::copy_from_slice(&line.as_bytes()[..at]);
            let rest = &line[at + 1..];
            let number = || rest.parse().map(Field::I64).map_err(|_| "no number");
            Ok((name, if line[at..].starts_with('=') { Field::from(rest) } else { number()? }))
        };
        text.lines().map(field).collect::<Result<_, &str>>().map(Headers).map_err(str::to_owned)
    }

    fn write(&self, properties: &Headers) -> Result<Vec<u8>, String> {
        let mut text = String::new();
        for (name, field) in &properties.0 {
            let name = String::from_utf8_lossy(name);
            match field {
                Field::Text(value) => text += &format!("{name}={}\n", String::from_utf8_lossy(value)),
                Field::I64(value) => text += &format!("{name}:{value}\n"),
                _ => return Err(format!("{name} cannot be written")),
            }
        }
        Ok(text.into_bytes())
    }
}

/// A door over `known`.
pub fn door(known: &Known) -> Admin {
    let listener = Listener { protocol: "admin".into(), address: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 15672 };
    Admin::new(Config {
        node: "node1".into(),
        product: "Product".into(),
        version: "0.1.0".into(),
        compatible_version: "3.13.0".into(),
        started: Time(NOW.0 - 5000),
        listeners: vec![listener],
        ready: known.ready.clone(),
        directory: Box::new(known.clone()),
        properties: vec![Box::new(Lines)],
        topics: vec![Box::new(topics::JsonLines)],
        unlisted: |name| name.starts_with("amq.hidden."),
    })
}

/// An answer taken apart.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The body as JSON; null if it is empty.
    pub fn json(&self) -> Value {
        if self.body.is_empty() { Value::Null } else { serde_json::from_str(&self.body).expect("a body of JSON") }
    }

    fn parse(bytes: Vec<u8>) -> Self {
        let text = String::from_utf8(bytes).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer in {text:?}"));
        let status = head.split(' ').nth(1).expect("a status").parse().expect("a number");
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }
}

/// One connection to the door.
pub struct Client<'a> {
    pub broker: &'a Broker,
    pub session: Box<dyn Session>,
    pub out: Outbox,
    pub login: &'static str,
    /// Events for other sessions.
    pub posted: Vec<(SessionId, Event)>,
}

impl<'a> Client<'a> {
    pub fn open(broker: &'a Broker, door: &Admin) -> Self {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000));
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 15_672));
        let id = SessionId { worker: 0, index: 0, generation: 1 };
        let session = door.open(ConnInfo { id, peer, local, tls: false, seed: 1, traffic: Arc::default() }, NOW);
        // guest:guest
        let login = "Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n";
        Self { broker, session, out: Outbox::default(), login, posted: Vec::new() }
    }

    /// Sends a request and gives back what may leave at once.
    pub fn send(&mut self, method: &str, path: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{}Content-Length: {length}\r\n\r\n{body}", self.login);
        let flow = self.call(|session, cx| session.on_bytes(request.as_bytes(), cx));
        assert_eq!(flow.consumed, request.len(), "the request is taken whole");
        self.wait();
        self.ready()
    }

    /// Sends a request, syncs, and gives back the answer.
    pub fn ask(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let mut bytes = self.send(method, path, body);
        sync(self.broker);
        self.out.release(self.broker.durable());
        bytes.extend(self.ready());
        Answer::parse(bytes)
    }

    /// The JSON of a successful GET.
    pub fn get(&mut self, path: &str) -> Value {
        let answer = self.ask("GET", path, "");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    pub fn call<T>(&mut self, verb: impl FnOnce(&mut dyn Session, &mut Context<'_>) -> T) -> T {
        let mut turn = Turn::new(NOW, Some(0));
        let result =
            verb(&mut *self.session, &mut Context { broker: self.broker, turn: &mut turn, out: &mut self.out });
        self.broker.end_turn(&mut turn);
        result
    }

    /// Hands over what the broker posts until the session reads on.
    pub fn wait(&mut self) {
        self.events();
        while self.session.paused() {
            std::thread::yield_now();
            self.events();
        }
    }

    /// Hands over what the broker posted.
    pub fn events(&mut self) {
        let mut posted = Vec::new();
        self.broker.mailboxes().take(0, &mut posted);
        for (to, event) in posted {
            if to.index == 0 {
                self.call(|session, cx| session.on_event(event, cx));
            } else {
                self.posted.push((to, event));
            }
        }
    }

    /// The one answer that may leave.
    pub fn answer(&mut self) -> Answer {
        Answer::parse(self.ready())
    }

    fn ready(&mut self) -> Vec<u8> {
        let bytes: Vec<u8> = self.out.chunks().flatten().copied().collect();
        self.out.advance(bytes.len());
        bytes
    }
}
