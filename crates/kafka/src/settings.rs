//! What this door offers its clients, and the settings of topics: names, defaults, what they mean to the core.

/// The address that clients are told to come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// What this door offers its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The only node's id.
    pub node_id: i32,
    /// The cluster's id.
    pub cluster_id: String,
    /// The vhost that its topics are in.
    pub vhost: String,
    /// Where clients are told to come to; `None` = the address that each one dialled.
    pub advertised: Option<Advertised>,
    /// Topics are created when clients ask for their metadata.
    pub auto_create: bool,
    /// Partitions of topics created without a number.
    pub partitions: u32,
    /// Largest request, in bytes.
    pub request_bytes_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            node_id: 1,
            cluster_id: "narumq".into(),
            vhost: "/".into(),
            advertised: None,
            auto_create: true,
            partitions: 1,
            request_bytes_max: crate::codec::FRAME_MAX,
        }
    }
}
