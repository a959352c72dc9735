//! Clients that log in: the client's side of SCRAM, and tokens in requests.

use super::Stage;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{EagerHash, Hmac, KeyInit, Mac};
use narumq_broker::{Secret, Turn};
use narumq_kafka::codec::messages::auth::*;
use sha2::digest::Output;
use sha2::{Digest, Sha256, Sha512};

pub const PLAIN: &str = "PLAIN";
pub const SCRAM_256: &str = "SCRAM-SHA-256";
pub const SCRAM_512: &str = "SCRAM-SHA-512";
pub const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";

/// Makes a user.
pub fn add_user(stage: &Stage, name: &str, password: &str) {
    let mut turn = Turn::new(stage.now, None);
    let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap().try_into().unwrap();
    stage.broker.put_user(name, &Secret::Password(password.as_bytes(), salt), Vec::new(), &mut turn).unwrap();
    stage.broker.end_turn(&mut turn);
}

/// The token of PLAIN.
pub fn plain(user: &str, password: &str) -> Vec<u8> {
    format!("\0{user}\0{password}").into_bytes()
}

/// The first token of SCRAM.
pub fn first(user: &str) -> String {
    format!("n,,n={user},r={NONCE}")
}

/// The last token of SCRAM, and what the broker has to answer.
pub fn last(mechanism: &str, (user, password): (&str, &str), challenge: &str) -> (String, String) {
    match mechanism {
        SCRAM_256 => last_with::<Sha256>(user, password, challenge),
        _ => last_with::<Sha512>(user, password, challenge),
    }
}

fn sign<D: EagerHash>(key: &[u8], text: &[u8]) -> Output<Hmac<D>> {
    let mut mac = <Hmac<D> as KeyInit>::new_from_slice(key).unwrap();
    mac.update(text);
    mac.finalize().into_bytes()
}

fn last_with<D: EagerHash + Digest>(user: &str, password: &str, challenge: &str) -> (String, String) {
    let field = |name: &str| challenge.split(',').find_map(|field| field.strip_prefix(name)).unwrap();
    let nonces = field("r=");
    assert!(nonces.starts_with(NONCE) && nonces.len() >= NONCE.len() + 16, "{challenge}");
    // Salted by hand, as RFC 5802 has it: the first block is all there is.
    let mut round =
        sign::<D>(password.as_bytes(), &[&STANDARD.decode(field("s=")).unwrap()[..], &[0, 0, 0, 1]].concat());
    let mut salted = round.to_vec();
    for _ in 1..field("i=").parse::<u32>().unwrap() {
        round = sign::<D>(password.as_bytes(), &round);
        salted.iter_mut().zip(&round).for_each(|(a, b)| *a ^= b);
    }
    let client = sign::<D>(&salted, b"Client Key");
    let unproven = format!("c=biws,r={nonces}");
    let messages = format!("n={user},r={NONCE},{challenge},{unproven}");
    let signature = sign::<D>(&D::digest(&client), messages.as_bytes());
    let proof: Vec<u8> = client.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
    let ours = sign::<D>(&sign::<D>(&salted, b"Server Key"), messages.as_bytes());
    (format!("{unproven},p={}", STANDARD.encode(proof)), format!("v={}", STANDARD.encode(ours)))
}

/// What an answer says: code, text, token.
pub type Told = (i16, String, Vec<u8>);

/// `SaslHandshake`: the code and the mechanisms.
pub fn shake(stage: &mut Stage, peer: usize, version: i16, mechanism: &str) -> (i16, Vec<String>) {
    let answer = stage.ask(peer, version, &SaslHandshakeRequest { mechanism });
    let response: SaslHandshakeResponse<'_> = answer.read();
    (response.error_code, response.mechanisms.iter().map(|name| (*name).to_owned()).collect())
}

/// `SaslAuthenticate`.
pub fn bring(stage: &mut Stage, peer: usize, version: i16, token: &[u8]) -> Told {
    let answer = stage.ask(peer, version, &SaslAuthenticateRequest { auth_bytes: token });
    let response: SaslAuthenticateResponse<'_> = answer.read();
    assert_eq!(response.session_lifetime_ms, 0);
    (response.error_code, response.error_message.unwrap_or_default().to_owned(), response.auth_bytes.to_vec())
}

/// A whole login with requests; what the last answer said.
pub fn log_in(stage: &mut Stage, peer: usize, mechanism: &str, (user, password): (&str, &str)) -> Told {
    assert_eq!(shake(stage, peer, 1, mechanism).0, 0);
    if mechanism == PLAIN {
        return bring(stage, peer, 2, &plain(user, password));
    }
    let told = bring(stage, peer, 2, first(user).as_bytes());
    if told.0 != 0 {
        return told;
    }
    let (token, expected) = last(mechanism, (user, password), std::str::from_utf8(&told.2).unwrap());
    let told = bring(stage, peer, 2, token.as_bytes());
    assert!(told.0 != 0 || told.2 == expected.as_bytes(), "the broker proves itself");
    told
}
