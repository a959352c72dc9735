//! What is kept of a password: a salted hash that checks it, and keys that check a proof of it.
//!
//! ```text
//!  0            4                                      36
//!  +------------+--------------------------------------+
//!  | salt       | SHA-256(salt ++ password)            |
//!  +------------+--------------------------------------+
//! ```

use super::guest::GUEST_KEYS;
use super::scram::{SCRAM_SALT_BYTES, ScramKeys};
use sha2::{Digest, Sha256};
use std::hint::black_box;

/// Bytes of the salt of a password's hash.
pub(crate) const SALT_BYTES: usize = 4;
/// Bytes of a password's salted hash, the salt included.
pub(crate) const HASH_BYTES: usize = SALT_BYTES + 32;

/// What is kept of a password.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Credentials {
    /// Checks the password.
    pub(super) hash: PasswordHash,
    /// Check a proof of it. `None`: only the hash is known, and no keys can be made from that.
    pub(super) scram: Option<ScramKeys>,
}

impl Credentials {
    /// What is kept of a new password: some milliseconds of work. The empty password is none.
    pub(crate) fn of(password: &[u8], salt: [u8; SCRAM_SALT_BYTES]) -> Option<Self> {
        let [a, b, c, d, ..] = salt;
        let hash = PasswordHash::of([a, b, c, d], password);
        (!password.is_empty()).then(|| Self { hash, scram: Some(ScramKeys::derive(password, salt)) })
    }

    /// Those of the user that everybody knows.
    pub(super) fn of_guest(salt: [u8; SALT_BYTES]) -> Self {
        Self { hash: PasswordHash::of(salt, b"guest"), scram: Some(GUEST_KEYS) }
    }
}

/// A salted hash. Its bytes are kept out of every log line.
#[derive(Clone, Copy)]
pub(super) struct PasswordHash(pub(super) [u8; HASH_BYTES]);

impl PasswordHash {
    pub(super) fn of(salt: [u8; SALT_BYTES], password: &[u8]) -> Self {
        let digest = Sha256::new().chain_update(salt).chain_update(password).finalize();
        let mut hash = [0; HASH_BYTES];
        hash[..SALT_BYTES].copy_from_slice(&salt);
        hash[SALT_BYTES..].copy_from_slice(&digest);
        Self(hash)
    }

    pub(super) fn salt(&self) -> [u8; SALT_BYTES] {
        let [a, b, c, d, ..] = self.0;
        [a, b, c, d]
    }

    pub(super) fn equals(&self, other: &Self) -> bool {
        same_bytes(&self.0, &other.0)
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// Whether they are the same. It takes the same time wherever the first difference is, so that the time tells nothing of
/// a secret.
pub(super) fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    let pairs = a.iter().zip(b);
    a.len() == b.len() && black_box(pairs.fold(0, |difference, (a, b)| black_box(difference | (a ^ b)))) == 0
}
