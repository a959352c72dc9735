//! Who asks, and what they may see: Basic authentication (RFC 7617) and the tags of users.

use crate::error::Problem;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use narumq_broker::{AuthenticateError, Broker, OpenVhostError, User, Vhost};
use narumq_door::http::Request;

/// The user that a request comes from.
pub(crate) fn authenticate(request: &Request<'_>, broker: &Broker, loopback: bool) -> Result<User, Problem> {
    let header = request.header("authorization").ok_or(Problem::LoginMissing)?;
    let (name, password) = basic(header).ok_or(Problem::LoginFailed)?;
    let user = broker.authenticate(&name, &password, loopback).map_err(|error| match error {
        AuthenticateError::WrongCredentials(_) => Problem::LoginFailed,
        AuthenticateError::LoopbackOnly(_) => Problem::Refused("User can only log in via localhost".into()),
    })?;
    match level(&user) {
        None => Err(Problem::Refused("Not management user".into())),
        Some(_) => Ok(user),
    }
}

/// What a user's tags allow, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Its own vhosts and connections.
    Management,
    /// Everything may be seen.
    Monitoring,
    /// Everything may be done.
    Administrator,
}

/// What a user's tags allow, if anything here.
pub(crate) fn level(user: &User) -> Option<Level> {
    let of = |tag: &str| match tag {
        "administrator" => Some(Level::Administrator),
        "monitoring" => Some(Level::Monitoring),
        "management" | "policymaker" => Some(Level::Management),
        _ => None,
    };
    user.tags.iter().filter_map(|tag| of(tag)).max()
}

/// Refuses users below `wanted`.
pub(crate) fn require(user: &User, wanted: Level) -> Result<(), Problem> {
    let missing = match wanted {
        Level::Administrator => "Not administrator user",
        Level::Monitoring => "Not monitor user",
        Level::Management => "Not management user",
    };
    if level(user) >= Some(wanted) { Ok(()) } else { Err(Problem::Refused(missing.into())) }
}

/// The vhost of this name, if there is one and the user may enter it.
pub(crate) fn vhost(broker: &Broker, name: &str, user: &User) -> Result<Vhost, Problem> {
    broker.open_vhost(name, user).map_err(|error| match error {
        OpenVhostError::NoSuchVhost(_) => Problem::NotFound,
        OpenVhostError::VhostRefused(_) => Problem::Refused("User not authorised to access virtual host".into()),
    })
}

/// User and password of a Basic header; the scheme's case does not matter, the password may hold colons.
fn basic(header: &[u8]) -> Option<(String, Vec<u8>)> {
    let (scheme, rest) = header.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let mut name = STANDARD.decode(rest.trim_ascii()).ok()?;
    let colon = name.iter().position(|&b| b == b':')?;
    let password = name.split_off(colon + 1);
    name.pop();
    Some((String::from_utf8(name).ok()?, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_basic_header_is_split_at_the_first_colon() {
        assert_eq!(basic(b"Basic Z3Vlc3Q6Z3Vlc3Q="), Some(("guest".into(), b"guest".to_vec())));
        assert_eq!(basic(b"bASIC  YTpiOmM="), Some(("a".into(), b"b:c".to_vec())));
        assert_eq!(basic(b"Basic Og=="), Some((String::new(), Vec::new())));
        for bad in [&b"Basic"[..], b"", b"Bearer Z3Vlc3Q6Z3Vlc3Q=", b"Basic Z3Vlc3Q=", b"Basic !", b"Basic /zo="] {
            assert_eq!(basic(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }

    #[test]
    fn the_highest_tag_counts() {
        let user = |tags: &[&str]| User { name: "u".into(), tags: tags.iter().map(|&tag| tag.into()).collect() };
        assert_eq!(level(&user(&[])), None);
        assert_eq!(level(&user(&["other"])), None);
        assert_eq!(level(&user(&["management", "monitoring"])), Some(Level::Monitoring));
        assert!(require(&user(&["administrator"]), Level::Monitoring).is_ok());
        assert!(require(&user(&["management"]), Level::Monitoring).is_err());
    }
}
