//! Workloads by seed: connections publish, settle, declare, delete, commit, close, fail and vanish; some answers are
//! awaited, most come later.

mod changes;

use super::Random;
use super::driver::{CHANNELS, Driver, Expect, Going};
use super::model::{At, End};
use super::universe::{self, AGE_MS, BINDINGS, EXCHANGES, QUEUES, WAYS};
use super::wire;
use crate::session_support::{Message, consume};
use changes::{bind, change, declare_exchange, reply};
pub use changes::{declare_queue, delete_queue};
use narumq_amqp::codec::*;
use std::sync::atomic::{AtomicU64, Ordering};

/// Connections of a workload.
const CONNECTIONS: usize = 3;

/// Does so many steps, then waits for all answers.
pub fn run(driver: &mut Driver, random: &mut Random, steps: u64) -> Going {
    (0..CONNECTIONS).try_for_each(|connection| driver.connect(connection))?;
    for queue in QUEUES {
        if !random.once_in(5) {
            declare_queue(driver, random, (0, 1), queue)?;
        }
    }
    for (exchange, kind) in EXCHANGES {
        declare_exchange(driver, random, (1, 1), exchange, kind)?;
    }
    for binding in BINDINGS {
        if random.once_in(2) {
            bind(driver, random, (0, 1), binding)?;
        }
    }
    for _ in 0..steps {
        step(driver, random)?;
        if driver.site.is_dark() || random.once_in(3) {
            driver.settle()?;
        }
    }
    driver.settle()
}

fn step(driver: &mut Driver, random: &mut Random) -> Going {
    let connection = random.below(CONNECTIONS as u64) as usize;
    let channel = random.pick(&CHANNELS).unwrap_or(1);
    let at = (connection, channel);
    match random.below(100) {
        0..=32 => publish(driver, random, at),
        33..=39 => get(driver, random, (connection, 1)),
        40..=46 => get(driver, random, (connection, 2)),
        47..=48 => get(driver, random, (connection, 3)),
        49..=50 => advance(driver, random),
        51..=66 => settle(driver, random, at),
        67..=74 => commit(driver, random, (connection, 2)),
        75..=77 => consume_or_cancel(driver, random, (connection, 3)),
        78..=80 => purge(driver, random, (connection, 1)),
        81..=92 => change(driver, random, (connection, 1)),
        93..=95 => end_channel(driver, random, at),
        96 => fail(driver, at),
        _ => end_connection(driver, random, connection),
    }
}

/// A number that no message had before, whatever life it was in.
fn fresh(random: &mut Random) -> u64 {
    static MESSAGES: AtomicU64 = AtomicU64::new(0);
    MESSAGES.fetch_add(1, Ordering::Relaxed) * wire::TRAITS + random.below(wire::TRAITS)
}

/// The clock moves.
fn advance(driver: &mut Driver, random: &mut Random) -> Going {
    let millis = 1 + random.below(AGE_MS);
    // A read that is under way may be judged by either time.
    driver.settle()?;
    driver.model.advance(millis);
    driver.site.advance(millis);
    driver.hear()
}

fn usable(driver: &Driver, at: At) -> Vec<&'static str> {
    let open = |queue: &&str| driver.model.has_queue(queue) && (at.0 == 0 || !universe::is_own(queue));
    QUEUES.into_iter().filter(open).collect()
}

fn publish(driver: &mut Driver, random: &mut Random, at: At) -> Going {
    let mut ways: Vec<(&str, &str)> = usable(driver, (0, 0)).into_iter().map(|queue| ("", queue)).collect();
    ways.retain(|(_, queue)| at.1 != 2 || *queue != "strict");
    ways.extend(WAYS.iter().copied().filter(|(exchange, _)| driver.model.has_exchange(exchange)));
    // What has rules of its own comes often enough to meet them.
    let special = |(_, queue): &(&str, &str)| matches!(*queue, "aging" | "limited" | "rejecting" | "strict");
    if random.once_in(2) && ways.iter().any(special) {
        ways.retain(special);
    }
    let Some(way) = random.pick(&ways) else { return Ok(()) };
    let persistent = !random.once_in(6);
    send(driver, random, at, way, persistent)
}

/// Publishes one message.
pub fn send(
    driver: &mut Driver,
    random: &mut Random,
    at: At,
    (exchange, key): (&str, &str),
    persistent: bool,
) -> Going {
    let id = fresh(random);
    let speaks = driver.model.publish(at, (exchange, key), id, persistent);
    if at.1 == 1 {
        driver.confirms(at, speaks);
    }
    let (properties, body) = (wire::properties(id, persistent), wire::body(id));
    let mut bytes = Vec::new();
    Message { exchange, key, mandatory: false, properties: &properties, body: &body }.write(at.1, &mut bytes);
    driver.bytes(at.0, &bytes)
}

fn get(driver: &mut Driver, random: &mut Random, at: At) -> Going {
    let mut queues = usable(driver, at);
    // What comes back to these moves others at once: of one channel, only one of them has something to take back.
    queues.retain(|queue| match *queue {
        "limited" => at.1 == 1,
        "short" => at.1 == 2,
        "aging" => at.1 == 3,
        _ => at.1 != 3,
    });
    let special = |queue: &&str| matches!(*queue, "limited" | "rejecting");
    if random.once_in(2) && queues.iter().any(special) {
        queues.retain(special);
    }
    let Some(queue) = random.pick(&queues) else { return Ok(()) };
    let no_ack = random.once_in(6);
    let found = driver.model.get(at, queue, no_ack);
    driver.expect(at, Expect::Get(queue, found), 0);
    driver.tell(at, &BasicGet { ticket: 0, queue: queue.as_bytes(), no_ack })
}

fn settle(driver: &mut Driver, random: &mut Random, at: At) -> Going {
    let held = driver.model.in_hand(at);
    let Some(end) = random.pick(&[End::Done, End::Done, End::Done, End::Back, End::Failed, End::Dead]) else {
        return Ok(());
    };
    let chosen = random.below(held.len().max(1) as u64) as usize;
    let Some((tag, queue)) = held.get(chosen) else { return Ok(()) };
    let end = match queue.as_str() {
        "rejecting" if random.once_in(2) => End::Dead,
        "limited" if !random.once_in(4) => End::Failed,
        _ => end,
    };
    // A commit buries the rejected of one queue, behind all else; nothing comes back by it.
    let end = if at.1 == 2 && (matches!(end, End::Back | End::Failed) || queue == "short") { End::Done } else { end };
    // What was handed over by several queues or consumers is not settled at once.
    let alike =
        held[..=chosen].iter().all(|(t, q)| q == queue && driver.consumer_of(at, *t) == driver.consumer_of(at, *tag));
    let multiple = alike && random.once_in(2) && matches!(end, End::Done | End::Back);
    let tags: Vec<u64> = held[..=chosen].iter().map(|(tag, _)| *tag).filter(|t| multiple || t == tag).collect();
    driver.model.settle(at, &tags, end);
    let (delivery_tag, requeue) = (*tag, end == End::Back);
    match end {
        End::Done => driver.tell(at, &BasicAck { delivery_tag, multiple }),
        End::Failed => driver.tell(at, &BasicReject { delivery_tag, requeue: true }),
        End::Dead if random.once_in(2) => driver.tell(at, &BasicReject { delivery_tag, requeue }),
        _ => driver.tell(at, &BasicNack { delivery_tag, multiple, requeue }),
    }
}

fn commit(driver: &mut Driver, random: &mut Random, at: At) -> Going {
    for _ in 0..random.below(3) {
        publish(driver, random, at)?;
    }
    if random.once_in(6) {
        driver.model.rollback(at);
        return driver.ask(at, &TxRollback, TxRollbackOk::ID, 0);
    }
    let speaks = driver.model.commit(at);
    driver.ask(at, &TxCommit, TxCommitOk::ID, speaks)
}

fn consume_or_cancel(driver: &mut Driver, random: &mut Random, at: At) -> Going {
    driver.settle()?;
    if let Some((tag, queue)) = driver.consumers(at).first() {
        driver.model.consume(at, queue, false);
        driver.forget_consumer(at, tag);
        return driver.ask(at, &BasicCancel { consumer_tag: tag.as_bytes(), nowait: false }, BasicCancelOk::ID, 0);
    }
    let mut free = usable(driver, at);
    free.retain(|queue| universe::may_be_consumed(queue) && driver.model.consumer(queue).is_none());
    let Some(queue) = random.pick(&free) else { return Ok(()) };
    let tag = format!("consumer-{}", fresh(random));
    driver.add_consumer(at, &tag, queue);
    driver.model.consume(at, queue, true);
    driver.ask(at, &consume(queue, &tag), BasicConsumeOk::ID, 0)?;
    driver.settle()
}

fn purge(driver: &mut Driver, random: &mut Random, at: At) -> Going {
    match random.pick(&usable(driver, at)) {
        Some(queue) => purge_queue(driver, random, at, queue),
        None => Ok(()),
    }
}

pub fn purge_queue(driver: &mut Driver, random: &mut Random, at: At, queue: &str) -> Going {
    let speaks = driver.model.purge(at, queue);
    let nowait = random.once_in(4);
    reply(driver, at, &QueuePurge { ticket: 0, queue: queue.as_bytes(), nowait }, (nowait, QueuePurgeOk::ID), speaks)
}

fn end_channel(driver: &mut Driver, random: &mut Random, at: At) -> Going {
    if random.once_in(2) {
        driver.settle()?;
    }
    let speaks = driver.model.end_channel(at);
    driver.ask(at, &ChannelClose::default(), ChannelCloseOk::ID, speaks)?;
    driver.settle()?;
    driver.open(at)
}

/// A publish to what is not there: the broker closes the channel.
fn fail(driver: &mut Driver, at: At) -> Going {
    driver.model.end_channel(at);
    driver.expect(at, Expect::Closed, 0);
    let (properties, body) = (wire::properties(1, true), wire::body(1));
    let mut bytes = Vec::new();
    Message { exchange: "nowhere", key: "", mandatory: false, properties: &properties, body: &body }
        .write(at.1, &mut bytes);
    driver.bytes(at.0, &bytes)?;
    driver.settle()?;
    driver.open(at)
}

fn end_connection(driver: &mut Driver, random: &mut Random, connection: usize) -> Going {
    let speaks = driver.model.end_connection(connection, &CHANNELS);
    if random.once_in(2) {
        driver.ask((connection, 0), &ConnectionClose::default(), ConnectionCloseOk::ID, speaks)?;
        driver.settle()?;
    }
    driver.hang_up(connection);
    driver.connect(connection)
}
