//! Reading: frames in pieces, long input, pausing, hanging up, and fairness.

mod kit;

use kit::command::Note;
use kit::{Client, Rig, kick};
use narumq_door::Cause;
use narumq_net::Settings;
use std::net::Shutdown;

#[test]
fn a_command_in_single_bytes_is_answered_once_it_is_whole() {
    let rig = Rig::new(1);
    let (mut client, _) = rig.connect();
    for byte in b"echo in pieces\necho and" {
        client.send([*byte]);
    }
    assert_eq!(client.line(), "in pieces");
    client.send(" the rest\n");
    assert_eq!(client.line(), "and the rest");
}

#[test]
fn what_goes_over_a_connection_is_counted() {
    let rig = Rig::new(1);
    let (mut client, _) = rig.connect();
    client.send("traffic\n");
    assert_eq!(client.line(), "8 0");
    client.send("echo hello\n");
    assert_eq!(client.line(), "hello");
    client.send("traffic\n");
    assert_eq!(client.line(), "27 10");
    let (mut other, _) = rig.connect();
    other.send("traffic\n");
    assert_eq!(other.line(), "8 0", "each on its own");
}

#[test]
fn input_longer_than_every_buffer_is_gathered_and_shown_only_when_it_is_there() {
    let rig = Rig::new(1);
    let (mut client, _) = rig.connect();
    let body: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    let sum: u64 = body.iter().map(|&b| u64::from(b)).sum();
    client.send(format!("need {}\n", body.len()));
    let Note::Shown(first) = rig.wait(|n| matches!(n, Note::Shown(_))) else { unreachable!() };
    assert!(first <= 13);
    client.send(&body);
    client.send("echo behind\n");
    assert_eq!(client.line(), sum.to_string());
    assert_eq!(client.line(), "behind");
    let shown: Vec<_> = rig.notes.try_iter().filter(|n| matches!(n, Note::Shown(_))).collect();
    assert!(shown.len() <= 4, "not shown while it could be of no use: {shown:?}");
}

#[test]
fn more_than_the_limit_in_one_piece_ends_the_connection() {
    let rig = Rig::with(1, &Settings { input_bytes_max: 1000, ..Settings::default() });
    let (mut client, id) = rig.connect();
    client.send("need 2000\n");
    assert_eq!(rig.closed(id), Cause::ClosedByUs);
}

#[test]
fn a_paused_session_gets_what_was_kept_as_soon_as_it_goes_on() {
    let rig = Rig::new(1);
    let (mut client, id) = rig.connect();
    client.send("pause\necho one\necho tw");
    rig.wait(|n| *n == Note::Paused);
    client.send("o\npause\necho three\n");
    kick(&rig.broker, id, "resume");
    assert_eq!(client.line(), "one");
    assert_eq!(client.line(), "two");
    kick(&rig.broker, id, "resume");
    assert_eq!(client.line(), "three");
}

#[test]
fn a_paused_session_learns_at_once_that_the_peer_hung_up() {
    let rig = Rig::new(1);
    let (mut client, id) = rig.connect();
    client.send("pause\necho never\n");
    rig.wait(|n| *n == Note::Paused);
    drop(client);
    assert_eq!(rig.closed(id), Cause::PeerClosed);
}

#[test]
fn hanging_up_in_the_same_breath_as_the_pause_is_seen() {
    let rig = Rig::new(1);
    for _ in 0..50 {
        let (mut client, id) = rig.connect();
        client.send("pause\necho never\n");
        drop(client);
        assert!(matches!(rig.closed(id), Cause::PeerClosed | Cause::Reset));
    }
}

#[test]
fn a_reset_is_told_from_an_orderly_end() {
    let rig = Rig::new(1);
    let (mut client, id) = rig.connect();
    client.send("pause\n");
    rig.wait(|n| *n == Note::Paused);
    socket2::SockRef::from(client.socket()).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    drop(client);
    assert_eq!(rig.closed(id), Cause::Reset);
}

#[test]
fn input_before_the_end_is_served_and_its_answers_reach_a_peer_that_shut_only_its_side() {
    let rig = Rig::new(1);
    let (mut client, id) = rig.connect();
    let commands: String = (0..50_000).map(|n| format!("echo line {n}\n")).collect();
    std::thread::scope(|scope| {
        let socket = client.socket().try_clone().unwrap();
        std::thread::Builder::new()
            .spawn_scoped(scope, move || {
                std::io::Write::write_all(&mut &socket, commands.as_bytes()).unwrap();
                socket.shutdown(Shutdown::Write).unwrap();
            })
            .unwrap();
        let rest = client.rest();
        assert_eq!(rest.lines().count(), 50_000);
        assert_eq!(rest.lines().last(), Some("line 49999"));
    });
    assert_eq!(rig.closed(id), Cause::PeerClosed);
}

#[test]
fn one_that_floods_does_not_keep_another_from_its_answer() {
    let rig = Rig::new(1);
    let (mut quiet, _) = rig.connect();
    let flood = Client::new(rig.address);
    let socket = flood.socket().try_clone().unwrap();
    let thread = std::thread::Builder::new()
        .spawn(move || {
            let block = b"echo 0123456789abcdef0123456789abcdef\n".repeat(1000);
            while std::io::Write::write_all(&mut &socket, &block).is_ok() {}
        })
        .unwrap();
    let drain = flood.socket().try_clone().unwrap();
    let drained = std::thread::Builder::new()
        .spawn(move || std::io::copy(&mut &drain, &mut std::io::sink()).unwrap_or(0))
        .unwrap();
    (0..200).for_each(|_| quiet.settle());
    flood.socket().shutdown(Shutdown::Both).unwrap();
    thread.join().unwrap();
    drained.join().unwrap();
}

#[test]
fn a_place_used_again_is_not_mixed_up_with_the_one_before() {
    let rig = Rig::new(1);
    let (client, first) = rig.connect();
    drop(client);
    rig.closed(first);
    let (mut client, second) = rig.connect();
    assert_eq!((first.index, first.generation + 1), (second.index, second.generation));
    kick(&rig.broker, first, "for the dead");
    kick(&rig.broker, second, "for the living");
    assert_eq!(client.line(), "event for the living");
    client.send("seed\n");
    assert_eq!(client.line(), "2", "each connection gets a seed of its own");
}
