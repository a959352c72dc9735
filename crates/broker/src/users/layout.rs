//! One user as bytes of the catalog. Every user has exactly one encoding.
//!
//! ```text
//!  0        1        2        3        3+n      4+n      4+n+h    5+n+h
//!  +--------+--------+--------+--------+--------+--------+--------+--------+--------+----
//!  | layout | flags  | n      | name   | h      | hash   | t      | m      | tag    | ...
//!  | = 1    |        | 1..255 |        | 0 | 36 |        | 0..255 | 1..255 |        | t times
//!  +--------+--------+--------+--------+--------+--------+--------+--------+--------+----
//!  flags: bit 0 = loopback only; the others are 0. Names and tags are UTF-8. h = 0: no password.
//! ```
//!
//! Layout 2 is the same with the 212 bytes of the SCRAM keys (see `scram`) behind the tags; h is 36. A user without such
//! keys has layout 1.

use super::credentials::{Credentials, HASH_BYTES, PasswordHash};
use super::scram::{SCRAM_BYTES, ScramKeys};
use super::{Account, TAGS_MAX};
use narumq_model::{Name, limits::NAME_BYTES_MAX};

const LAYOUT: u8 = 1;
const LAYOUT_WITH_SCRAM: u8 = 2;
const LOOPBACK_ONLY: u8 = 1;
const _: () = assert!(NAME_BYTES_MAX <= 255 && TAGS_MAX <= 255 && HASH_BYTES <= 255, "lengths are one byte each");

/// Why bytes are no user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DecodeUserError {
    /// They end too early.
    Truncated,
    /// This many bytes follow the user.
    Trailing(usize),
    /// This layout is not known.
    Layout(u8),
    /// These flags are not known.
    Flags(u8),
    /// A name or tag is empty.
    Empty,
    /// A name or tag is not UTF-8.
    Text,
    /// The hash is of a length that no hash has.
    HashLength(u8),
}

impl Account {
    /// Appends the user's bytes.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let layout = if self.scram().is_some() { LAYOUT_WITH_SCRAM } else { LAYOUT };
        out.extend([layout, u8::from(self.loopback_only) * LOOPBACK_ONLY]);
        put(out, self.name.as_bytes());
        put(out, self.hash().map_or(&[], |hash| &hash[..]));
        out.push(self.tags.len() as u8); // at most TAGS_MAX
        self.tags.iter().for_each(|tag| put(out, tag.as_bytes()));
        out.extend(self.scram().iter().flat_map(|keys| keys.to_bytes()));
    }

    /// Reads a user that takes up all of `bytes`.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, DecodeUserError> {
        let mut rest = bytes;
        let with_scram = match byte(&mut rest)? {
            LAYOUT => false,
            LAYOUT_WITH_SCRAM => true,
            other => return Err(DecodeUserError::Layout(other)),
        };
        let loopback_only = match byte(&mut rest)? {
            flags if flags & !LOOPBACK_ONLY == 0 => flags == LOOPBACK_ONLY,
            flags => return Err(DecodeUserError::Flags(flags)),
        };
        let name = text(&mut rest)?;
        let hash = match counted(&mut rest)? {
            [] if with_scram => return Err(DecodeUserError::HashLength(0)),
            [] => None,
            hash => match hash.try_into() {
                Ok(hash) => Some(PasswordHash(hash)),
                Err(_) => return Err(DecodeUserError::HashLength(hash.len() as u8)), // its count was one byte
            },
        };
        let count = usize::from(byte(&mut rest)?);
        // A tag takes two bytes at least: nothing is set aside for more than there can be.
        if count > rest.len() / 2 {
            return Err(DecodeUserError::Truncated);
        }
        let tags = (0..count).map(|_| text(&mut rest)).collect::<Result<_, _>>()?;
        let scram = if with_scram {
            let (keys, behind) = rest.split_first_chunk::<SCRAM_BYTES>().ok_or(DecodeUserError::Truncated)?;
            rest = behind;
            Some(ScramKeys::from_bytes(keys))
        } else {
            None
        };
        let credentials = hash.map(|hash| Credentials { hash, scram });
        match rest.len() {
            0 => Ok(Self { name, tags, loopback_only, credentials }),
            more => Err(DecodeUserError::Trailing(more)),
        }
    }
}

/// Appends a length of one byte and the bytes, at most 255, as names, tags and hashes are.
fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    debug_assert!(bytes.len() <= 255);
    out.push(bytes.len() as u8);
    out.extend(bytes);
}

fn byte(rest: &mut &[u8]) -> Result<u8, DecodeUserError> {
    let (&first, behind) = rest.split_first().ok_or(DecodeUserError::Truncated)?;
    *rest = behind;
    Ok(first)
}

fn counted<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], DecodeUserError> {
    let count = usize::from(byte(rest)?);
    let (bytes, behind) = rest.split_at_checked(count).ok_or(DecodeUserError::Truncated)?;
    *rest = behind;
    Ok(bytes)
}

fn text(rest: &mut &[u8]) -> Result<Name, DecodeUserError> {
    match std::str::from_utf8(counted(rest)?) {
        Ok("") => Err(DecodeUserError::Empty),
        Ok(text) => Ok(text.into()),
        Err(_) => Err(DecodeUserError::Text),
    }
}
