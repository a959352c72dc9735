//! A broker under load, reached by its Kafka door: where it listens, its process, its data.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

use super::client::Client;
use super::{answer, request};
use crate::connection::Peer;
use crate::error::{Error, Result};
use crate::meter::Meter;
use crate::procfs;
use crate::spawned::Banner;
use crate::{amqp, broker};

/// `HOST:PORT`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    host: String,
    port: u16,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Address, String> {
        let (host, port) = text.rsplit_once(':').ok_or("wanted is HOST:PORT")?;
        let port = port.parse().map_err(|_| format!("{port} is no port number"))?;
        Ok(Address { host: host.trim_start_matches('[').trim_end_matches(']').to_owned(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(formatter, "{open}{}{close}:{}", self.host, self.port)
    }
}

impl Address {
    /// The first address the host name resolves to.
    fn resolve(&self) -> Result<SocketAddr> {
        let host = if self.host.is_empty() { "127.0.0.1" } else { &self.host };
        let mut addresses = (host, self.port).to_socket_addrs().map_err(|error| Error::io(self, error))?;
        addresses.next().ok_or_else(|| Error::new(format!("{self} has no address")))
    }
}

/// A broker to be measured.
#[derive(Clone, Debug)]
pub(crate) struct Broker {
    pub(crate) address: SocketAddr,
    /// Its process, if known.
    pub(crate) pid: Option<u32>,
    /// Whether its process was started for this run alone.
    pub(crate) fresh: bool,
    /// Where it keeps its data, if known.
    pub(crate) data: Option<PathBuf>,
    /// The same broker's AMQP door, if it has one.
    pub(crate) amqp: Option<broker::Broker>,
    /// What it is, if that was told.
    product: Option<Peer>,
}

impl Broker {
    /// Resolves the host and, if no process was told, looks who listens on the port.
    pub(crate) fn find(address: &Address, pid: Option<u32>, product: Option<&str>) -> Result<Broker> {
        let address = address.resolve()?;
        let product = product.map(|name| {
            let (product, version) = name.rsplit_once(' ').unwrap_or((name, ""));
            Peer { product: product.to_owned(), version: version.to_owned() }
        });
        let pid = pid.or_else(|| procfs::listener(address));
        Ok(Broker { address, pid, fresh: false, data: None, amqp: None, product })
    }

    /// The spawned broker, once it has answered on this door.
    pub(crate) fn serving(banner: &Banner, pid: u32) -> Result<Broker> {
        let address = banner.address("kafka")?.parse().map_err(Error::new)?;
        let broker = Broker::find(&address, Some(pid), None)?;
        let broker = Broker {
            fresh: true,
            data: Some(banner.data.clone()),
            amqp: Some(amqp::spawned_at(banner, pid)?),
            product: Some(banner.peer.clone()),
            ..broker
        };
        // Ready is who answers, not who says so.
        broker.connect()?.call(request::metadata(&[]), answer::metadata)?;
        Ok(broker)
    }

    /// Opens a connection.
    pub(crate) fn connect(&self) -> Result<Client> {
        Client::open(self.address)
    }

    /// What it is: as was told, or what little it says.
    pub(crate) fn peer(&self, client: &Client) -> Peer {
        self.product.clone().unwrap_or_else(|| Peer {
            product: "kafka".to_owned(),
            version: client.versions.metadata_version.map_or(String::new(), |level| format!("metadata {level}")),
        })
    }

    /// Watches the process; an error if it was told but is not there.
    pub(crate) fn meter(&self) -> Result<Option<Meter>> {
        let Some(pid) = self.pid else { return Ok(None) };
        Meter::start(pid).map(Some).ok_or_else(|| Error::new(format!("there is no process {pid}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port() {
        for (text, host, port) in [("h:1", "h", 1), ("[::1]:9092", "::1", 9092), (":5", "", 5)] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.host.as_str(), address.port, address.to_string()), (host, port, text.to_owned()));
        }
        let address: Address = "[::1]:9092".parse().unwrap();
        assert_eq!(address.resolve().unwrap(), "[::1]:9092".parse().unwrap());
        for text in ["h", "h:", "h:x", "h:70000"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
