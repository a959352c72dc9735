//! The consumers of one connection, by the key under which the broker delivers to them.
//!
//! ```text
//! key:  | generation 14 bits | place 18 bits |
//! ```
//! The generation keeps an event for a consumer that is gone from reaching the one that has its place now.

use crate::limits::CONSUMERS_MAX;
use crate::slots::STREAM;
use crate::streams::Reading;
use bytes::Bytes;
use narumq_broker::{Event, QueueHandle};
use narumq_door::Context;
use narumq_model::SessionId;

const PLACE_BITS: u32 = CONSUMERS_MAX.trailing_zeros();

/// How far a consumer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is served.
    Serving,
    /// The client has cancelled it; what was on its way still goes out before the answer.
    Cancelling {
        /// Whether the client wants no answer.
        nowait: bool,
    },
    /// Its channel is gone; what was on its way goes back.
    Gone,
}

/// What a consumer consumes.
#[derive(Debug)]
pub(crate) enum Source {
    /// A queue, which hands it messages.
    Queue {
        /// The queue.
        queue: QueueHandle,
        /// The channel's slot of that queue.
        slot: u32,
    },
    /// A topic, which it reads, until it is cancelled.
    Stream(Option<Box<Reading>>),
}

impl Source {
    /// The queue, if it is one.
    pub(crate) fn queue(&self) -> Option<&QueueHandle> {
        match self {
            Self::Queue { queue, .. } => Some(queue),
            Self::Stream(_) => None,
        }
    }

    /// The channel's slot of what is consumed.
    #[inline]
    pub(crate) fn slot(&self) -> u32 {
        match self {
            Self::Queue { slot, .. } => *slot,
            Self::Stream(_) => STREAM,
        }
    }

    /// Nothing more is to come from it, and `Event::Cancelled` stands behind what is on its way.
    pub(crate) fn stop(&mut self, session: SessionId, key: u32, cx: &mut Context<'_>) {
        match self {
            Self::Queue { queue, .. } => cx.broker.cancel(queue, session, key, cx.turn),
            Self::Stream(reading) => *reading = None,
        }
        // Behind all that the broker has posted for it.
        cx.broker.mailboxes().post(session, Event::Cancelled { consumer: key }, cx.turn);
    }
}

/// One consumer.
#[derive(Debug)]
pub(crate) struct Consumer {
    /// Its channel.
    pub(crate) channel: u16,
    /// Its tag there.
    pub(crate) tag: Bytes,
    /// What it consumes.
    pub(crate) source: Source,
    /// It takes without settling.
    pub(crate) takes: bool,
    /// Its deliveries tell how often they failed.
    pub(crate) counts: bool,
    /// How far it has come.
    pub(crate) stage: Stage,
}

#[derive(Debug, Default)]
struct Place {
    generation: u32,
    consumer: Option<Consumer>,
}

/// The consumers of one connection.
#[derive(Debug, Default)]
pub(crate) struct Consumers {
    places: Vec<Place>,
    free: Vec<u32>,
}

impl Consumers {
    /// Gives a consumer its key; `None` if there are too many.
    pub(crate) fn add(&mut self, consumer: Consumer) -> Option<u32> {
        let at = match self.free.pop() {
            Some(at) => at,
            None if self.places.len() >= CONSUMERS_MAX => return None,
            None => {
                self.places.push(Place::default());
                (self.places.len() - 1) as u32
            }
        };
        let place = &mut self.places[at as usize];
        place.consumer = Some(consumer);
        Some(place.generation << PLACE_BITS | at)
    }

    #[inline]
    fn place(&mut self, key: u32) -> Option<&mut Place> {
        let place = self.places.get_mut((key & (CONSUMERS_MAX as u32 - 1)) as usize)?;
        (place.generation == key >> PLACE_BITS).then_some(place)
    }

    /// The consumer under a key.
    #[inline]
    pub(crate) fn get(&mut self, key: u32) -> Option<&mut Consumer> {
        self.place(key)?.consumer.as_mut()
    }

    /// Frees a key.
    pub(crate) fn remove(&mut self, key: u32) -> Option<Consumer> {
        let place = self.place(key)?;
        let consumer = place.consumer.take()?;
        // One generation is left out: no key is the one that the broker uses for nobody.
        place.generation = (place.generation + 1) % ((1 << (32 - PLACE_BITS)) - 1);
        self.free.push(key & (CONSUMERS_MAX as u32 - 1));
        Some(consumer)
    }

    /// All that are there.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Consumer> {
        self.places.iter().filter_map(|place| place.consumer.as_ref())
    }
}
