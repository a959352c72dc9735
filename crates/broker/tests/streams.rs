//! Topics record by record: what exchanges bring is there, and readers get it as messages of their own format.

mod harness;

use harness::batches::{PLAIN, append, bytes, create, open, partition, timed, topic};
use harness::{Rig, binding, buries, exchange, id_of, session};
use narumq_broker::{Event, Outcome, Published, Stream, StreamError, StreamProgress, StreamSpec, StreamStart};
use narumq_log::disk::faulty::{FaultyDisk, Plan};
use narumq_model::{Durability, ExchangeKind, KeyFrom, Lsn, QueuePolicy, TopicPolicy};
use std::sync::{Arc, Mutex};

const ME: u32 = 7;

fn publish(rig: &mut Rig, names: (&str, &str), ids: &[u64]) -> Lsn {
    let messages: Vec<_> = ids.iter().map(|id| rig.message(*id, 20, names, true)).collect();
    let route = rig.route(names.0, names.1);
    rig.turn(|rig, turn| {
        for message in messages {
            let published = rig.broker.publish(&route, message, turn);
            assert!(!published.refused);
        }
        rig.broker.end_of_publishes(turn)
    })
}

fn stream(rig: &Rig, name: &str, start: StreamStart, partition: Option<u32>) -> Result<Stream, StreamError> {
    let topic = rig.broker.topic(&rig.vhost, name).expect("it is there");
    rig.broker.open_stream(&topic, StreamSpec { start, partition, format: PLAIN }, session(ME))
}

/// Partition and offset, routing key and payload of what can be read now, `most` messages at a time.
fn some(rig: &mut Rig, stream: &mut Stream, most: usize) -> (Vec<(String, String, Vec<u8>)>, StreamProgress) {
    let mut out = Vec::new();
    let progress = rig.turn(|rig, turn| {
        rig.broker.read_stream(stream, turn, &mut |_, message| {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
            out.push((text(message.props()), text(message.key()), message.payload().to_vec()));
            out.len() < most
        })
    });
    (out, progress)
}

/// Where what can be read lies, waiting for the disk if need be.
fn places(rig: &mut Rig, stream: &mut Stream) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let (found, progress) = some(rig, stream, 2);
        let read = found.len();
        all.extend(found.into_iter().map(|(place, ..)| place));
        if progress.pending > Lsn(0) {
            rig.durable(progress.pending);
        } else if rig.broker.reading() > 0 {
            rig.wait("a piece is read", |rig| rig.broker.reading() == 0);
        } else if read == 0 {
            return all;
        }
    }
}

fn all(rig: &mut Rig, name: &str, start: StreamStart) -> Vec<String> {
    let mut reader = stream(rig, name, start, None).expect("it can be read");
    places(rig, &mut reader)
}

#[test]
fn publishes_of_a_turn_are_one_batch_and_wait_for_the_disk() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 1, TopicPolicy::default());
    let lsn = publish(&mut rig, ("", "t"), &[1, 2, 3]);
    assert!(lsn > Lsn(0));
    rig.durable(lsn);
    let p = partition(&rig, "t", 0);
    let fetched = harness::batches::fetch(&mut rig, &p, 0, 1 << 20).expect("it is there");
    let batches = harness::batches::read(&fetched.bytes.concat());
    assert_eq!(batches.iter().map(|(base, count, _)| (*base, *count)).collect::<Vec<_>>(), [(0, 3)]);
    let mut reader = stream(&rig, "t", StreamStart::First, None).expect("it can be read");
    let (found, _) = some(&mut rig, &mut reader, 10);
    let expected: Vec<_> =
        (1..4u64).map(|id| (format!("0/1@{}", id - 1), "t".to_owned(), harness::payload(id, 20))).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_bound_topic_takes_what_the_exchange_routes_and_the_binding_outlives_a_restart() {
    let mut disk = FaultyDisk::new(Plan::default());
    for round in 0..2u64 {
        let mut rig = open(&disk);
        if round == 0 {
            create(&mut rig, "t", 2, TopicPolicy { key_from: KeyFrom::RoutingKey, ..TopicPolicy::default() });
            rig.durable_queue("q", QueuePolicy::default());
            rig.turn(|rig, turn| {
                rig.broker.declare_exchange(&rig.vhost, exchange("x", ExchangeKind::Topic), turn);
                for to in ["t", "q"] {
                    rig.broker.bind(&rig.vhost, binding("x", to, "a.*"), session(0), turn).expect("bound");
                }
            });
        }
        assert_eq!((rig.route("x", "a.b").queues(), rig.route("x", "b").queues()), (2, 0));
        for key in ["a.b", "a.c", "a.b"] {
            publish(&mut rig, ("x", key), &[round]);
        }
        rig.fence();
        let mut reader = stream(&rig, "t", StreamStart::First, None).expect("it can be read");
        let (found, _) = some(&mut rig, &mut reader, 10);
        let lies = |key: &str| {
            let mut of: Vec<&str> = found.iter().filter(|(_, k, _)| k == key).map(|(place, ..)| &place[..1]).collect();
            of.dedup();
            (of.len(), found.iter().filter(|(_, k, _)| k == key).count())
        };
        let rounds = round as usize + 1;
        assert_eq!((lies("a.b"), lies("a.c")), ((1, 2 * rounds), (1, rounds)), "one partition for one key");
        let q = rig.queue("q").expect("it is there");
        assert_eq!(rig.counts(&q).ready, 3 * rounds as u64);
        if round == 1 {
            let lsn = rig.turn(|rig, turn| rig.broker.delete_topic(&rig.vhost, "t", turn)).expect("it was there");
            rig.durable(lsn);
            assert_eq!(rig.route("x", "a.b").queues(), 1);
        }
        drop(rig);
        disk = disk.after_kill(Plan::default());
    }
    let mut rig = open(&disk);
    create(&mut rig, "t", 1, TopicPolicy::default());
    assert_eq!(rig.route("x", "a.b").queues(), 1, "a topic of the same name is another one");
}

#[test]
fn readers_begin_where_they_want() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 1, TopicPolicy::default());
    let p = partition(&rig, "t", 0);
    for (id, count) in [(10, 2), (20, 1), (30, 3)] {
        append(&mut rig, &p, &timed(id, count, 20, id as i64)).expect("taken");
    }
    rig.fence();
    let place = |offsets: std::ops::Range<u64>| offsets.map(|n| format!("0/1@{n}")).collect::<Vec<_>>();
    assert_eq!(all(&mut rig, "t", StreamStart::First), place(0..6));
    assert_eq!(all(&mut rig, "t", StreamStart::Last), place(3..6), "the last batch");
    assert_eq!(all(&mut rig, "t", StreamStart::Next), place(0..0));
    assert_eq!(all(&mut rig, "t", StreamStart::Offset(1)), place(1..6));
    assert_eq!(all(&mut rig, "t", StreamStart::Offset(9)), place(0..0));
    assert_eq!(all(&mut rig, "t", StreamStart::Time(15)), place(2..6));
    assert_eq!(all(&mut rig, "t", StreamStart::Time(-5)), place(0..6));
    assert_eq!(all(&mut rig, "t", StreamStart::Time(31)), place(0..0));
    rig.turn(|rig, turn| rig.broker.trim(&p, 2, turn)).expect("trimmed");
    assert_eq!(all(&mut rig, "t", StreamStart::Offset(0)), place(2..6), "from the first that is there");
}

#[test]
fn a_reader_of_all_partitions_is_told_when_there_is_more() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 3, TopicPolicy::default());
    assert_eq!(stream(&rig, "t", StreamStart::Offset(0), None).err(), Some(StreamError::OffsetOfAll));
    assert_eq!(stream(&rig, "t", StreamStart::First, Some(3)).err(), Some(StreamError::Partition(3)));
    let mut reader = stream(&rig, "t", StreamStart::Next, None).expect("it can be read");
    let mut one = stream(&rig, "t", StreamStart::Offset(0), Some(1)).expect("it can be read");
    assert_eq!(places(&mut rig, &mut reader), [""; 0]);
    for round in 0..3u64 {
        for number in 0..3 {
            rig.events.clear();
            let p = partition(&rig, "t", number);
            append(&mut rig, &p, &bytes(round, 1, 20, None)).expect("taken");
            let told = |rig: &Rig| {
                let ready = |event: &Event| matches!(event, Event::Ready { queue } if *queue == p.id());
                rig.events.iter().any(|(who, event)| *who == session(ME) && ready(event))
            };
            assert!(told(&rig), "round {round}, partition {number}");
            assert_eq!(places(&mut rig, &mut reader), [format!("{number}/3@{round}")]);
        }
    }
    assert_eq!(places(&mut rig, &mut one), ["1/3@0", "1/3@1", "1/3@2"]);
    let topic = rig.broker.topic(&rig.vhost, "t").expect("it is there");
    assert_eq!(rig.broker.stream_readers(&topic), 2);
    drop(one);
    assert_eq!(rig.broker.stream_readers(&topic), 1);
    rig.events.clear();
    rig.turn(|rig, turn| rig.broker.delete_topic(&rig.vhost, "t", turn)).expect("it was there");
    assert!(rig.events.iter().any(|(who, event)| *who == session(ME) && matches!(event, Event::Ready { .. })));
    assert!(some(&mut rig, &mut reader, 10).1.deleted);
}

#[test]
fn what_the_topic_does_not_take_is_refused() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "small", 1, TopicPolicy { batch_bytes_max: 300, ..TopicPolicy::default() });
    create(&mut rig, "keyed", 1, TopicPolicy { compacts: true, ..TopicPolicy::default() });
    let refused = |rig: &mut Rig, name: &str, len: usize| {
        let (message, route) = (rig.message(1, len, ("", name), true), rig.route("", name));
        let Published { refused, .. } = rig.turn(|rig, turn| rig.broker.publish(&route, message, turn));
        refused
    };
    assert!(refused(&mut rig, "small", 400));
    assert!(refused(&mut rig, "keyed", 20), "nothing could ever replace it");
    assert!(!refused(&mut rig, "small", 100));
    // Together they are too large for a batch, so they are several.
    let lsn = publish(&mut rig, ("", "small"), &(0..30).collect::<Vec<_>>());
    rig.durable(lsn);
    assert_eq!(all(&mut rig, "small", StreamStart::First).len(), 31);
}

#[test]
fn a_batch_that_cannot_be_read_is_passed_over_and_told_of_once() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "t", 1, TopicPolicy::default());
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let heard = warnings.clone();
    rig.broker.on_warning(Arc::new(move |what: &str| heard.lock().expect("one thread").push(what.to_owned())));
    let p = partition(&rig, "t", 0);
    append(&mut rig, &p, &bytes(1, 1, 20, None)).expect("taken");
    let mut broken = bytes(2, 4, 20, None);
    *broken.last_mut().expect("a byte") ^= 1;
    append(&mut rig, &p, &broken).expect("nobody has looked into it");
    append(&mut rig, &p, &bytes(3, 1, 20, None)).expect("taken");
    rig.fence();
    for _ in 0..2 {
        assert_eq!(all(&mut rig, "t", StreamStart::First), ["0/1@0", "0/1@5"]);
    }
    assert_eq!(rig.broker.broken_batches(), 1);
    let warnings = warnings.lock().expect("one thread");
    assert!(warnings.len() == 1 && warnings[0].contains("topic t, partition 0: the batch at offset 1"), "{warnings:?}");
}

#[test]
fn the_dead_can_go_to_a_topic() {
    let mut disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    create(&mut rig, "graves", 1, TopicPolicy::default());
    let queue = rig.durable_queue("q", QueuePolicy { dead_letter_key: Some("graves".into()), ..buries("") });
    rig.publish("q", 5, 20, true);
    let (delivery, _) = rig.get(&queue, session(ME), false).expect("a message");
    assert_eq!(id_of(&delivery.message), 5);
    let lsn = rig.settle(&queue, session(ME), None, &[delivery.seq], Outcome::Reject);
    rig.durable(lsn);
    rig.fence();
    drop(rig);
    disk = disk.after_kill(Plan::default());
    let mut rig = open(&disk);
    let mut reader = stream(&rig, "graves", StreamStart::First, None).expect("it can be read");
    let (found, _) = some(&mut rig, &mut reader, 10);
    assert_eq!(found, [("0/1@0".to_owned(), "graves".to_owned(), harness::payload(5, 20))]);
    let queue = rig.queue("q").expect("it is there");
    assert_eq!(rig.counts(&queue).ready, 0);
}

#[test]
fn a_topic_that_promises_the_page_cache_takes_them_too() {
    let disk = FaultyDisk::new(Plan::default());
    let mut rig = open(&disk);
    let spec = narumq_broker::TopicSpec { durability: Some(Durability::Os), ..topic("t", 1, TopicPolicy::default()) };
    harness::batches::create_spec(&mut rig, spec);
    let lsn = publish(&mut rig, ("", "t"), &[1, 2]);
    assert_eq!(lsn, Lsn(0), "nothing to wait for");
    assert_eq!(all(&mut rig, "t", StreamStart::First), ["0/1@0", "0/1@1"]);
}
