//! Logins: mechanisms, their failures, who must log in, and what may be asked meanwhile.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use core::net::IpAddr;
use harness::Stage;
use harness::sasl::*;
use narumq_broker::{Secret, Settings as BrokerSettings, Turn};
use narumq_kafka::codec::messages::auth::*;
use narumq_kafka::codec::messages::cluster::*;
use narumq_kafka::codec::messages::metadata::*;
use narumq_kafka::{Sasl, Settings};

const ALL: [&str; 3] = [PLAIN, SCRAM_256, SCRAM_512];

fn stage(sasl: Sasl) -> Stage {
    let stage = Stage::with(Settings { sasl, ..Settings::default() }, BrokerSettings::default());
    add_user(&stage, "user", "pencil");
    stage
}

fn afar() -> IpAddr {
    "192.0.2.7".parse().unwrap()
}

/// Whether the client is served.
fn is_served(stage: &mut Stage, peer: usize) -> bool {
    stage.send(peer, 9, &MetadataRequest { topics: Some(Vec::new()), ..Default::default() });
    stage.sync();
    stage.heard(peer, 9).is_some() && !stage.is_closed(peer)
}

/// Whether the connection ends a moment after its answer, deaf meanwhile.
fn is_cut(stage: &mut Stage, peer: usize) -> bool {
    assert!(!stage.is_closed(peer), "the client may read the answer first");
    stage.send(peer, 9, &MetadataRequest::default());
    stage.sync();
    let deaf = stage.heard(peer, 9).is_none();
    stage.pass(100);
    deaf && stage.is_closed(peer)
}

fn invalid(mechanism: &str) -> String {
    match mechanism {
        PLAIN => "Authentication failed: Invalid username or password".into(),
        _ => format!(
            "Authentication failed during authentication due to invalid credentials with SASL mechanism {mechanism}"
        ),
    }
}

#[test]
fn each_mechanism_lets_in_with_the_right_password_only() {
    let mut stage = stage(Sasl::Required);
    for mechanism in ALL {
        let peer = stage.connect();
        let (code, text, _) = log_in(&mut stage, peer, mechanism, ("user", "pencil"));
        assert_eq!((code, text.as_str()), (0, ""), "{mechanism}");
        assert!(is_served(&mut stage, peer), "{mechanism}");
        for wrong in [("user", "pencil "), ("user", "p"), ("nobody", "pencil"), ("User", "pencil")] {
            let peer = stage.connect();
            let told = log_in(&mut stage, peer, mechanism, wrong);
            assert_eq!((told.0, told.1), (58, invalid(mechanism)), "{mechanism} {wrong:?}");
            assert!(told.2.is_empty() && is_cut(&mut stage, peer), "{mechanism} {wrong:?}");
        }
    }
}

#[test]
fn everybody_knows_guest() {
    let mut stage = stage(Sasl::Required);
    for mechanism in ALL {
        let peer = stage.connect();
        assert_eq!(log_in(&mut stage, peer, mechanism, ("guest", "guest")).0, 0, "{mechanism}");
        let peer = stage.connect_from(afar());
        let told = log_in(&mut stage, peer, mechanism, ("guest", "guest"));
        assert_eq!(told, (58, "Authentication failed: user guest can only log in via localhost".into(), Vec::new()));
        assert!(is_cut(&mut stage, peer));
    }
}

#[test]
fn keys_outlive_a_restart_and_change_with_the_password() {
    let mut stage = stage(Sasl::Required);
    stage.restart();
    for mechanism in ALL {
        let peer = stage.connect();
        assert_eq!(log_in(&mut stage, peer, mechanism, ("user", "pencil")).0, 0, "{mechanism}");
    }
    add_user(&stage, "user", "pen");
    for mechanism in ALL {
        let peer = stage.connect();
        assert_eq!(log_in(&mut stage, peer, mechanism, ("user", "pencil")).0, 58, "{mechanism}");
        let peer = stage.connect();
        assert_eq!(log_in(&mut stage, peer, mechanism, ("user", "pen")).0, 0, "{mechanism}");
    }
}

#[test]
fn who_was_imported_by_hash_comes_in_by_password_only() {
    let mut stage = stage(Sasl::Required);
    let hash = stage.broker.user_hash("user").unwrap();
    let mut turn = Turn::new(stage.now, None);
    stage.broker.put_user("user", &Secret::Hash(&hash), Vec::new(), &mut turn).unwrap();
    stage.broker.end_turn(&mut turn);
    for (mechanism, code) in [(PLAIN, 0), (SCRAM_256, 58), (SCRAM_512, 58)] {
        let peer = stage.connect();
        assert_eq!(log_in(&mut stage, peer, mechanism, ("user", "pencil")).0, code, "{mechanism}");
    }
}

#[test]
fn handshake_0_has_bare_tokens() {
    let mut stage = stage(Sasl::Required);
    let framed = |token: &[u8]| [&(token.len() as u32).to_be_bytes()[..], token].concat();
    let peer = stage.connect();
    assert_eq!(shake(&mut stage, peer, 0, PLAIN).0, 0);
    stage.bytes(peer, &framed(&plain("user", "pencil")));
    assert_eq!(stage.heard_bytes(peer), Some(Vec::new()));
    assert!(is_served(&mut stage, peer));
    for mechanism in [SCRAM_256, SCRAM_512] {
        let peer = stage.connect();
        assert_eq!(shake(&mut stage, peer, 0, mechanism).0, 0);
        // Byte by byte, as they may come.
        framed(first("user").as_bytes()).iter().for_each(|byte| stage.bytes(peer, &[*byte]));
        let challenge = String::from_utf8(stage.heard_bytes(peer).unwrap()).unwrap();
        let (token, expected) = last(mechanism, ("user", "pencil"), &challenge);
        stage.bytes(peer, &framed(token.as_bytes()));
        assert_eq!(stage.heard_bytes(peer), Some(expected.into_bytes()));
        assert!(is_served(&mut stage, peer));
    }
    let peer = stage.connect();
    shake(&mut stage, peer, 0, PLAIN);
    stage.bytes(peer, &framed(&plain("user", "pen")));
    assert!(stage.heard_bytes(peer).is_none() && stage.is_closed(peer));
}

#[test]
fn an_unknown_mechanism_is_told_the_known_ones() {
    let mut stage = stage(Sasl::Optional);
    for (version, name) in [(0, "GSSAPI"), (1, "plain"), (1, ""), (1, "SCRAM-SHA-256-PLUS")] {
        let peer = stage.connect();
        assert_eq!(shake(&mut stage, peer, version, name), (33, ALL.map(str::to_owned).to_vec()), "{name}");
        assert!(is_cut(&mut stage, peer));
    }
}

#[test]
fn who_must_log_in_is_not_served_before() {
    for (sasl, from_here, from_afar) in [
        (Sasl::Off, true, true),
        (Sasl::Optional, true, true),
        (Sasl::RequiredFromAfar, true, false),
        (Sasl::Required, false, false),
    ] {
        let mut stage = stage(sasl);
        let (here, mapped) = (stage.connect(), stage.connect_from("::ffff:127.0.0.1".parse().unwrap()));
        let stranger = stage.connect_from(afar());
        for (peer, served) in [(here, from_here), (mapped, from_here), (stranger, from_afar)] {
            let request = ApiVersionsRequest { client_software_name: "test", client_software_version: "1" };
            let answer = stage.ask(peer, 3, &request);
            let keys: Vec<i16> = answer.read::<ApiVersionsResponse<'_>>().api_keys.iter().map(|k| k.api_key).collect();
            assert!(keys.contains(&17) && keys.contains(&36));
            assert_eq!(is_served(&mut stage, peer), served, "{sasl:?} {peer}");
            assert_eq!(stage.is_closed(peer), !served);
        }
    }
}

#[test]
fn from_afar_one_comes_in_with_a_password() {
    let mut stage = stage(Sasl::default());
    for mechanism in ALL {
        let peer = stage.connect_from(afar());
        assert_eq!(log_in(&mut stage, peer, mechanism, ("user", "pencil")).0, 0, "{mechanism}");
        assert!(is_served(&mut stage, peer));
    }
}

#[test]
fn where_nobody_can_log_in_nobody_is_cut_off_for_trying() {
    let mut stage = stage(Sasl::Off);
    assert_eq!(shake(&mut stage, 0, 1, PLAIN), (34, Vec::new()));
    assert_eq!(bring(&mut stage, 0, 2, &plain("user", "pencil")).0, 34);
    assert!(is_served(&mut stage, 0));
}

#[test]
fn a_login_is_not_interrupted() {
    let mut stage = stage(Sasl::Optional);
    let peer = stage.connect();
    shake(&mut stage, peer, 1, PLAIN);
    assert!(!is_served(&mut stage, peer) && stage.is_closed(peer));
    // Nor begun in its middle.
    let peer = stage.connect();
    stage.send(peer, 2, &SaslAuthenticateRequest { auth_bytes: &plain("user", "pencil") });
    assert!(stage.heard(peer, 2).is_none() && stage.is_closed(peer));
    let peer = stage.connect();
    assert_eq!(log_in(&mut stage, peer, SCRAM_256, ("user", "pencil")).0, 0);
    stage.send(peer, 2, &SaslAuthenticateRequest { auth_bytes: b"once more" });
    assert!(stage.heard(peer, 2).is_none() && stage.is_closed(peer));
}

#[test]
fn one_may_log_in_again_as_the_same_user() {
    let mut stage = stage(Sasl::Required);
    add_user(&stage, "other", "pencil");
    let peer = stage.connect();
    for mechanism in ALL {
        assert_eq!(log_in(&mut stage, peer, mechanism, ("user", "pencil")).0, 0);
        assert!(is_served(&mut stage, peer));
    }
    let told = log_in(&mut stage, peer, SCRAM_512, ("other", "pencil"));
    let text = "Cannot change principals during re-authentication from User.user: User.other";
    assert_eq!((told.0, told.1.as_str(), is_cut(&mut stage, peer)), (58, text, true));
    let peer = stage.connect();
    assert_eq!(log_in(&mut stage, peer, PLAIN, ("user", "pencil")).0, 0);
    let text = log_in(&mut stage, peer, SCRAM_256, ("user", "pen")).1;
    assert!(text.contains("during re-authentication"), "{text}");
}

#[test]
fn plain_says_what_is_missing() {
    let mut stage = stage(Sasl::Required);
    for (token, text) in [
        (plain("", "pencil"), "Authentication failed: username not specified"),
        (plain("user", ""), "Authentication failed: password not specified"),
        (
            b"other\0user\0pencil".to_vec(),
            "Authentication failed: Client requested an authorization id that is different from username",
        ),
        (Vec::new(), &invalid(SCRAM_256).replace(SCRAM_256, PLAIN)),
    ] {
        let peer = stage.connect();
        shake(&mut stage, peer, 1, PLAIN);
        assert_eq!(bring(&mut stage, peer, 1, &token), (58, text.to_owned(), Vec::new()));
        assert!(is_cut(&mut stage, peer));
    }
}

#[test]
fn a_login_takes_ten_seconds_at_most() {
    let mut stage = stage(Sasl::RequiredFromAfar);
    let (silent, free) = (stage.connect_from(afar()), stage.connect());
    let slow = stage.connect();
    stage.pass(9_000);
    shake(&mut stage, slow, 1, SCRAM_256);
    assert!(!stage.is_closed(silent));
    stage.pass(1_000);
    assert_eq!((stage.is_closed(silent), stage.is_closed(slow), stage.is_closed(free)), (true, false, false));
    assert_eq!(bring(&mut stage, slow, 2, first("user").as_bytes()).0, 0);
    stage.pass(9_000);
    assert!(stage.is_closed(slow) && !stage.is_closed(free));
    let done = stage.connect_from(afar());
    assert_eq!(log_in(&mut stage, done, SCRAM_256, ("user", "pencil")).0, 0);
    stage.pass(60_000);
    assert!(is_served(&mut stage, done));
}

#[test]
fn a_large_request_is_not_waited_for_before_a_login() {
    let mut stage = stage(Sasl::RequiredFromAfar);
    let (stranger, free) = (stage.connect_from(afar()), stage.connect());
    let size = |bytes: u32| bytes.to_be_bytes();
    stage.bytes(stranger, &size(512 << 10));
    assert!(!stage.is_closed(stranger));
    let stranger = stage.connect_from(afar());
    stage.bytes(stranger, &size((512 << 10) + 1));
    stage.bytes(free, &size((512 << 10) + 1));
    assert!(stage.is_closed(stranger) && !stage.is_closed(free));
    let begun = stage.connect();
    shake(&mut stage, begun, 0, PLAIN);
    stage.bytes(begun, &size(1 << 20));
    assert!(stage.is_closed(begun));
}

#[test]
fn tokens_with_changed_bytes_fail_and_nothing_else() {
    let mut stage = stage(Sasl::Required);
    for mechanism in ALL {
        let opening = if mechanism == PLAIN { plain("user", "pencil") } else { first("user").into_bytes() };
        for at in 0..opening.len() {
            for change in [1, 0x20, 0x80, 0xff] {
                let mut token = opening.clone();
                token[at] ^= change;
                let peer = stage.connect();
                shake(&mut stage, peer, 1, mechanism);
                let (code, _, _) = bring(&mut stage, peer, 2, &token);
                let in_nonce = mechanism != PLAIN && at >= opening.len() - NONCE.len(); // any other will do
                assert!(code == 58 || (in_nonce && code == 0), "{mechanism} {at}");
                assert!(code == 0 || is_cut(&mut stage, peer));
                stage.vanish(peer);
            }
        }
    }
    let peer = stage.connect();
    assert_eq!(log_in(&mut stage, peer, PLAIN, ("user", "pencil")).0, 0);
}
