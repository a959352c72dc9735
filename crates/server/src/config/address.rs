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

/// Where clients are told to go: a name or address of this machine as others know it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct HostPort {
    /// A name, or an address without brackets.
    pub(crate) host: String,
    /// The port; never 0.
    pub(crate) port: u16,
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "expected host:port as broker.example:9092, 192.0.2.7:9092 or [2001:db8::7]:9092".to_owned();
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(inner) => inner.parse::<Ipv6Addr>().map_err(|_| wrong())?.to_string(),
            None => host.to_owned(),
        };
        let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let is_host = host.parse::<Ipv6Addr>().is_ok() && text.starts_with('[') || host.bytes().all(named);
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        match port.parse() {
            Ok(port) if port > 0 && digits && is_host && (1..=255).contains(&host.len()) => Ok(Self { host, port }),
            _ => Err(wrong()),
        }
    }
}

impl TryFrom<String> for HostPort {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
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

    #[test]
    fn a_host_and_its_port_are_both_needed() {
        for (text, host, port) in [
            ("broker.example:9092", "broker.example", 9092),
            ("192.0.2.7:1", "192.0.2.7", 1),
            ("[2001:db8::7]:65535", "2001:db8::7", 65535),
            ("my_host-1:80", "my_host-1", 80),
        ] {
            assert_eq!(text.parse(), Ok(HostPort { host: host.into(), port }), "{text}");
        }
        let long = "h".repeat(256) + ":1";
        for wrong in ["", "host", ":9092", "host:", "host:0", "host:65536", "host:+1", "::1:9092", "[::1]", "[host]:1"]
        {
            assert!(wrong.parse::<HostPort>().is_err(), "{wrong:?}");
        }
        for wrong in ["PLAINTEXT://host:9092", "a b:1", "host:1:2", "[::1:1", &long] {
            assert!(wrong.parse::<HostPort>().unwrap_err().contains("broker.example:9092"), "{wrong:?}");
        }
    }
}
