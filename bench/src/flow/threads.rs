//! The two threads of a load, the producers' and the consumers', each with the connections that it serves.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use super::Flow;
use crate::consumer::{Subscriber, Tally, consume};
use crate::encode::{self, id};
use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::load::Scenario;
use crate::producer::{Pace, produce};
use crate::publisher::Publisher;
use crate::shared::guarded;
use crate::template::{STAMP, Shape};

impl Flow<'_> {
    /// Opens the producers' connections.
    pub(crate) fn publishers(&self) -> Result<Vec<Publisher>> {
        let load = self.load;
        let keys = if self.topology.exchange.is_empty() { &self.topology.queues[..] } else { &[String::new()] };
        let one = |index: usize| {
            let mut connection = self.broker.connect()?;
            if load.confirm > 0 {
                connection.call(&encode::confirm_select(), id::CONFIRM_SELECT_OK)?;
            }
            connection.stream_mode()?;
            let (exchange, largest) = (self.topology.exchange.as_str(), connection.largest);
            let shape = Shape { exchange, keys, size: load.size, persistent: load.persistent, largest };
            let all = load.messages.unwrap_or(u64::from(u32::MAX));
            let producers = load.producers as u64;
            let quota = all / producers + u64::from((index as u64) < all % producers);
            Ok(Publisher::new(connection, load, &shape, index, quota))
        };
        (0..load.producers).map(one).collect()
    }

    fn subscribers(&self) -> Result<Vec<Subscriber>> {
        let load = self.load;
        let one = |index: usize| {
            let mut connection = self.broker.connect()?;
            connection.take_messages();
            connection.call(&encode::qos(load.prefetch), id::BASIC_QOS_OK)?;
            connection.stream_mode()?;
            let queues = self.topology.queues.iter().map(String::as_str).enumerate();
            let mine: Vec<_> = if load.queues >= load.consumers {
                queues.skip(index).step_by(load.consumers).collect()
            } else {
                queues.skip(index % load.queues).take(1).collect()
            };
            Ok(Subscriber::new(connection, &mine, load.ack == 0))
        };
        (0..load.consumers).map(one).collect()
    }

    pub(super) fn spawn_producer(
        &self,
        mut publishers: Vec<Publisher>,
    ) -> Result<JoinHandle<(Result<u64>, Vec<Publisher>)>> {
        let (shared, events) = (Arc::clone(&self.shared), self.sender.clone());
        let pace = Pace { rate: self.load.rate, seconds: self.load.seconds };
        Ok(Builder::new().name("producer".to_owned()).spawn(move || {
            let began = guarded(&shared, &events, || produce(&mut publishers, pace, &shared));
            (began, publishers)
        })?)
    }

    pub(super) fn spawn_consumer(&self) -> Result<JoinHandle<(Result<Tally>, Vec<Subscriber>)>> {
        let mut subscribers = self.subscribers()?;
        let (load, shared, events) = (self.load, Arc::clone(&self.shared), self.sender.clone());
        let ledger = Ledger::new(load.producers, load.queues);
        let tally = Tally::new(ledger, load.ack, load.scenario == Scenario::Fanout, load.size >= STAMP);
        Ok(Builder::new().name("consumer".to_owned()).spawn(move || {
            let tally = guarded(&shared, &events, || consume(&mut subscribers, tally, &shared, &events));
            (tally, subscribers)
        })?)
    }
}

pub(super) fn join<T>(thread: JoinHandle<T>) -> Result<T> {
    thread.join().map_err(|_| Error::new("a thread of the generator panicked"))
}
