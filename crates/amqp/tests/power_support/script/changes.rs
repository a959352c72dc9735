//! Commands that change queues, exchanges and bindings.

use crate::power_support::Random;
use crate::power_support::driver::{Driver, Going};
use crate::power_support::model::At;
use crate::power_support::universe::{self, BINDINGS, EXCHANGES, QUEUES};
use narumq_amqp::codec::*;

/// A command with or without an answer.
pub(super) fn reply(
    driver: &mut Driver,
    at: At,
    method: &impl WireMethod,
    (nowait, answer): (bool, MethodId),
    speaks: usize,
) -> Going {
    if nowait { driver.tell(at, method) } else { driver.ask(at, method, answer, speaks) }
}

/// Queues, exchanges and bindings come and go.
pub(super) fn change(driver: &mut Driver, random: &mut Random, at: At) -> Going {
    let mut queues = QUEUES.to_vec();
    queues.retain(|queue| at.0 == 0 || !universe::is_own(queue));
    match (random.below(12), random.pick(&queues), random.pick(&EXCHANGES), random.pick(&BINDINGS)) {
        (0..=2, Some(queue), ..) => declare_queue(driver, random, at, queue),
        (3..=4, Some(queue), ..) => delete_queue(driver, random, at, queue),
        (5, _, Some((exchange, kind)), _) => declare_exchange(driver, random, at, exchange, kind),
        (6, _, Some((exchange, _)), _) => {
            let speaks = driver.model.delete_exchange(at, exchange);
            let nowait = random.once_in(4);
            let delete = ExchangeDelete { exchange: exchange.as_bytes(), nowait, ..Default::default() };
            reply(driver, at, &delete, (nowait, ExchangeDeleteOk::ID), speaks)
        }
        (7..=9, .., Some(binding)) => bind(driver, random, at, binding),
        (10.., .., Some((exchange, key, queue))) => {
            let speaks = driver.model.bind(at, (exchange, key, queue), false);
            let (exchange, routing_key) = (exchange.as_bytes(), key.as_bytes());
            if let Some(to) = universe::exchange_behind(queue) {
                let (destination, source) = (to.as_bytes(), exchange);
                let unbind = ExchangeUnbind { destination, source, routing_key, ..Default::default() };
                return driver.ask(at, &unbind, ExchangeUnbindOk::ID, speaks);
            }
            let queue = queue.as_bytes();
            let unbind = QueueUnbind { queue, exchange, routing_key, ..Default::default() };
            driver.ask(at, &unbind, QueueUnbindOk::ID, speaks)
        }
        _ => Ok(()),
    }
}

pub fn declare_queue(driver: &mut Driver, random: &mut Random, at: At, queue: &str) -> Going {
    let speaks = driver.model.declare_queue(at, queue);
    let (mut buffer, nowait) = (Vec::new(), random.once_in(4));
    let declare = QueueDeclare { nowait, ..universe::declaration(queue, &mut buffer) };
    reply(driver, at, &declare, (nowait, QueueDeclareOk::ID), speaks)
}

pub fn delete_queue(driver: &mut Driver, random: &mut Random, at: At, queue: &str) -> Going {
    let speaks = driver.model.delete_queue(at, queue);
    let nowait = random.once_in(4);
    let delete = QueueDelete { queue: queue.as_bytes(), nowait, ..Default::default() };
    reply(driver, at, &delete, (nowait, QueueDeleteOk::ID), speaks)
}

pub(super) fn declare_exchange(driver: &mut Driver, random: &mut Random, at: At, exchange: &str, kind: &str) -> Going {
    let speaks = driver.model.declare_exchange(at, exchange);
    let (nowait, durable) = (random.once_in(4), true);
    let (exchange, kind) = (exchange.as_bytes(), kind.as_bytes());
    let declare = ExchangeDeclare { exchange, kind, durable, nowait, ..Default::default() };
    reply(driver, at, &declare, (nowait, ExchangeDeclareOk::ID), speaks)
}

pub(super) fn bind(driver: &mut Driver, random: &mut Random, at: At, binding: (&str, &str, &str)) -> Going {
    let (exchange, key, queue) = binding;
    let behind = universe::exchange_behind(queue);
    let is_there = behind.map_or_else(|| driver.model.has_queue(queue), |to| driver.model.has_exchange(to));
    if !driver.model.has_exchange(exchange) || !is_there {
        return Ok(());
    }
    let speaks = driver.model.bind(at, binding, true);
    let (exchange, routing_key, nowait) = (exchange.as_bytes(), key.as_bytes(), random.once_in(4));
    if let Some(to) = behind {
        let (destination, source) = (to.as_bytes(), exchange);
        let bind = ExchangeBind { destination, source, routing_key, nowait, ..Default::default() };
        return reply(driver, at, &bind, (nowait, ExchangeBindOk::ID), speaks);
    }
    let queue = queue.as_bytes();
    let bind = QueueBind { queue, exchange, routing_key, nowait, ..Default::default() };
    reply(driver, at, &bind, (nowait, QueueBindOk::ID), speaks)
}
