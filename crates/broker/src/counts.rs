//! What happened since the start, counted a turn at a time so that a message costs no atomic operation.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counts {
    ($(#[doc = $doc:literal] $name:ident),* $(,)?) => {
        /// Counters; those that only a door can know are raised by the door.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts { $(#[doc = $doc] pub $name: u64),* }

        /// The sums of all turns.
        #[derive(Debug, Default)]
        pub(crate) struct Totals { $($name: AtomicU64),* }

        impl Totals {
            /// Adds a turn's counts.
            pub(crate) fn add(&self, counts: &Counts) {
                $(if counts.$name != 0 { self.$name.fetch_add(counts.$name, Ordering::Relaxed); })*
            }

            /// The sums now.
            pub(crate) fn read(&self) -> Counts {
                Counts { $($name: self.$name.load(Ordering::Relaxed)),* }
            }
        }
    };
}

counts! {
    #[doc = "Messages received from publishers."]
    received,
    #[doc = "Of these, messages whose publisher expects a confirm; raised by doors."]
    received_confirm,
    #[doc = "Messages confirmed; raised by doors."]
    confirmed,
    #[doc = "Messages that at least one queue took."]
    routed,
    #[doc = "Messages that no queue took and nobody got back."]
    unroutable_dropped,
    #[doc = "Messages that no queue took and the publisher got back; raised by doors."]
    unroutable_returned,
    #[doc = "Messages handed to consumers that settle."]
    delivered_manual,
    #[doc = "Messages handed to consumers that take without settling."]
    delivered_auto,
    #[doc = "Messages fetched one by one and to be settled."]
    get_manual,
    #[doc = "Messages fetched one by one for good."]
    get_auto,
    #[doc = "Fetches that found nothing."]
    get_empty,
    #[doc = "Messages handed over again."]
    redelivered,
    #[doc = "Deliveries accepted."]
    acknowledged,
    #[doc = "Connections that logged in; raised by doors."]
    connections_opened,
    #[doc = "Connections that ended; raised by doors."]
    connections_closed,
    #[doc = "Channels opened; raised by doors."]
    channels_opened,
    #[doc = "Channels closed; raised by doors."]
    channels_closed,
    #[doc = "Queues declared, found ones included."]
    queues_declared,
    #[doc = "Queues made."]
    queues_created,
    #[doc = "Queues deleted."]
    queues_deleted,
}
