//! Parses `amqp://user:password@host:port/vhost`.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use crate::error::{Error, Result};

/// Where a broker listens and who logs in. Printed without the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Uri {
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) vhost: String,
}

impl Uri {
    /// The first address the host name resolves to.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let mut addresses = (host, self.port).to_socket_addrs().map_err(|error| Error::io(&self.host, error))?;
        addresses.next().ok_or_else(|| Error::new(format!("{} has no address", self.host)))
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)?;
        if self.vhost != "/" {
            write!(formatter, "/{}", self.vhost)?;
        }
        Ok(())
    }
}

impl FromStr for Uri {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Uri, String> {
        let rest = match text.split_once("://") {
            Some(("amqp", rest)) => rest,
            Some((scheme, _)) => return Err(format!("the scheme is amqp, not {scheme}")),
            None => return Err("wanted is amqp://user:password@host:port/vhost".to_owned()),
        };
        let rest = rest.split('?').next().unwrap_or_default();
        let (authority, vhost) = match rest.split_once('/') {
            Some((authority, "")) => (authority, "/".to_owned()),
            Some((authority, vhost)) => (authority, decode(vhost)?),
            None => (rest, "/".to_owned()),
        };
        let (login, place) = authority.rsplit_once('@').unwrap_or(("guest:guest", authority));
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| format!("{port} is no port number"))?)
            }
            _ => (place, 5672),
        };
        let host = if host.is_empty() { "127.0.0.1" } else { host }.to_owned();
        let uri = Uri { user: decode(user)?, password: decode(password)?, host, port, vhost };
        if uri.vhost.len() > 255 {
            return Err("a virtual host's name is at most 255 bytes".to_owned());
        }
        Ok(uri)
    }
}

/// Resolves `%xx`.
fn decode(text: &str) -> std::result::Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first != b'%' {
            bytes.push(first);
            rest = tail;
            continue;
        }
        let digits = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(value.ok_or_else(|| format!("a % without two hex digits in {text}"))?);
        rest = &tail[2..];
    }
    String::from_utf8(bytes).map_err(|_| format!("{text} is no UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn parts_have_their_usual_defaults() {
        let full = parse("amqp://me:p%40ss@broker.example:5699/%2f");
        assert_eq!((full.user.as_str(), full.password.as_str()), ("me", "p@ss"));
        assert_eq!((full.host.as_str(), full.port, full.vhost.as_str()), ("broker.example", 5699, "/"));
        let short = parse("amqp://localhost");
        assert_eq!((short.user.as_str(), short.port, short.vhost.as_str()), ("guest", 5672, "/"));
        assert_eq!(parse("amqp://a@[::1]:5673/one?heartbeat=5").vhost, "one");
        assert_eq!(parse("amqp://[::1]").address().unwrap(), "[::1]:5672".parse().unwrap());
        assert_eq!(parse("amqp://u:secret@h:1/v").to_string(), "h:1/v");
    }

    #[test]
    fn what_is_no_amqp_uri_is_refused() {
        for text in ["", "localhost:5672", "amqps://h", "http://h", "amqp://h:70000", "amqp://h/%2", "amqp://h/%zz"] {
            assert!(text.parse::<Uri>().is_err(), "{text}");
        }
    }
}
