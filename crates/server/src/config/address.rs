//! Where a door listens, as people write it.

use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// One address to listen at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Where.
    pub(crate) socket: SocketAddr,
    /// It is left out where this machine has no such address.
    pub(crate) optional: bool,
}

/// One value of a door's option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub(crate) enum Listening {
    /// Nowhere.
    Off,
    /// At exactly this address.
    At(SocketAddr),
    /// At this port, for this machine only.
    ThisMachine(u16),
}

impl Listening {
    /// At this port of 127.0.0.1 and, where there is one, ::1.
    pub(crate) fn this_machine(port: u16) -> Self {
        Self::ThisMachine(port)
    }

    /// The addresses it stands for.
    pub(crate) fn addresses(&self) -> Vec<Address> {
        let loopback = |ip: IpAddr, port| SocketAddr::new(ip, port);
        match *self {
            Self::Off => Vec::new(),
            Self::At(socket) => vec![Address { socket, optional: false }],
            Self::ThisMachine(port) => {
                let mut both = vec![Address { socket: loopback(Ipv4Addr::LOCALHOST.into(), port), optional: false }];
                // A port that the system chooses would be another one for each family.
                if port != 0 {
                    both.push(Address { socket: loopback(Ipv6Addr::LOCALHOST.into(), port), optional: true });
                }
                both
            }
        }
    }
}

impl FromStr for Listening {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self::Off);
        }
        if let Ok(socket) = text.parse() {
            return Ok(Self::At(socket));
        }
        let port = text.strip_prefix("localhost").unwrap_or(text);
        let port = port.strip_prefix(':').unwrap_or(port);
        // `parse` takes a sign; a port has none.
        if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) {
            return port.parse().map(Self::ThisMachine).map_err(|_| format!("there is no port {port}"));
        }
        Err("expected ip:port as 127.0.0.1:5672 or [::1]:5672, a port as 5672 or :5672, or \"off\"".into())
    }
}

/// A file may also name a port as a number.
#[derive(Deserialize)]
#[serde(untagged, expecting = "an address (\"127.0.0.1:5672\" or a port) or \"off\"")]
enum Written {
    Port(u16),
    Text(String),
}

impl TryFrom<Written> for Listening {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written::Port(port) => Ok(Self::ThisMachine(port)),
            Written::Text(text) => text.parse(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sockets(text: &str) -> Vec<String> {
        let listening: Listening = text.parse().unwrap();
        listening.addresses().iter().map(|a| format!("{}{}", a.socket, if a.optional { "?" } else { "" })).collect()
    }

    #[test]
    fn every_way_to_write_an_address() {
        assert_eq!(sockets("0.0.0.0:1"), ["0.0.0.0:1"]);
        assert_eq!(sockets("[::]:65535"), ["[::]:65535"]);
        for this_machine in ["5672", ":5672", "localhost:5672"] {
            assert_eq!(sockets(this_machine), ["127.0.0.1:5672", "[::1]:5672?"]);
        }
        assert_eq!(sockets("0"), ["127.0.0.1:0"]);
        assert!(sockets("off").is_empty());
    }

    #[test]
    fn what_is_no_address_is_refused_with_an_example() {
        for wrong in ["", ":", "65536", "+1", "host:1", "127.0.0.1", "::1:5672:", "Off", "5672 ", "localhost"] {
            assert!(wrong.parse::<Listening>().is_err(), "{wrong:?}");
        }
        assert!("host:1".parse::<Listening>().unwrap_err().contains("127.0.0.1:5672"));
    }
}
