//! What a password leaves for SCRAM (RFC 5802, RFC 7677): keys that check a proof without the password.
//!
//! ```text
//!  0            16           20              52              84              148             212
//!  +------------+------------+---------------+---------------+---------------+---------------+
//!  | salt       | iterations | StoredKey     | ServerKey     | StoredKey     | ServerKey     |
//!  |            | big endian | SHA-256                       | SHA-512                       |
//!  +------------+------------+---------------+---------------+---------------+---------------+
//!  SaltedPassword = PBKDF2(password, salt, iterations)
//!  StoredKey      = H(HMAC(SaltedPassword, "Client Key"))
//!  ServerKey      = HMAC(SaltedPassword, "Server Key")
//! ```

use super::credentials::same_bytes;
use hmac::digest::Output;
use hmac::{EagerHash, Hmac, KeyInit, Mac};
use pbkdf2::pbkdf2_hmac;
use sha2::{Digest, Sha256, Sha512};

/// Bytes of the salt.
pub(super) const SCRAM_SALT_BYTES: usize = 16;
/// Bytes of the keys as they are kept.
pub(super) const SCRAM_BYTES: usize = SCRAM_SALT_BYTES + 4 + 2 * (32 + 64);
/// How often the password is hashed: what RFC 7677 asks for at least.
pub(super) const ITERATIONS: u32 = 4096;

/// The hash function of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScramHash {
    /// SCRAM-SHA-256.
    Sha256,
    /// SCRAM-SHA-512.
    Sha512,
}

/// The keys of one user, for both hash functions. They are kept out of every log line.
#[derive(Clone, Copy)]
pub struct ScramKeys {
    salt: [u8; SCRAM_SALT_BYTES],
    iterations: u32,
    sha256: Pair<32>,
    sha512: Pair<64>,
}

/// The keys for one hash function.
#[derive(Clone, Copy)]
struct Pair<const N: usize> {
    stored: [u8; N],
    server: [u8; N],
}

impl ScramKeys {
    /// Makes the keys of a password: some milliseconds of work. The salt is 16 random bytes.
    pub fn derive(password: &[u8], salt: [u8; 16]) -> Self {
        let (mut short, mut long) = ([0; 32], [0; 64]);
        pbkdf2_hmac::<Sha256>(password, &salt, ITERATIONS, &mut short);
        pbkdf2_hmac::<Sha512>(password, &salt, ITERATIONS, &mut long);
        let sha256 = Pair {
            stored: Sha256::digest(sign::<Sha256>(&short, CLIENT_KEY)).into(),
            server: sign::<Sha256>(&short, SERVER_KEY).into(),
        };
        let sha512 = Pair {
            stored: Sha512::digest(sign::<Sha512>(&long, CLIENT_KEY)).into(),
            server: sign::<Sha512>(&long, SERVER_KEY).into(),
        };
        Self { salt, iterations: ITERATIONS, sha256, sha512 }
    }

    /// What the client salts its password with.
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// How often the client hashes it.
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    /// What shows the client that we know its keys (ServerSignature), if its own `proof` over the messages of the exchange
    /// (AuthMessage) is right.
    pub fn verify(&self, hash: ScramHash, messages: &[u8], proof: &[u8]) -> Option<Vec<u8>> {
        match hash {
            ScramHash::Sha256 => self.sha256.verify::<Sha256>(messages, proof),
            ScramHash::Sha512 => self.sha512.verify::<Sha512>(messages, proof),
        }
    }

    /// The bytes as in the module's head.
    pub(super) fn to_bytes(self) -> [u8; SCRAM_BYTES] {
        let mut bytes = [0; SCRAM_BYTES];
        let iterations = self.iterations.to_be_bytes();
        let fields: [&[u8]; 6] = [
            &self.salt,
            &iterations,
            &self.sha256.stored,
            &self.sha256.server,
            &self.sha512.stored,
            &self.sha512.server,
        ];
        let mut rest = &mut bytes[..];
        for field in fields {
            let (place, behind) = rest.split_at_mut(field.len());
            place.copy_from_slice(field);
            rest = behind;
        }
        bytes
    }

    /// The keys of such bytes.
    pub(super) const fn from_bytes(bytes: &[u8; SCRAM_BYTES]) -> Self {
        Self {
            salt: part(bytes, 0),
            iterations: u32::from_be_bytes(part(bytes, 16)),
            sha256: Pair { stored: part(bytes, 20), server: part(bytes, 52) },
            sha512: Pair { stored: part(bytes, 84), server: part(bytes, 148) },
        }
    }
}

impl std::fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScramKeys(..)")
    }
}

impl<const N: usize> Pair<N> {
    fn verify<D: EagerHash + Digest>(&self, messages: &[u8], proof: &[u8]) -> Option<Vec<u8>> {
        // The proof is the client's key, hidden by a signature that whoever has the stored key can make again.
        let signature = sign::<D>(&self.stored, messages);
        if proof.len() != signature.len() {
            return None;
        }
        let client: Vec<u8> = signature.iter().zip(proof).map(|(a, b)| a ^ b).collect();
        same_bytes(&D::digest(client), &self.stored).then(|| sign::<D>(&self.server, messages).to_vec())
    }
}

const CLIENT_KEY: &[u8] = b"Client Key";
const SERVER_KEY: &[u8] = b"Server Key";

fn sign<D: EagerHash>(key: &[u8], text: &[u8]) -> Output<Hmac<D>> {
    let mut mac = <Hmac<D> as KeyInit>::new_from_slice(key).expect("a key may have any length");
    mac.update(text);
    mac.finalize().into_bytes()
}

const fn part<const N: usize>(bytes: &[u8], from: usize) -> [u8; N] {
    let mut part = [0; N];
    let mut at = 0;
    while at < N {
        part[at] = bytes[from + at];
        at += 1;
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
    }

    /// The messages of the exchange in RFC 7677, section 3.
    const MESSAGES: &[u8] = b"n=user,r=rOprNGfwEbeRWgbNEkqO,\
        r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
        c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

    fn keys() -> ScramKeys {
        ScramKeys::derive(b"pencil", hex("5b6d99689d12358eeca04b141236fa81").try_into().unwrap())
    }

    #[test]
    fn the_exchange_of_the_standard_comes_out() {
        let proof = hex("747cdb65aa56224e2352137e52d7bdcad6a0f738df30782caa69a2cfb0277554");
        let signature = hex("eabae24d1062db75a9451ff0b6ea7e98c8546549ff741e672d3251b2397de46e");
        assert_eq!(keys().verify(ScramHash::Sha256, MESSAGES, &proof), Some(signature));
    }

    #[test]
    fn the_same_exchange_comes_out_as_another_implementation_has_it_with_sha_512() {
        let proof = "80c19745c7af49c36dc59ebff25418a46b67b0d01cde619c98da26bfec67a0e3\
                     30fb7476c4d25d30d9f33254cdf0f3c2eb0769e9dc9b1260d85d84f1c2760f25";
        let signature = "6509d81205903059a6b0cf1a40c1749c30c2cbf0200b393093c0a631961c320d\
                         2f49594a0da9de90bb627c349e5464f8fb96715e726ad7df51546dab47b37b67";
        assert_eq!(keys().verify(ScramHash::Sha512, MESSAGES, &hex(proof)), Some(hex(signature)));
    }

    #[test]
    fn any_other_proof_is_refused() {
        let proof = hex("747cdb65aa56224e2352137e52d7bdcad6a0f738df30782caa69a2cfb0277554");
        let keys = keys();
        for bit in 0..proof.len() * 8 {
            let mut other = proof.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(keys.verify(ScramHash::Sha256, MESSAGES, &other), None, "bit {bit}");
        }
        for wrong in [&proof[..31], &[], &[&proof[..], &[0]].concat(), &[0; 64]] {
            assert_eq!(keys.verify(ScramHash::Sha256, MESSAGES, wrong), None);
        }
        assert_eq!(keys.verify(ScramHash::Sha256, &MESSAGES[1..], &proof), None);
        assert_eq!(keys.verify(ScramHash::Sha512, MESSAGES, &proof), None);
    }

    #[test]
    fn keys_come_back_from_their_bytes_and_show_nothing() {
        let keys = keys();
        let bytes = keys.to_bytes();
        assert_eq!(ScramKeys::from_bytes(&bytes).to_bytes(), bytes);
        assert_eq!((&bytes[..16], &bytes[16..20]), (keys.salt(), &[0, 0, 16, 0][..]));
        assert_eq!(format!("{keys:?}"), "ScramKeys(..)");
    }
}
