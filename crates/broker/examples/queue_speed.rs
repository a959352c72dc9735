//! How long a message takes through the core alone: publish, hand over, settle; no socket, no codec.
#![allow(clippy::disallowed_methods, reason = "a measurement reads a clock")]

use bytes::Bytes;
use narumq_broker::{Broker, ConsumerSpec, Event, Outcome, QueueSpec, RouteQuery, Settings, Turn};
use narumq_log::disk::file::{FileDisk, WritePath};
use narumq_log::{Given, Options};
use narumq_model::{FormatId, Headers, MessageBuilder, MessageParts, Seq, SessionId, Time};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Instant;

fn main() {
    let dir = std::env::temp_dir().join(format!("narumq-queue-speed-{}", std::process::id()));
    let disk = Arc::new(FileDisk::open(&dir, WritePath::Direct).expect("a directory"));
    let mut n = 1u64;
    let random = Box::new(move || {
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
        n
    });
    let broker =
        Broker::open(Settings::default(), Options::default(), Given { disk, random }, Time(1)).expect("a broker");
    for (size, durable) in [(16, false), (16, true), (1024, false), (1024, true)] {
        run(&broker, size, durable, true);
        run(&broker, size, durable, false);
    }
    broker.close(Time(9));
    let _ = std::fs::remove_dir_all(dir);
}

fn run(broker: &Broker, size: usize, durable: bool, takes: bool) {
    let me = SessionId { worker: 0, index: 0, generation: 0 };
    let mut turn = Turn::new(Time(1), Some(0));
    let user = broker.authenticate("guest", b"guest", true).expect("guest");
    let vhost = broker.open_vhost("/", &user).expect("a vhost");
    let name = format!("q-{size}-{durable}-{takes}");
    let spec = QueueSpec { name: Some(name.as_str().into()), durable: true, ..QueueSpec::default() };
    broker.declare_queue(&vhost, spec, me, &mut turn).expect("a queue");
    let queue = broker.queue(&vhost, &name, me).expect("a queue");
    let keys = [name.as_bytes()];
    let route =
        broker.route(&vhost, &RouteQuery { exchange: b"", keys: &keys, headers: &Headers::default }).expect("a route");
    let bytes = Arc::new(AtomicI64::new(1 << 60));
    let spec = ConsumerSpec {
        session: me,
        key: 1,
        tag: Bytes::new(),
        channel: 0,
        prefetch: 0,
        takes,
        exclusive: false,
        priority: 0,
        bytes,
        shared: None,
        arguments: Headers::default(),
    };
    broker.consume(&queue, spec, &mut turn).expect("a consumer");
    let payload = vec![7u8; size];
    let mut builder = MessageBuilder::default();
    let (mut events, mut seqs): (Vec<(SessionId, Event)>, Vec<Seq>) = (Vec::new(), Vec::new());
    let count = if durable { 400_000 } else { 2_000_000 };
    let cpu = cpu_seconds();
    let start = Instant::now();
    for n in 0..count {
        let parts = MessageParts { exchange: b"", key: name.as_bytes(), props: &[0x10, 0, 2], payload: &payload };
        let mut message = builder.build(&parts, FormatId(1));
        message.durable = durable;
        let published = broker.publish(&route, message, &mut turn);
        turn.want_sync(published.lsn);
        if n % 250 == 249 {
            broker.mailboxes().take(0, &mut events);
            for (_, event) in events.drain(..) {
                if let Event::Deliver(delivery) = event {
                    seqs.push(delivery.seq);
                }
            }
            if !takes {
                broker.settle(&queue, (me, Some(1)), &seqs, Outcome::Accept, &mut turn);
            }
            seqs.clear();
            broker.end_turn(&mut turn);
            while broker.congested() {
                std::thread::park_timeout(std::time::Duration::from_micros(200));
            }
        }
    }
    let wall = start.elapsed().as_secs_f64();
    println!(
        "{size:>5} B  {}  {}  {:>7.0} ns wall  {:>7.0} ns cpu of all threads  {:>8.0} k/s",
        if durable { "durable  " } else { "transient" },
        if takes { "auto-ack" } else { "ack     " },
        wall * 1e9 / f64::from(count),
        (cpu_seconds() - cpu) * 1e9 / f64::from(count),
        f64::from(count) / wall / 1e3
    );
    broker.delete_queue(&vhost, &name, (false, false), me, &mut turn).expect("deleted");
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}
