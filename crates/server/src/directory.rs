//! What the management door is told: connections, consumers and counters by the broker, the rest by the system.

use crate::system;
use narumq_admin::{ChannelListing, ConnectionListing, ConsumerListing, Directory, Process, Totals};
use narumq_broker::Broker;
use std::sync::{Arc, OnceLock};

/// The broker, from the moment it is open.
pub(crate) type Opened = Arc<OnceLock<Arc<Broker>>>;

/// The directory of this process.
pub(crate) struct ProcessDirectory {
    pub(crate) broker: Opened,
    pub(crate) memory_limit: u64,
    pub(crate) disk_limit: u64,
    pub(crate) data: std::path::PathBuf,
}

impl ProcessDirectory {
    fn broker(&self) -> Option<&Arc<Broker>> {
        self.broker.get()
    }
}

impl Directory for ProcessDirectory {
    fn connections(&self) -> Vec<ConnectionListing> {
        self.broker().map_or_else(Vec::new, |b| b.connections().into_iter().map(connection).collect())
    }

    fn consumers(&self) -> Vec<ConsumerListing> {
        let Some(broker) = self.broker() else { return Vec::new() };
        let mut listings = Vec::new();
        for vhost in broker.vhosts() {
            for queue in broker.queues(&vhost) {
                listings.extend(broker.consumers(&queue).into_iter().map(|(spec, active)| ConsumerListing {
                    session: spec.session,
                    channel: spec.channel,
                    queue: queue.id(),
                    tag: String::from_utf8_lossy(&spec.tag).into_owned(),
                    ack_required: !spec.takes,
                    exclusive: spec.exclusive,
                    active,
                    prefetch: spec.prefetch,
                    arguments: spec.arguments,
                }));
            }
        }
        listings
    }

    fn totals(&self) -> Totals {
        let counts = self.broker().map(|b| b.counts_since_start()).unwrap_or_default();
        let (received_bytes, sent_bytes) = self.broker().map(|b| b.traffic()).unwrap_or_default();
        Totals {
            received: counts.received,
            received_confirm: counts.received_confirm,
            confirmed: counts.confirmed,
            routed: counts.routed,
            unroutable_dropped: counts.unroutable_dropped,
            unroutable_returned: counts.unroutable_returned,
            delivered_manual: counts.delivered_manual,
            delivered_auto: counts.delivered_auto,
            get_manual: counts.get_manual,
            get_auto: counts.get_auto,
            get_empty: counts.get_empty,
            redelivered: counts.redelivered,
            acknowledged: counts.acknowledged,
            connections_opened: counts.connections_opened,
            connections_closed: counts.connections_closed,
            received_bytes,
            sent_bytes,
            channels_opened: counts.channels_opened,
            channels_closed: counts.channels_closed,
            queues_declared: counts.queues_declared,
            queues_created: counts.queues_created,
            queues_deleted: counts.queues_deleted,
        }
    }

    fn process(&self) -> Process {
        Process {
            pid: std::process::id(),
            open_fds: system::open_files(),
            max_fds: system::open_files_max(),
            resident_bytes: system::resident_bytes(),
            resident_limit_bytes: Some(self.memory_limit),
            disk_free_bytes: system::free_bytes(&self.data),
            disk_limit_bytes: Some(self.disk_limit),
        }
    }
}

fn connection(listing: narumq_broker::ConnectionListing) -> ConnectionListing {
    let channels = listing.channels.iter().map(|c| ChannelListing {
        number: c.number,
        confirm: c.confirm,
        transactional: c.transactional,
        consumers: c.consumers,
        unacknowledged: c.unsettled,
        unconfirmed: c.unconfirmed,
        prefetch: c.prefetch,
        global_prefetch: c.global_prefetch,
        ..ChannelListing::default()
    });
    ConnectionListing {
        channels: channels.collect(),
        session: listing.session,
        user: listing.user,
        vhost: listing.vhost,
        peer: listing.peer,
        local: listing.local,
        tls: listing.tls,
        protocol: listing.protocol,
        state: listing.state,
        auth_mechanism: listing.mechanism.to_owned(),
        connected_at: listing.connected_at,
        timeout_seconds: listing.heartbeat_seconds,
        frame_max: listing.frame_max,
        channel_max: listing.channel_max,
        client_properties: listing.client_properties,
        received_bytes: listing.traffic.received(),
        sent_bytes: listing.traffic.sent(),
    }
}
