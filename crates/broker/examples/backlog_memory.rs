//! What a backlog costs: memory of what is handed over and not settled, and the time that it takes to come back and go.
#![allow(clippy::disallowed_methods, reason = "a measurement reads a clock")]

use bytes::Bytes;
use narumq_broker::{Broker, ConsumerSpec, Event, Outcome, QueueHandle, QueueSpec, RouteQuery, Settings, Turn};
use narumq_log::disk::file::{FileDisk, WritePath};
use narumq_log::{Given, Options};
use narumq_model::{FormatId, Headers, Lsn, MessageBuilder, MessageParts, Seq, SessionId, Time};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

const ME: SessionId = SessionId { worker: 0, index: 0, generation: 0 };
const LEASED: usize = 200_000;
const PURGED: usize = 1_000_000;

fn main() {
    let dir = std::env::temp_dir().join(format!("narumq-backlog-memory-{}", std::process::id()));
    let disk = Arc::new(FileDisk::open(&dir, WritePath::Direct).expect("a directory"));
    let mut n = 1u64;
    let random = Box::new(move || {
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
        n
    });
    let broker =
        Broker::open(Settings::default(), Options::default(), Given { disk, random }, Time(1)).expect("a broker");
    leases(&broker);
    purge(&broker);
    broker.close(Time(9));
    let _ = std::fs::remove_dir_all(dir);
}

/// All of a backlog is handed over, comes back twice, and is accepted.
fn leases(broker: &Broker) {
    let queue = filled(broker, "leases", LEASED, 1024);
    report(broker, "a backlog of 200,000 x 1 KiB");
    let credit = Arc::new(AtomicI64::new(1 << 20));
    let spec = ConsumerSpec {
        session: ME,
        key: 1,
        tag: Bytes::new(),
        channel: 0,
        prefetch: 0,
        takes: false,
        exclusive: false,
        priority: 0,
        bytes: credit.clone(),
        shared: None,
        arguments: Headers::default(),
    };
    let mut turn = Turn::new(Time(1), Some(0));
    let mut start = Instant::now();
    broker.consume(&queue, spec, &mut turn).expect("a consumer");
    for (what, outcome) in [("returned", Outcome::Return), ("returned", Outcome::Return), ("done", Outcome::Accept)] {
        let seqs = receive(broker, &queue, &credit, &mut turn);
        println!("{LEASED} handed over in {:.3} s", start.elapsed().as_secs_f64());
        report(broker, "all handed over");
        start = Instant::now();
        broker.settle(&queue, (ME, Some(1)), &seqs, outcome, &mut turn);
        broker.end_turn(&mut turn);
        println!("{what} in {:.3} s", start.elapsed().as_secs_f64());
        start = Instant::now();
    }
}

/// Reads the mailbox as a connection does that gives credit back for what it has written.
fn receive(broker: &Broker, queue: &QueueHandle, credit: &AtomicI64, turn: &mut Turn) -> Vec<Seq> {
    let (mut events, mut seqs) = (Vec::new(), Vec::with_capacity(LEASED));
    while seqs.len() < LEASED {
        broker.mailboxes().take(0, &mut events);
        let idle = events.is_empty();
        for (_, event) in events.drain(..) {
            if let Event::Deliver(delivery) = event {
                credit.fetch_add(narumq_broker::delivery_cost(&delivery.message), Ordering::Relaxed);
                assert!(seqs.last().is_none_or(|last| *last < delivery.seq), "in order");
                seqs.push(delivery.seq);
            }
        }
        if idle {
            std::thread::park_timeout(Duration::from_micros(50));
        } else {
            broker.resume(queue, turn);
            broker.end_turn(turn);
        }
    }
    seqs
}

fn purge(broker: &Broker) {
    let queue = filled(broker, "purge", PURGED, 100);
    let mut turn = Turn::new(Time(1), Some(0));
    let start = Instant::now();
    let (count, _) = broker.purge(&queue, &mut turn);
    println!("{count} purged in {:.3} ms", start.elapsed().as_secs_f64() * 1e3);
    broker.end_turn(&mut turn);
}

/// A queue with `count` durable messages.
fn filled(broker: &Broker, name: &str, count: usize, size: usize) -> QueueHandle {
    let mut turn = Turn::new(Time(1), Some(0));
    let user = broker.authenticate("guest", b"guest", true).expect("guest");
    let vhost = broker.open_vhost("/", &user).expect("a vhost");
    let spec = QueueSpec { name: Some(name.into()), durable: true, ..QueueSpec::default() };
    broker.declare_queue(&vhost, spec, ME, &mut turn).expect("a queue");
    let keys = [name.as_bytes()];
    let route =
        broker.route(&vhost, &RouteQuery { exchange: b"", keys: &keys, headers: &Headers::default }).expect("a route");
    let payload = vec![7u8; size];
    let mut builder = MessageBuilder::default();
    let mut lsn = Lsn(0);
    for n in 0..count {
        let parts = MessageParts { exchange: b"", key: name.as_bytes(), props: &[0x10, 0, 2], payload: &payload };
        let mut message = builder.build(&parts, FormatId(1));
        message.durable = true;
        lsn = broker.publish(&route, message, &mut turn).lsn;
        if n % 250 == 249 {
            turn.want_sync(lsn);
            broker.end_turn(&mut turn);
            while broker.congested() {
                std::thread::park_timeout(Duration::from_micros(200));
            }
        }
    }
    turn.want_sync(lsn);
    broker.end_turn(&mut turn);
    while broker.durable() < lsn {
        std::thread::park_timeout(Duration::from_micros(200));
    }
    broker.queue(&vhost, name, ME).expect("the queue")
}

fn report(broker: &Broker, what: &str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("?").trim().to_owned();
    println!("{what}: {} KiB of messages counted, resident {rss}", broker.window_bytes() >> 10);
}
