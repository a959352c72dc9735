//! What this door offers its clients; below it, the settings of topics and of the broker as clients see them.

pub(crate) mod broker;
pub(crate) mod plan;
pub(crate) mod shown;
mod stream;
pub(crate) mod topic;
pub(crate) mod value;

pub use stream::stream_settings;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The address that clients are told to come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// Who has to log in. Whoever wants to may, unless it is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sasl {
    /// Nobody, and nobody can.
    Off,
    /// Nobody.
    Optional,
    /// Who comes from another machine.
    #[default]
    RequiredFromAfar,
    /// Everybody.
    Required,
}

/// What this door offers its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The only node's id.
    pub node_id: i32,
    /// The cluster's id: 22 characters that clients remember; the same after each start.
    pub cluster_id: String,
    /// Where the log lies, as clients that ask for sizes are told.
    pub log_dir: String,
    /// Where clients are told to come to; `None` = the address that each one dialled.
    pub advertised: Option<Advertised>,
    /// Who has to log in.
    pub sasl: Sasl,
    /// Topics are created when clients ask for their metadata.
    pub auto_create: bool,
    /// Topics that are to have more than one replica are refused, instead of created with one.
    pub strict_replication: bool,
    /// Partitions of topics created without a number.
    pub partitions: u32,
    /// Largest request, in bytes.
    pub request_bytes_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            node_id: 1,
            cluster_id: cluster_id(0x6e61_7275_6d71_2d63_6c75_7374_6572_2d31),
            log_dir: "log".into(),
            advertised: None,
            sasl: Sasl::default(),
            auto_create: true,
            strict_replication: false,
            partitions: 1,
            request_bytes_max: crate::codec::FRAME_MAX,
        }
    }
}

/// An identity as the id of a cluster: base64 in the alphabet for addresses, without padding, 22 characters.
pub fn cluster_id(identity: u128) -> String {
    URL_SAFE_NO_PAD.encode(identity.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::cluster_id;

    #[test]
    fn a_cluster_id_is_the_base64_of_16_bytes() {
        assert_eq!(cluster_id(u128::from_be_bytes(*b"narumq-cluster-1")), "bmFydW1xLWNsdXN0ZXItMQ");
        assert_eq!(cluster_id(u128::MAX), "_____________________w");
        assert_eq!(cluster_id(0), "A".repeat(22));
    }
}
