//! A message for hundreds of queues is in all of them after a restart, and its body is written about once.

mod harness;

use harness::*;
use narumq_log::Options;
use narumq_log::disk::memory::MemoryDisk;
use narumq_model::{ExchangeKind, QueuePolicy, Time};
use std::sync::Arc;

const QUEUES: u64 = 200;
const MESSAGES: u64 = 30;
const LEN: usize = 20_000;

fn options() -> Options {
    Options { file_bytes: 512 << 10, first_file_bytes: 512 << 10, chunk_bytes: 64 << 10, settle_ms: 5, ..small() }
}

fn name(queue: u64) -> String {
    format!("q{queue:03}")
}

/// A third of the queues gives its messages a time to live: their heads differ, their bodies do not.
fn policy(queue: u64) -> QueuePolicy {
    QueuePolicy { message_ttl_ms: queue.is_multiple_of(3).then_some(3_600_000), ..QueuePolicy::default() }
}

fn open(disk: &Arc<MemoryDisk>) -> Rig {
    Rig::open(disk.clone(), options(), Time(1_000))
}

#[test]
fn a_body_is_shared_by_all_queues() {
    let disk = Arc::<MemoryDisk>::default();
    let mut rig = open(&disk);
    rig.turn(|rig, turn| rig.broker.declare_exchange(&rig.vhost, exchange("fan", ExchangeKind::Fanout), turn));
    for queue in 0..QUEUES {
        rig.durable_queue(&name(queue), policy(queue));
        let binding = binding("fan", &name(queue), "");
        rig.turn(|rig, turn| rig.broker.bind(&rig.vhost, binding, session(0), turn)).expect("a binding");
    }
    rig.fence();
    let before = rig.broker.log_bytes_written();
    let route = rig.route("fan", "");
    for id in 0..MESSAGES {
        let message = rig.message(id, LEN, ("fan", ""), true);
        let published = rig.turn(|rig, turn| rig.broker.publish(&route, message, turn));
        rig.durable(published.lsn);
    }
    let written = rig.broker.log_bytes_written() - before;
    let bodies = MESSAGES * LEN as u64;
    let heads = MESSAGES * QUEUES * 64;
    assert!(written < bodies * 13 / 10 + heads, "{written} bytes for bodies of {bodies}");
    rig.close();
    let mut rig = open(&disk);
    let take = |rig: &mut Rig, queue: u64, ids: std::ops::Range<u64>| {
        let queue = rig.queue(&name(queue)).expect("the queue is there");
        for id in ids {
            let (delivery, _) = rig.get(&queue, session(1), true).expect("a message");
            assert_eq!((id_of(&delivery.message), delivery.message.payload()), (id, &payload(id, LEN)[..]));
        }
    };
    // Most is taken, so that what is left is copied together.
    (0..QUEUES).filter(|queue| queue % 8 != 1).for_each(|queue| take(&mut rig, queue, 0..MESSAGES));
    (0..QUEUES).filter(|queue| queue % 8 == 1).for_each(|queue| take(&mut rig, queue, 0..MESSAGES - 3));
    rig.close();
    let mut rig = open(&disk);
    (0..QUEUES).filter(|queue| queue % 8 == 1).for_each(|queue| take(&mut rig, queue, MESSAGES - 3..MESSAGES));
    rig.close();
}
