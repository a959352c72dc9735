//! Carries out a load of messages on one broker: declares, publishes, consumes, checks, deletes.

mod threads;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crate::broker::{Broker, Topology};
use crate::connection::Connection;
use crate::consumer::{Subscriber, Tally};
use crate::error::{Error, Result};
use crate::flow_figures::{Published, figures};
use crate::load::{Load, Scenario, grouped};
use crate::meter::{Meter, Spent};
use crate::outcome::Outcome;
use crate::procfs;
use crate::publisher::Publisher;
use crate::screen::Screen;
use crate::shared::{Event, STALL, Shared};
use threads::join;

/// How often the progress line and the memory are looked at.
const TICK: Duration = Duration::from_millis(250);

/// What the broker held between publishing and draining a backlog.
#[derive(Clone, Copy)]
pub(crate) struct Held {
    /// Until the broker had it all, seconds from the first publish.
    pub(crate) seconds: f64,
    /// Resident memory then, bytes.
    pub(crate) resident: Option<u64>,
}

/// Everything measured, before it becomes figures.
pub(crate) struct Measured {
    pub(crate) published: Published,
    pub(crate) tally: Tally,
    pub(crate) held: Option<Held>,
    pub(crate) resident_before: u64,
    pub(crate) spent: Option<Spent>,
    pub(crate) settled: bool,
    /// CPU of the generator itself, microseconds.
    pub(crate) own_cpu: u64,
    /// Messages still in the queues after a drain.
    pub(crate) left: Option<u64>,
}

/// Carries out the load; queues are deleted afterwards even if it failed.
pub(crate) fn run(broker: &Broker, load: &Load, screen: &Screen) -> Result<Outcome> {
    let mut control = broker.connect()?;
    let topology = Topology::new(load);
    let peer = control.peer.clone();
    let result = topology
        .declare(&mut control, load)
        .and_then(|()| Flow::new(broker, load, screen, &topology)?.carry_out(&mut control));
    screen.clear();
    // After a failure the control connection may be gone as well; the first error is the one to tell.
    let deleted = topology.delete(&mut control);
    control.close();
    let measured = result?;
    deleted?;
    Ok(Outcome { peer, ..figures(load, &measured) })
}

/// A load in progress.
pub(crate) struct Flow<'a> {
    broker: &'a Broker,
    load: &'a Load,
    screen: &'a Screen,
    topology: &'a Topology,
    shared: Arc<Shared>,
    pub(crate) meter: Option<Meter>,
    sender: Sender<Event>,
    events: Receiver<Event>,
    /// Time and counters at the last progress line.
    shown: (u64, u64, u64),
}

/// What the two threads give back.
struct Parts {
    publishers: Vec<Publisher>,
    subscribers: Vec<Subscriber>,
    published: Published,
    tally: Tally,
    held: Option<Held>,
}

impl<'a> Flow<'a> {
    /// A load of a declared topology.
    pub(crate) fn new(
        broker: &'a Broker,
        load: &'a Load,
        screen: &'a Screen,
        topology: &'a Topology,
    ) -> Result<Flow<'a>> {
        let (sender, events) = channel();
        let meter = broker.meter()?;
        let shared = Arc::new(Shared::new());
        Ok(Flow { broker, load, screen, topology, shared, meter, sender, events, shown: (0, 0, 0) })
    }

    fn carry_out(&mut self, control: &mut Connection) -> Result<Measured> {
        let publishers = self.publishers()?;
        let resident_before = self.meter.as_ref().map_or(0, |meter| meter.resident_before);
        let own = procfs::cpu_by_ticks(std::process::id()).unwrap_or(0);
        let parts = if self.load.scenario == Scenario::Backlog {
            self.one_after_the_other(publishers, control)?
        } else {
            self.at_once(publishers)?
        };
        let own_cpu = procfs::cpu_by_ticks(std::process::id()).unwrap_or(0).saturating_sub(own);
        if self.load.settle {
            self.screen.show("waiting for the broker's work to end");
        }
        let settled = !self.load.settle || self.meter.as_mut().is_none_or(Meter::settle);
        let spent = self.meter.as_mut().map(Meter::spent);
        let left = if self.load.drain { Some(self.topology.ready(control)?) } else { None };
        let Parts { publishers, subscribers, published, tally, held } = parts;
        publishers.into_iter().for_each(|publisher| publisher.connection.close());
        subscribers.into_iter().for_each(|subscriber| subscriber.connection.close());
        Ok(Measured { published, tally, held, resident_before, spent, settled, own_cpu, left })
    }

    /// Consumers first, then producers beside them.
    fn at_once(&mut self, publishers: Vec<Publisher>) -> Result<Parts> {
        let consumer = self.spawn_consumer()?;
        if self.next_event() == Event::Ended {
            let (tally, _) = join(consumer)?;
            tally?;
            return Err(Error::new("the broker did not answer the consumers"));
        }
        if let Some(meter) = &mut self.meter {
            meter.restart();
        }
        let producer = self.spawn_producer(publishers)?;
        // Also the consumers' failure ends this wait, and the producers with it.
        self.next_event();
        let (began, publishers) = join(producer)?;
        let published = began.map(|began| Published::of(began, &publishers));
        let deliveries = published.as_ref().map_or(0, |published| published.count * self.load.copies());
        self.shared.set_target(if self.load.drain { deliveries } else { 0 });
        // Each thread says once that it ends.
        while self.next_event() != Event::Ended {}
        let (tally, subscribers) = join(consumer)?;
        // Where one thread ended because the other had failed, the failure is the one to tell.
        Ok(Parts { publishers, subscribers, published: published?, tally: tally?, held: None })
    }

    /// Producers alone, then consumers alone.
    fn one_after_the_other(&mut self, publishers: Vec<Publisher>, control: &mut Connection) -> Result<Parts> {
        let (publishers, published, held) = self.publish_alone(publishers, control)?;
        let (tally, subscribers) = self.consume_alone(&published)?;
        Ok(Parts { publishers, subscribers, published, tally, held: Some(held) })
    }

    /// Publishes everything while nobody consumes; returns once the broker holds it all.
    pub(crate) fn publish_alone(
        &mut self,
        publishers: Vec<Publisher>,
        control: &mut Connection,
    ) -> Result<(Vec<Publisher>, Published, Held)> {
        if let Some(meter) = &mut self.meter {
            meter.restart();
        }
        let producer = self.spawn_producer(publishers)?;
        self.next_event();
        let (began, publishers) = join(producer)?;
        let published = Published::of(began?, &publishers);
        let held = self.await_held(&published, control)?;
        Ok((publishers, published, held))
    }

    /// Consumes all that was published.
    pub(crate) fn consume_alone(&mut self, published: &Published) -> Result<(Tally, Vec<Subscriber>)> {
        self.shared.set_target(published.count);
        let consumer = self.spawn_consumer()?;
        // Each thread says once that it ends.
        while self.next_event() != Event::Ended {}
        let (tally, subscribers) = join(consumer)?;
        Ok((tally?, subscribers))
    }

    /// Waits until every message is in its queue; without confirms nothing else tells.
    fn await_held(&mut self, published: &Published, control: &mut Connection) -> Result<Held> {
        let mut last = published.last;
        let (mut ready, mut changed) = (self.topology.ready(control)?, self.shared.clock.now());
        while ready < published.count {
            std::thread::sleep(Duration::from_millis(10));
            let before = ready;
            ready = self.topology.ready(control)?;
            last = self.shared.clock.now();
            if ready != before {
                changed = last;
            } else if last - changed > STALL.as_nanos() as u64 {
                let text = format!("the queues hold {} of {}", grouped(ready), grouped(published.count));
                return Err(Error::new(text));
            }
        }
        let resident = self.meter.as_mut().map(Meter::look);
        Ok(Held { seconds: (last - published.began) as f64 / 1e9, resident })
    }

    /// Waits for the next word of a thread; meanwhile looks at memory and shows progress.
    fn next_event(&mut self) -> Event {
        loop {
            match self.events.recv_timeout(TICK) {
                Ok(event) => return event,
                Err(RecvTimeoutError::Disconnected) => return Event::Ended,
                Err(RecvTimeoutError::Timeout) => self.tick(),
            }
        }
    }

    fn tick(&mut self) {
        let resident = self.meter.as_mut().map(Meter::look);
        let now = self.shared.clock.now();
        let published = self.shared.published.load(Ordering::Relaxed);
        let delivered = self.shared.delivered.load(Ordering::Relaxed);
        let (then, published_then, delivered_then) = std::mem::replace(&mut self.shown, (now, published, delivered));
        let rate = |count: u64, before: u64| grouped((count - before) * 1_000_000_000 / (now - then).max(1));
        let mut line = format!(
            "{:6.1} s  in {}/s  out {}/s  published {}  delivered {}",
            now as f64 / 1e9,
            rate(published, published_then),
            rate(delivered, delivered_then),
            grouped(published),
            grouped(delivered)
        );
        if let Some(all) = self.load.messages {
            line += &format!(" of {}", grouped(all * self.load.copies()));
        }
        if let Some(resident) = resident {
            line += &format!("  RSS {} MiB", resident >> 20);
        }
        self.screen.show(&line);
    }
}
