//! Writing: much output, back-pressure, peers that do not read, and closing so that the last byte arrives.

mod kit;

use kit::command::Note;
use kit::{Rig, kick, sync};
use narumq_door::Cause;
use narumq_net::Settings;
use std::io::Write;

#[test]
fn much_output_arrives_whole_and_in_order() {
    let rig = Rig::new(1);
    let (mut client, _) = rig.connect();
    client.send("echo first\nbig 30000000\necho middle\npieces 5000\necho last\n");
    assert_eq!(client.line(), "first");
    assert!(client.bytes(30_000_000).iter().all(|&b| b == b'x'));
    assert_eq!(client.line(), "middle");
    (0..5000).for_each(|n| assert_eq!(client.line(), n.to_string()));
    assert_eq!(client.line(), "last");
    rig.wait(|n| *n == Note::Writable);
}

#[test]
fn a_peer_that_does_not_read_is_not_read_from() {
    let rig = Rig::with(1, &Settings { output_bytes_max: 100_000, ..Settings::default() });
    let (mut client, _) = rig.connect();
    // The kernel takes some megabytes of answers; after that our input must be left where it is.
    client.socket().set_write_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
    let line = b"echo 0123456789012345678901234567890123456789012345678901234567890\n".repeat(1000);
    let mut sent = Vec::new();
    while let Ok(n) = client.socket().write(&line[sent.len() % line.len()..]) {
        let from = sent.len() % line.len();
        sent.extend_from_slice(&line[from..from + n]);
        assert!(sent.len() < 200_000_000, "the loop goes on reading");
    }
    // Now the peer reads, and everything whole that it sent is answered.
    let whole = sent.iter().filter(|&&b| b == b'\n').count();
    (0..whole).for_each(|_| assert_eq!(client.line().len(), 61));
}

#[test]
fn a_peer_that_never_reads_is_cut() {
    let rig = Rig::with(1, &Settings { output_bytes_max: 100_000, stall_millis: 200, ..Settings::default() });
    let (mut client, id) = rig.connect();
    client.send("big 50000000\n");
    assert_eq!(rig.closed(id), Cause::Unread);
    let (mut other, _) = rig.connect();
    other.settle();
}

#[test]
fn a_slow_reader_is_not_cut() {
    let rig = Rig::with(1, &Settings { output_bytes_max: 100_000, stall_millis: 500, ..Settings::default() });
    let (mut client, _) = rig.connect();
    client.send("big 40000000\n");
    let (_never, pause) = std::sync::mpsc::channel::<()>();
    for _ in 0..20 {
        client.bytes(2_000_000);
        assert!(pause.recv_timeout(std::time::Duration::from_millis(50)).is_err(), "slowness itself");
    }
    client.settle();
}

#[test]
fn goodbye_reaches_the_peer_although_it_still_sends() {
    let rig = Rig::new(1);
    let (mut client, id) = rig.connect();
    client.send("bye\n");
    // Unread input at a close would reset the connection and destroy the goodbye.
    client.send(vec![b'z'; 300_000]);
    assert_eq!(client.rest(), "bye\n");
    assert_eq!(rig.closed(id), Cause::ClosedByUs);
}

#[test]
fn a_close_waits_for_held_answers() {
    let rig = Rig::new(1);
    let (mut client, id) = rig.connect();
    client.send("hold kept\nbye\n");
    assert_eq!(client.line(), "bye", "main does not wait");
    sync(&rig.broker);
    assert_eq!(client.rest(), "kept\n");
    assert_eq!(rig.closed(id), Cause::ClosedByUs);
}

#[test]
fn the_last_bytes_have_a_limit_in_time() {
    let rig = Rig::with(1, &Settings { close_millis: 200, ..Settings::default() });
    let (mut client, id) = rig.connect();
    client.send("big 50000000\nbye\n");
    assert_eq!(rig.closed(id), Cause::Unread);
}

#[test]
fn a_peer_that_does_not_hang_up_is_cut_after_a_while() {
    let rig = Rig::with(1, &Settings { linger_millis: 100, ..Settings::default() });
    let (mut client, id) = rig.connect();
    client.send("bye\n");
    assert_eq!(rig.closed(id), Cause::ClosedByUs);
    assert_eq!(client.rest(), "bye\n");
    // Its place is free again once it is cut: then writing to it fails.
    while client.socket().write_all(b"anyone there?\n").is_ok() {}
    let (_, next) = rig.connect();
    assert_eq!(next.index, id.index);
    kick(&rig.broker, next, "resume");
}
