//! Passwords, bounds, and the bytes of a user: known ones, cut ones and changed ones.

use super::credentials::{Credentials, HASH_BYTES, PasswordHash};
use super::layout::DecodeUserError;
use super::scram::SCRAM_BYTES;
use super::{Account, UserError, Users};
use crate::AuthenticateError;
use narumq_model::Name;

/// The hash that another implementation of the scheme made of "s3cr€t".
const FOREIGN_HASH: [u8; HASH_BYTES] = [
    0xe4, 0xf4, 0x49, 0xdf, 0x86, 0xff, 0xed, 0x65, 0x0f, 0x00, 0xe3, 0x3d, 0x38, 0x7d, 0xf1, 0xb1, 0x02, 0x4b, 0xab,
    0x27, 0xcb, 0x03, 0x09, 0x81, 0x1a, 0xbe, 0x32, 0xd2, 0x6c, 0x49, 0xb3, 0x16, 0x2e, 0x1a, 0x3a, 0x45,
];

fn tags(names: &[&str]) -> Vec<Name> {
    names.iter().map(|&name| name.into()).collect()
}

/// What is kept of a password of which only the hash is of interest here.
fn hashed(password: &[u8], salt: [u8; 4]) -> Option<Credentials> {
    Some(Credentials { hash: PasswordHash::of(salt, password), scram: None })
}

fn encoded(account: &Account) -> Vec<u8> {
    let mut bytes = Vec::new();
    account.encode(&mut bytes);
    bytes
}

#[test]
fn a_foreign_hash_and_ours_are_the_same() {
    let mut users = Users::default();
    users.put(Account::from_hash("alice", &FOREIGN_HASH, tags(&["monitoring"])).unwrap());
    assert!(users.verify("alice", "s3cr€t".as_bytes()));
    let [a, b, c, d, ..] = FOREIGN_HASH;
    let account = users.add("bob", hashed("s3cr€t".as_bytes(), [a, b, c, d]), Vec::new()).unwrap();
    assert_eq!(account.hash(), Some(&FOREIGN_HASH));
}

#[test]
fn only_the_password_of_the_user_lets_in() {
    let mut users = Users::default();
    users.add("alice", hashed(b"right", *b"salt"), Vec::new()).unwrap();
    users.add("bob", hashed(b"other", *b"salt"), Vec::new()).unwrap();
    assert!(users.verify("alice", b"right"));
    for (name, password) in [
        ("alice", &b"wrong"[..]),
        ("alice", b""),
        ("alice", b"right\0"),
        ("alice", b"righ"),
        ("alice", b"other"),
        ("Alice", b"right"),
        ("nobody", b"right"),
        ("nobody", b""),
        ("", b""),
    ] {
        assert!(!users.verify(name, password), "{name:?} {password:?}");
    }
    users.set_password("alice", hashed(b"new", *b"SALT")).unwrap();
    assert!(users.verify("alice", b"new") && !users.verify("alice", b"right"));
    assert_eq!(users.remove("alice").map(|account| account.name().clone()), Some("alice".into()));
    assert!(!users.verify("alice", b"new") && users.remove("alice").is_none());
}

#[test]
fn without_a_password_nobody_comes_in() {
    let mut users = Users::default();
    users.add("blank", Credentials::of(b"", [7; 16]), Vec::new()).unwrap();
    users.put(Account::from_hash("none", &[], Vec::new()).unwrap());
    // Even the hash of the empty password, made elsewhere, is no way in.
    users.put(Account::from_hash("empty", &PasswordHash::of(*b"salt", b"").0, Vec::new()).unwrap());
    for name in ["blank", "none", "empty"] {
        assert!(!users.verify(name, b"") && !users.verify(name, b"x"), "{name}");
    }
    assert!(users.get("blank").unwrap().hash().is_none() && users.get("empty").unwrap().hash().is_some());
}

#[test]
fn hashes_differ_in_any_byte() {
    let hash = PasswordHash(FOREIGN_HASH);
    assert!(hash.equals(&hash));
    for i in 0..HASH_BYTES {
        for bit in 0..8 {
            let mut other = hash;
            other.0[i] ^= 1 << bit;
            assert!(!hash.equals(&other), "byte {i}, bit {bit}");
        }
    }
    assert!(!format!("{:?}", Users::with_guest(*b"salt")).contains("115"), "a hash shows nothing of itself");
}

#[test]
fn guest_comes_over_loopback_only() {
    let mut users = Users::with_guest([1, 2, 3, 4]);
    let guest = users.authenticate("guest", b"guest", true).unwrap();
    assert_eq!((&*guest.name, guest.tags), ("guest", tags(&["administrator"])));
    let refused = |result| match result {
        Err(AuthenticateError::WrongCredentials(refusal)) => ("wrong", refusal.user.to_string()),
        Err(AuthenticateError::LoopbackOnly(refusal)) => ("loopback", refusal.user.to_string()),
        Ok(_) => ("in", String::new()),
    };
    assert_eq!(refused(users.authenticate("guest", b"guest", false)), ("loopback", "guest".into()));
    assert_eq!(refused(users.authenticate("guest", b"gues", false)), ("wrong", "guest".into()));
    assert_eq!(refused(users.authenticate("ghost", b"guest", true)), ("wrong", "ghost".into()));
    let mut open = users.get("guest").unwrap().clone();
    open.set_loopback_only(false);
    assert!(users.put(open).is_some_and(|old| old.loopback_only()));
    assert_eq!(refused(users.authenticate("guest", b"guest", false)).0, "in");
}

#[test]
fn names_and_tags_are_bounded() {
    let long = "n".repeat(255);
    let mut users = Users::default();
    let mut add = |name: &str, tags: Vec<Name>| users.add(name, hashed(b"p", [0; 4]), tags).map(|_| ());
    assert_eq!(add("", Vec::new()), Err(UserError::NameLength(0)));
    assert_eq!(add(&(long.clone() + "n"), Vec::new()), Err(UserError::NameLength(256)));
    assert_eq!(add("a", tags(&["t", ""])), Err(UserError::TagLength(0)));
    assert_eq!(add("a", vec!["t".into(); 256]), Err(UserError::TooManyTags(256)));
    assert_eq!(add(&long, vec![long.as_str().into(); 255]), Ok(()));
    assert_eq!(add(&long, Vec::new()), Err(UserError::Exists));
    assert_eq!(users.set_tags("a", Vec::new()).map(|_| ()), Err(UserError::Unknown));
    assert_eq!(users.set_password("a", None).map(|_| ()), Err(UserError::Unknown));
    assert_eq!(users.set_tags(&long, vec!["".into()]).map(|_| ()), Err(UserError::TagLength(0)));
    let largest = users.get(&long).unwrap();
    assert_eq!(encoded(&Account::decode(&encoded(largest)).unwrap()), encoded(largest));
    assert_eq!(users.set_tags(&long, tags(&["t"])).unwrap().tags(), tags(&["t"]));
    assert_eq!(users.iter().map(|account| account.name().len()).collect::<Vec<_>>(), [255]);
    for length in [1, HASH_BYTES - 1, HASH_BYTES + 1, 68] {
        let refused = Account::from_hash("a", &vec![0; length], Vec::new()).map(|_| ());
        assert_eq!(refused, Err(UserError::HashLength(length)));
    }
}

/// A loopback-only user `al` with the hash above and the tags `x` and `yz`.
fn sample() -> (Account, Vec<u8>) {
    let mut account = Account::from_hash("al", &FOREIGN_HASH, tags(&["x", "yz"])).unwrap();
    account.set_loopback_only(true);
    let bytes = [&[1, 1, 2, b'a', b'l', 36][..], &FOREIGN_HASH, &[2, 1, b'x', 2, b'y', b'z']].concat();
    (account, bytes)
}

#[test]
fn a_user_has_these_bytes() {
    let (account, bytes) = sample();
    assert_eq!(encoded(&account), bytes);
    let read = Account::decode(&bytes).unwrap();
    assert_eq!((&**read.name(), read.tags(), read.loopback_only()), ("al", &tags(&["x", "yz"])[..], true));
    assert_eq!(read.hash(), Some(&FOREIGN_HASH));
    assert_eq!(encoded(&Account::from_hash("b", &[], Vec::new()).unwrap()), [1, 0, 1, b'b', 0, 0]);
}

#[test]
fn cut_or_changed_bytes_are_refused_or_another_user() {
    let (_, bytes) = sample();
    for end in 0..bytes.len() {
        assert_eq!(Account::decode(&bytes[..end]).map(|_| ()), Err(DecodeUserError::Truncated), "{end} bytes");
    }
    let decode = |bytes: &[u8]| Account::decode(bytes).map(|_| ());
    assert_eq!(decode(&[&bytes[..], &[0, 0]].concat()), Err(DecodeUserError::Trailing(2)));
    let mut accepted = 0;
    for i in 0..bytes.len() {
        for value in (0..=255).filter(|&value| value != bytes[i]) {
            let mut changed = bytes.clone();
            changed[i] = value;
            // Every user has one encoding, so that whatever is read must give the same bytes again.
            if let Ok(account) = Account::decode(&changed) {
                assert_eq!(encoded(&account), changed, "byte {i} = {value}");
                accepted += 1;
            }
        }
    }
    // The layout is never the other one: keys would have to follow.
    // The flag, 36 bytes of hash, and 127 other ASCII characters for each of the name's and tags' five bytes.
    assert_eq!(accepted, 1 + 36 * 255 + 5 * 127);
}

#[test]
fn decoding_says_what_is_wrong() {
    for (bytes, error) in [
        (&[3u8, 0, 1, b'b', 0, 0][..], DecodeUserError::Layout(3)),
        (&[2, 0, 1, b'b', 0, 0], DecodeUserError::HashLength(0)),
        (&[1, 2, 1, b'b', 0, 0], DecodeUserError::Flags(2)),
        (&[1, 0, 0, 0, 0], DecodeUserError::Empty),
        (&[1, 0, 1, 0xff, 0, 0], DecodeUserError::Text),
        (&[1, 0, 1, b'b', 1, 9, 0], DecodeUserError::HashLength(1)),
        (&[1, 0, 1, b'b', 0, 255, 1, b'x'], DecodeUserError::Truncated),
        (&[1, 0, 1, b'b', 0, 1, 0, 0], DecodeUserError::Empty),
        (&[1, 0, 1, b'b', 0, 1, 2, 0xc3, 0x28], DecodeUserError::Text),
    ] {
        assert_eq!(Account::decode(bytes).map(|_| ()), Err(error), "{bytes:?}");
    }
}

#[test]
fn keys_follow_the_tags_and_go_with_the_password() {
    let mut users = Users::default();
    let alice = users.add("al", Credentials::of(b"pencil", [7; 16]), tags(&["x"])).unwrap().clone();
    let bytes = encoded(&alice);
    let hash = alice.hash().unwrap();
    assert_eq!(&bytes[..6], &[2, 0, 2, b'a', b'l', 36]);
    assert_eq!((&bytes[6..42], &bytes[42..45]), (&hash[..], &[1, 1, b'x'][..]));
    assert_eq!((bytes.len(), &bytes[45..61], &hash[..4]), (45 + SCRAM_BYTES, &[7; 16][..], &[7; 4][..]));
    let read = Account::decode(&bytes).unwrap();
    assert_eq!(encoded(&read), bytes);
    assert_eq!(read.scram().map(|keys| keys.salt().to_vec()), Some(vec![7; 16]));
    for end in 0..bytes.len() {
        assert_eq!(Account::decode(&bytes[..end]).map(|_| ()), Err(DecodeUserError::Truncated), "{end} bytes");
    }
    // Keys of a password that is no longer the user's let nobody in.
    users.set_password("al", hashed(b"new", *b"salt")).unwrap();
    assert!(users.get("al").unwrap().scram().is_none());
    users.set_password("al", None).unwrap();
    assert!(users.get("al").unwrap().scram().is_none() && users.get("al").unwrap().hash().is_none());
    assert!(Users::with_guest([0; 4]).get("guest").unwrap().scram().is_some());
}
