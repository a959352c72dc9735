//! SCRAM (RFC 5802, RFC 7677): the client proves that it knows the password, and we that we know its keys.
//!
//! ```text
//! client  n,,n=user,r=c0ffee                 gs2 header (channel binding, user to act for), then the bare message
//! broker  r=c0ffee5eed,s=c2FsdA==,i=4096     both nonces, salt, iterations
//! client  c=biws,r=c0ffee5eed,p=cHJvb2Y=     the gs2 header again in base64, the nonces, the proof
//! broker  v=c2lnbmF0dXJl                     the signature that proves us
//! ```
//! What is signed (AuthMessage): the bare first message, our challenge, and the last message without the proof.

use super::Failure;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use narumq_broker::{ScramHash, ScramKeys};

/// One exchange.
#[derive(Debug)]
pub(crate) struct Scram {
    hash: ScramHash,
    nonce: String,
    challenged: Option<Challenged>,
}

/// What the last message is checked against.
#[derive(Debug)]
struct Challenged {
    user: String,
    keys: ScramKeys,
    /// The gs2 header, in base64.
    header: String,
    /// Both nonces.
    nonces: String,
    /// The bare first message, a comma, the challenge, a comma.
    signed: String,
}

/// What comes after a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Challenge(Vec<u8>),
    Proven(String, Vec<u8>),
}

impl Scram {
    /// Begins. `nonce`: printable, without commas, and never the same.
    pub(super) fn new(hash: ScramHash, nonce: String) -> Self {
        Self { hash, nonce, challenged: None }
    }

    /// The hash function.
    pub(super) fn hash(&self) -> ScramHash {
        self.hash
    }

    /// Takes the client's next token.
    pub(super) fn token(
        &mut self,
        token: &[u8],
        keys: impl FnOnce(&str) -> Option<ScramKeys>,
    ) -> Result<Next, Failure> {
        let text = std::str::from_utf8(token).map_err(|_| Failure::Credentials)?;
        match self.challenged.take() {
            None => {
                let first = First::read(text).ok_or(Failure::Credentials)?;
                if !first.acting_for.is_empty() && first.acting_for != first.user {
                    return Err(Failure::Authorization);
                }
                let keys = keys(&first.user).ok_or(Failure::Credentials)?;
                Ok(Next::Challenge(self.challenge(first, keys)))
            }
            Some(challenged) => challenged.finish(text, self.hash).ok_or(Failure::Credentials),
        }
    }

    fn challenge(&mut self, first: First<'_>, keys: ScramKeys) -> Vec<u8> {
        let nonces = format!("{}{}", first.nonce, self.nonce);
        let challenge = format!("r={nonces},s={},i={}", STANDARD.encode(keys.salt()), keys.iterations());
        let signed = format!("{},{challenge},", first.bare);
        let header = STANDARD.encode(first.header);
        self.challenged = Some(Challenged { user: first.user, keys, header, nonces, signed });
        challenge.into_bytes()
    }
}

impl Challenged {
    /// The last message of the client. `None` if it proves nothing.
    fn finish(self, text: &str, hash: ScramHash) -> Option<Next> {
        let (unproven, proof) = text.rsplit_once(",p=")?;
        let mut fields = unproven.split(',');
        let same =
            fields.next()?.strip_prefix("c=")? == self.header && fields.next()?.strip_prefix("r=")? == self.nonces;
        if !same || !fields.all(is_extension) {
            return None;
        }
        let proof = STANDARD.decode(proof).ok()?;
        let signature = self.keys.verify(hash, (self.signed + unproven).as_bytes(), &proof)?;
        Some(Next::Proven(self.user, format!("v={}", STANDARD.encode(signature)).into_bytes()))
    }
}

/// The first message of the client.
struct First<'a> {
    /// The gs2 header with its last comma.
    header: &'a str,
    /// Behind the header.
    bare: &'a str,
    acting_for: String,
    user: String,
    nonce: &'a str,
}

impl<'a> First<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut fields = text.splitn(3, ',');
        let (binding, acting_for, bare) = (fields.next()?, fields.next()?, fields.next()?);
        // y: the client could bind to a channel but sees that we cannot. p: it insists.
        if !matches!(binding, "n" | "y") {
            return None;
        }
        let acting_for = match acting_for {
            "" => String::new(),
            named => name(named.strip_prefix("a=")?)?,
        };
        let header = &text[..text.len() - bare.len()];
        let mut fields = bare.split(',');
        // A mandatory extension (m=) would stand in front of the name; there is none that we know.
        let user = name(fields.next()?.strip_prefix("n=")?)?;
        let nonce = fields.next()?.strip_prefix("r=")?;
        let printable = !nonce.is_empty() && nonce.bytes().all(|b| b.is_ascii_graphic());
        (printable && fields.all(is_extension)).then_some(Self { header, bare, acting_for, user, nonce })
    }
}

/// A name, with `=2C` for a comma and `=3D` for an equals sign.
fn name(text: &str) -> Option<String> {
    let mut name = String::with_capacity(text.len());
    let mut pieces = text.split('=');
    name.push_str(pieces.next()?);
    for piece in pieces {
        let (sign, rest) =
            if let Some(rest) = piece.strip_prefix("2C") { (',', rest) } else { ('=', piece.strip_prefix("3D")?) };
        name.push(sign);
        name.push_str(rest);
    }
    (!name.is_empty() && !name.contains('\0')).then_some(name)
}

/// A letter, an equals sign, a value; it may be passed over.
fn is_extension(field: &str) -> bool {
    matches!(field.as_bytes(), [letter, b'=', _, ..] if letter.is_ascii_alphabetic() && *letter != b'm')
}

#[cfg(test)]
mod tests;
