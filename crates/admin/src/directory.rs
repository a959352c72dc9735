//! What the door must be told by others: the process knows connections and counters, a protocol its properties.

use core::net::{IpAddr, SocketAddr};
use narumq_model::{FormatId, Headers, Message, Name, ObjectId, SessionId, Time};

/// What the process knows beyond the broker's own listings. Every call is a snapshot.
pub trait Directory: Send + Sync {
    /// All connections of all doors with their channels.
    fn connections(&self) -> Vec<ConnectionListing>;
    /// All consumers.
    fn consumers(&self) -> Vec<ConsumerListing>;
    /// Counters since the start.
    fn totals(&self) -> Totals;
    /// The process itself.
    fn process(&self) -> Process;
}

/// How one format's message properties are read and written. The names are those of the API: `content_type`,
/// `content_encoding`, `headers` (a table), `delivery_mode`, `priority`, `correlation_id`, `reply_to`, `expiration`,
/// `message_id`, `timestamp`, `type`, `user_id`, `app_id`, `cluster_id`.
pub trait Properties: Send + Sync {
    /// The format.
    fn format(&self) -> FormatId;
    /// The properties of a message of this format as a consumer would be told them.
    fn read(&self, message: &Message) -> Result<Headers, String>;
    /// The property bytes that hold these properties; an error says in words what cannot be written.
    fn write(&self, properties: &Headers) -> Result<Vec<u8>, String>;
}

/// A connection.
#[derive(Clone, Debug)]
pub struct ConnectionListing {
    /// Its session.
    pub session: SessionId,
    /// Who logged in.
    pub user: Name,
    /// The vhost it entered.
    pub vhost: Name,
    /// The other end.
    pub peer: SocketAddr,
    /// This end.
    pub local: SocketAddr,
    /// Whether it is encrypted.
    pub tls: bool,
    /// The protocol as shown, such as `AMQP 0-9-1`.
    pub protocol: &'static str,
    /// `running`, `blocked`, `blocking` and the like.
    pub state: &'static str,
    /// How it logged in.
    pub auth_mechanism: String,
    /// When it opened.
    pub connected_at: Time,
    /// Heartbeat interval in seconds.
    pub timeout_seconds: u32,
    /// Largest frame in bytes.
    pub frame_max: u32,
    /// Channels at most.
    pub channel_max: u32,
    /// What the client said of itself.
    pub client_properties: Headers,
    /// Bytes received.
    pub received_bytes: u64,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Its channels.
    pub channels: Vec<ChannelListing>,
}

impl ConnectionListing {
    /// The name by which tools know it.
    pub fn name(&self) -> String {
        format!("{} -> {}", self.peer, self.local)
    }
}

/// A channel of a connection.
#[derive(Clone, Debug, Default)]
pub struct ChannelListing {
    /// Its number.
    pub number: u16,
    /// Whether publishes are confirmed.
    pub confirm: bool,
    /// Whether it is transactional.
    pub transactional: bool,
    /// Consumers.
    pub consumers: u32,
    /// Deliveries not yet settled.
    pub unacknowledged: u64,
    /// Publishes not yet confirmed.
    pub unconfirmed: u64,
    /// Publishes of the open transaction.
    pub uncommitted: u64,
    /// Settlements of the open transaction.
    pub uncommitted_acks: u64,
    /// Prefetch of each new consumer.
    pub prefetch: u32,
    /// Prefetch of the whole channel.
    pub global_prefetch: u32,
}

/// A consumer.
#[derive(Clone, Debug)]
pub struct ConsumerListing {
    /// The session that it belongs to.
    pub session: SessionId,
    /// The channel of that session, 0 if the protocol has none.
    pub channel: u16,
    /// The queue it takes from.
    pub queue: ObjectId,
    /// Its tag.
    pub tag: String,
    /// Whether it settles what it gets.
    pub ack_required: bool,
    /// Whether it has the queue for itself.
    pub exclusive: bool,
    /// Whether it is served now (false: it waits for another to go).
    pub active: bool,
    /// Its prefetch, 0 = unlimited.
    pub prefetch: u32,
    /// Arguments as sent.
    pub arguments: Headers,
}

/// Where a door listens.
#[derive(Clone, Debug)]
pub struct Listener {
    /// The protocol's name.
    pub protocol: String,
    /// The address.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
}

macro_rules! totals {
    ($(#[doc = $doc:literal] $name:ident = $metric:literal),* $(,)?) => {
        /// Counters since the start.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Totals { $(#[doc = $doc] pub $name: u64),* }
        impl Totals {
            /// Each counter with the name of its metric and its description.
            pub(crate) fn metrics(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![$(($metric, $doc, self.$name)),*]
            }
        }
    };
}

totals! {
    #[doc = "Messages received from publishers."]
    received = "rabbitmq_global_messages_received_total",
    #[doc = "Messages received from publishers that expect confirms."]
    received_confirm = "rabbitmq_global_messages_received_confirm_total",
    #[doc = "Messages confirmed to publishers."]
    confirmed = "rabbitmq_global_messages_confirmed_total",
    #[doc = "Messages routed to at least one queue."]
    routed = "rabbitmq_global_messages_routed_total",
    #[doc = "Messages dropped because no queue took them."]
    unroutable_dropped = "rabbitmq_global_messages_unroutable_dropped_total",
    #[doc = "Messages returned to the publisher because no queue took them."]
    unroutable_returned = "rabbitmq_global_messages_unroutable_returned_total",
    #[doc = "Messages delivered to consumers that acknowledge."]
    delivered_manual = "rabbitmq_global_messages_delivered_consume_manual_ack_total",
    #[doc = "Messages delivered to consumers that do not acknowledge."]
    delivered_auto = "rabbitmq_global_messages_delivered_consume_auto_ack_total",
    #[doc = "Messages fetched one by one and to be acknowledged."]
    get_manual = "rabbitmq_global_messages_delivered_get_manual_ack_total",
    #[doc = "Messages fetched one by one and not to be acknowledged."]
    get_auto = "rabbitmq_global_messages_delivered_get_auto_ack_total",
    #[doc = "Fetches that found nothing."]
    get_empty = "rabbitmq_global_messages_get_empty_total",
    #[doc = "Messages delivered again."]
    redelivered = "rabbitmq_global_messages_redelivered_total",
    #[doc = "Messages acknowledged."]
    acknowledged = "rabbitmq_global_messages_acknowledged_total",
    #[doc = "Connections opened."]
    connections_opened = "rabbitmq_connections_opened_total",
    #[doc = "Connections closed."]
    connections_closed = "rabbitmq_connections_closed_total",
    #[doc = "Bytes received from clients that have logged in."]
    received_bytes = "rabbitmq_connection_incoming_bytes_total",
    #[doc = "Bytes sent to clients that have logged in."]
    sent_bytes = "rabbitmq_connection_outgoing_bytes_total",
    #[doc = "Channels opened."]
    channels_opened = "rabbitmq_channels_opened_total",
    #[doc = "Channels closed."]
    channels_closed = "rabbitmq_channels_closed_total",
    #[doc = "Queues declared, found ones included."]
    queues_declared = "rabbitmq_queues_declared_total",
    #[doc = "Queues created."]
    queues_created = "rabbitmq_queues_created_total",
    #[doc = "Queues deleted."]
    queues_deleted = "rabbitmq_queues_deleted_total",
}

/// The process; `None` where the system does not tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process {
    /// Its process id.
    pub pid: u32,
    /// Open file descriptors.
    pub open_fds: Option<u64>,
    /// File descriptors at most.
    pub max_fds: Option<u64>,
    /// Resident memory in bytes.
    pub resident_bytes: Option<u64>,
    /// Memory at which publishers must wait, in bytes.
    pub resident_limit_bytes: Option<u64>,
    /// Free space where the data lies, in bytes.
    pub disk_free_bytes: Option<u64>,
    /// Free space below which publishers must wait, in bytes.
    pub disk_limit_bytes: Option<u64>,
}
