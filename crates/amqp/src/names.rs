//! Names: those that clients send, checked, and those that are made up for them.

use crate::error::{Code, Refused};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// How the names begin that clients may not give.
pub(crate) const RESERVED: &str = "amq.";
/// The pseudo queue of direct replies, and how the names of the queues behind it begin.
pub(crate) const REPLY_TO: &str = "amq.rabbitmq.reply-to";

/// The name of an object: UTF-8, line ends taken out.
pub(crate) fn checked(name: &[u8]) -> Result<Cow<'_, str>, Refused> {
    let text = text(name)?;
    if text.contains(['\r', '\n']) { Ok(text.replace(['\r', '\n'], "").into()) } else { Ok(text.into()) }
}

/// A short string that must be UTF-8.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Refused> {
    std::str::from_utf8(bytes).map_err(|_| Refused::new(Code::SyntaxError, "a name is not UTF-8"))
}

/// Whether a queue stands behind a pseudo queue of direct replies.
pub fn is_reply_queue(name: &str) -> bool {
    name.strip_prefix(REPLY_TO).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Makes up names that no one can guess, out of the seed of the connection.
#[derive(Debug)]
pub(crate) struct Names {
    seed: u128,
    made: u64,
}

impl Names {
    pub(crate) fn new(seed: u128) -> Self {
        Self { seed, made: 0 }
    }

    /// A random id of form and version 4.
    pub(crate) fn uuid(&mut self) -> u128 {
        let bytes = self.hash("uuid");
        u128::from_be_bytes(bytes) & !(0xf000 << 64) & !(0xc0 << 56) | 0x4000 << 64 | 0x80 << 56
    }

    fn hash(&mut self, of: &str) -> [u8; 16] {
        self.made += 1;
        let hash = Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(self.made.to_be_bytes());
        let digest = hash.chain_update(of).finalize();
        digest.first_chunk().copied().unwrap_or_default()
    }

    /// `prefix` and 22 letters, digits, `-` or `_`: 128 bits of a hash, so that no name tells of another.
    pub(crate) fn make(&mut self, prefix: &str) -> String {
        let digest = self.hash(prefix);
        let mut name = String::with_capacity(prefix.len() + 22);
        name.push_str(prefix);
        let mut bits = 0u32;
        let mut held = 0;
        for byte in digest {
            bits = bits << 8 | u32::from(byte);
            held += 8;
            while held >= 6 {
                held -= 6;
                name.push(letter(bits >> held));
            }
        }
        name.push(letter(bits << (6 - held)));
        name
    }
}

/// A digit of base64 as URLs take it.
fn letter(bits: u32) -> char {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char::from(LETTERS[(bits & 63) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_names_have_their_form_and_differ() {
        let mut names = Names::new(7);
        let (first, second) = (names.make("amq.gen-"), names.make("amq.gen-"));
        assert_ne!(first, second);
        for name in [first, second] {
            let rest = name.strip_prefix("amq.gen-").unwrap();
            assert_eq!(rest.len(), 22);
            assert!(rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{rest}");
        }
    }

    #[test]
    fn line_ends_go_and_other_bytes_than_utf8_are_refused() {
        assert_eq!(checked(b"a\r\nb").unwrap(), "ab");
        assert_eq!(checked("나루".as_bytes()).unwrap(), "나루");
        assert_eq!(checked(b"\xFF").unwrap_err().code(), Code::SyntaxError);
    }

    #[test]
    fn reply_queues_are_known_by_name() {
        assert!(is_reply_queue("amq.rabbitmq.reply-to") && is_reply_queue("amq.rabbitmq.reply-to.abc"));
        assert!(!is_reply_queue("amq.rabbitmq.reply-tom") && !is_reply_queue("amq.rabbitmq"));
    }
}
