//! What listings show of a connection and its channels.

use crate::channel::Channel;
use crate::confirms::Confirms;
use crate::limits::UNLIMITED;
use crate::session::AmqpSession;
use narumq_broker::{ChannelListing, ConnectionListing};
use narumq_door::Context;
use narumq_model::Headers;

/// What the handshake told of a connection.
#[derive(Debug, Default)]
pub(crate) struct Introduction {
    pub(crate) client_properties: Headers,
    pub(crate) mechanism: &'static str,
    pub(crate) heartbeat_seconds: u32,
}

impl AmqpSession {
    /// The connection is open: it is listed from now on.
    pub(crate) fn enlist(&mut self, cx: &mut Context<'_>) {
        let Some(link) = &self.link else { return };
        let Introduction { client_properties, mechanism, heartbeat_seconds } = std::mem::take(&mut self.listing);
        cx.turn.counts.connections_opened += 1;
        cx.broker.register(ConnectionListing {
            session: self.id,
            user: link.user.clone(),
            vhost: link.vhost_name().clone(),
            peer: self.info.peer,
            local: self.info.local,
            tls: self.info.tls,
            protocol: "AMQP 0-9-1",
            state: "running",
            mechanism,
            connected_at: cx.turn.now,
            heartbeat_seconds,
            frame_max: self.frame_max,
            channel_max: self.channel_max.into(),
            client_properties,
            traffic: self.info.traffic.clone(),
            channels: Vec::new(),
        });
    }

    /// Brings the listing up to date, if something it shows has changed.
    pub(crate) fn list_changes(&mut self, cx: &mut Context<'_>) {
        let Some(link) = self.link.as_mut().filter(|link| link.changed) else { return };
        link.changed = false;
        let mut channels: Vec<ChannelListing> =
            self.channels.iter().filter(|channel| !channel.closing).map(listed).collect();
        channels.sort_unstable_by_key(|channel| channel.number);
        let state = if link.brake.is_blocked() { "blocked" } else { "running" };
        cx.broker.update_listing(self.id, |listing| {
            listing.state = state;
            listing.channels = channels;
        });
    }
}

fn listed(channel: &Channel) -> ChannelListing {
    let shared = if channel.shared_limit == UNLIMITED { 0 } else { channel.shared_limit };
    ChannelListing {
        number: channel.number,
        confirm: channel.confirms.is_some(),
        transactional: channel.transaction.is_some(),
        consumers: channel.consumers.len() as u32,
        unsettled: channel.unsettled.len() as u64,
        unconfirmed: channel.confirms.as_ref().map_or(0, Confirms::open),
        prefetch: channel.prefetch.into(),
        global_prefetch: shared as u32,
    }
}
