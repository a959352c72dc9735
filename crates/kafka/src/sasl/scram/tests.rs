//! The exchange of RFC 7677 to the letter, and what departs from it.

use super::*;

const FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const CHALLENGE: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const LAST: &str =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

fn keys() -> ScramKeys {
    let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    ScramKeys::derive(b"pencil", salt.try_into().unwrap())
}

fn exchange() -> Scram {
    Scram::new(ScramHash::Sha256, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0".into())
}

/// An exchange whose first message has been answered.
fn challenged(first: &str, keys: ScramKeys) -> Scram {
    let mut exchange = exchange();
    assert!(matches!(exchange.token(first.as_bytes(), |_| Some(keys)), Ok(Next::Challenge(_))), "{first}");
    exchange
}

#[test]
fn the_exchange_of_the_standard_comes_out_to_the_letter() {
    let mut exchange = exchange();
    let next = exchange.token(FIRST.as_bytes(), |user| (user == "user").then(keys)).unwrap();
    assert_eq!(next, Next::Challenge(CHALLENGE.into()));
    let next = exchange.token(LAST.as_bytes(), |_| None).unwrap();
    assert_eq!(next, Next::Proven("user".into(), b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=".to_vec()));
}

#[test]
fn names_may_hold_commas_and_equals_signs() {
    let named = |first: &str| {
        let mut seen = None;
        let outcome = exchange().token(first.as_bytes(), |user| {
            seen = Some(user.to_owned());
            None
        });
        assert!(outcome.is_err());
        seen
    };
    assert_eq!(named("n,,n=a=2Cb=3Dc,r=x").as_deref(), Some("a,b=c"));
    assert_eq!(named("y,a=a=2C,n=a=2C,r=x,t=extension").as_deref(), Some("a,"));
    assert_eq!(named("n,,n=größe,r=x").as_deref(), Some("größe"));
    for wrong in ["n,,n=a=2c,r=x", "n,,n=a=,r=x", "n,,n==,r=x", "n,,n=,r=x", "n,,n=a\0,r=x"] {
        assert_eq!(named(wrong), None, "{wrong}");
    }
}

#[test]
fn a_first_message_that_is_none_fails() {
    let wrong = [
        "",
        "n",
        "n,",
        "n,,",
        "n,,n=user",
        "n,,n=user,",
        "n,,n=user,r=",
        "n,,r=x,n=user",
        "n,,n=user,r=a b",
        "n,,n=user,r=ä",
        "p=tls-unique,,n=user,r=x",
        "x,,n=user,r=x",
        "n,b=user,n=user,r=x",
        "n,,m=must,n=user,r=x",
        "n,,n=user,r=x,m=must",
        "n,,n=user,r=x,",
        "n,,n=user,r=x,t",
        "n,a=,n=user,r=x",
        LAST,
    ];
    for first in wrong {
        let outcome = exchange().token(first.as_bytes(), |_| Some(keys()));
        assert_eq!(outcome, Err(Failure::Credentials), "{first}");
    }
    let other = exchange().token(b"n,a=bob,n=user,r=x", |_| Some(keys()));
    assert_eq!(other, Err(Failure::Authorization));
}

#[test]
fn a_last_message_with_any_changed_byte_fails() {
    let keys = keys();
    for at in 0..LAST.len() {
        for change in [1u8, 2, 0x20, 0x80] {
            let mut last = LAST.as_bytes().to_vec();
            last[at] ^= change;
            let outcome = challenged(FIRST, keys).token(&last, |_| None);
            assert_eq!(outcome, Err(Failure::Credentials), "byte {at}");
        }
    }
    for end in 0..LAST.len() {
        assert!(challenged(FIRST, keys).token(&LAST.as_bytes()[..end], |_| None).is_err(), "{end} bytes");
    }
}

#[test]
fn the_last_message_is_of_this_exchange_or_fails() {
    // The header said before is not the one said now; both are what the proof is over.
    assert!(challenged("y,,n=user,r=rOprNGfwEbeRWgbNEkqO", keys()).token(LAST.as_bytes(), |_| None).is_err());
    assert!(challenged("n,,n=user,r=rOprNGfwEbeRWgbNEkqP", keys()).token(LAST.as_bytes(), |_| None).is_err());
    // Another nonce of ours.
    let mut later = Scram::new(ScramHash::Sha256, "other".into());
    assert!(later.token(FIRST.as_bytes(), |_| Some(keys())).is_ok());
    assert!(later.token(LAST.as_bytes(), |_| None).is_err());
    // A failed exchange does not go on.
    let mut failed = challenged(FIRST, keys());
    assert!(failed.token(b"c=biws", |_| None).is_err());
    assert!(failed.token(LAST.as_bytes(), |_| Some(keys())).is_err());
}
