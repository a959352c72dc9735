//! Sessions of unmodified clients, recorded with the broker they were made for: ours must give the same answers.
//!
//! ```text
//! # Queue.DeclareOk queue='t.queue'                                    for people
//! S 01 0001 00000014 0032000b07742e717565756500000000 00000000 ce      one frame of the broker
//!   00000000 ce                                                        goes on with the line before
//! C 01 0001 00000005 0014000a00 ce                                     one frame of the client
//! ```
//! Recorded by `e2e/tools/record.py`. What the client said is said again, frame by frame, and each answer compared byte by
//! byte. Only three things may differ: names that a server makes up, which are then put into what the client says; what
//! a server tells of itself in `connection.start` beside its capabilities; and when a heartbeat comes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod session_support;

use narumq_amqp::codec::{ConnectionStart, FrameKind, Method, Parsed, Table, Value, parse_frame};
use session_support::{Stage, words};

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaker {
    Client,
    Server,
}

/// A frame, or the protocol header.
type Spoken = (Speaker, Vec<u8>);

fn parse(transcript: &str) -> Vec<Spoken> {
    let mut spoken: Vec<Spoken> = Vec::new();
    for line in transcript.lines().filter(|line| !line.starts_with('#')) {
        let (speaker, digits) = line.split_at(2);
        match speaker {
            "C " => spoken.push((Speaker::Client, Vec::new())),
            "S " => spoken.push((Speaker::Server, Vec::new())),
            "  " => {}
            _ => panic!("no such line: {line}"),
        }
        let digits: Vec<u8> = digits.bytes().filter(|byte| *byte != b' ').collect();
        spoken.last_mut().unwrap().1.extend(digits);
    }
    for (_, frame) in &mut spoken {
        *frame = frame.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect();
    }
    spoken
}

/// Cuts what the broker has sent into frames.
fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut rest, mut frames) = (bytes, Vec::new());
    while !rest.is_empty() {
        let Ok(Parsed::Frame(frame)) = parse_frame(rest, u32::MAX) else { panic!("no frame: {rest:02x?}") };
        let (front, behind) = rest.split_at(frame.wire_len());
        if frame.kind != FrameKind::Heartbeat {
            frames.push(front.to_vec());
        }
        rest = behind;
    }
    frames
}

/// Calls `look` with the method in a frame, if there is one.
fn in_method<T>(frame: &[u8], look: impl FnOnce(Method<'_>) -> Option<T>) -> Option<T> {
    let Ok(Parsed::Frame(parsed)) = parse_frame(frame, u32::MAX) else { panic!("no frame: {frame:02x?}") };
    (parsed.kind == FrameKind::Method).then(|| look(Method::decode(parsed.payload).unwrap())).flatten()
}

/// The name in a frame that the server may have made up.
fn made_up(frame: &[u8]) -> Option<Vec<u8>> {
    in_method(frame, |method| match method {
        Method::QueueDeclareOk(method) => Some(method.queue.to_vec()),
        Method::BasicConsumeOk(method) => Some(method.consumer_tag.to_vec()),
        _ => None,
    })
    .filter(|name| name.starts_with(b"amq."))
}

/// The capabilities by name, and all else of `connection.start` that is compared.
fn start(frame: &[u8]) -> Option<String> {
    in_method(frame, |method| match method {
        Method::ConnectionStart(start) => Some(told(&start)),
        _ => None,
    })
}

fn told(start: &ConnectionStart<'_>) -> String {
    let capabilities = entries(start.server_properties)
        .into_iter()
        .find_map(|(name, value)| match value {
            Value::Table(table) if name == "capabilities" => Some(table),
            _ => None,
        })
        .unwrap();
    let mut capabilities: Vec<String> =
        entries(capabilities).into_iter().map(|(name, value)| format!("{name} {value:?}")).collect();
    capabilities.sort_unstable();
    let mut mechanisms: Vec<&str> = str::from_utf8(start.mechanisms).unwrap().split(' ').collect();
    mechanisms.sort_unstable();
    let version = (start.version_major, start.version_minor);
    format!("{version:?} {capabilities:?} {mechanisms:?} {}", String::from_utf8_lossy(start.locales))
}

fn entries(table: Table<'_>) -> Vec<(String, Value<'_>)> {
    table.iter().map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value)).collect()
}

/// Puts our made-up names where the recorded ones stand. All are equally long, so that no length changes.
fn renamed(frame: &[u8], names: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    for (recorded, ours) in names {
        assert_eq!(recorded.len(), ours.len(), "a name of another length would change the frames around it");
        let places: Vec<usize> =
            frame.windows(recorded.len()).enumerate().filter(|(_, w)| w == recorded).map(|(at, _)| at).collect();
        for at in places {
            frame[at..at + ours.len()].copy_from_slice(ours);
        }
    }
    frame
}

/// Says again what the client said; fails at the first answer that is not the recorded one.
fn replay(transcript: &str) {
    let spoken = parse(transcript);
    assert!(spoken.len() > 40, "a whole session");
    let mut stage = Stage::new();
    let peer = stage.dial();
    let mut answers: Vec<Vec<u8>> = Vec::new();
    let mut names: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for (speaker, frame) in &spoken {
        if *speaker == Speaker::Client {
            stage.bytes(peer, &renamed(frame, &names));
            stage.sync();
            answers.extend(frames(&stage.seen(peer)));
            continue;
        }
        if frames(frame).is_empty() {
            continue;
        }
        assert!(!answers.is_empty(), "no answer where the recorded one is {:?}", words(frame));
        let ours = answers.remove(0);
        if let (Some(recorded), Some(ours)) = (made_up(frame), made_up(&ours)) {
            names.push((recorded, ours));
        }
        match (start(frame), start(&ours)) {
            (None, None) => assert_eq!(words(&ours), words(&renamed(frame, &names))),
            (recorded, ours) => assert_eq!(ours, recorded),
        }
        assert!(start(frame).is_some() || ours == renamed(frame, &names), "{:?}", words(frame));
    }
    assert!(answers.is_empty(), "said beyond what was recorded: {:?}", words(&answers.concat()));
    assert!(stage.peer(peer).out.is_closing() && stage.broker.connections().is_empty(), "the connection is over");
}

#[test]
fn pika_hears_what_it_is_used_to() {
    replay(include_str!("transcripts/pika.txt"));
}

#[test]
fn aio_pika_hears_what_it_is_used_to() {
    replay(include_str!("transcripts/aio-pika.txt"));
}

#[test]
fn amqplib_hears_what_it_is_used_to() {
    replay(include_str!("transcripts/amqplib.txt"));
}

#[test]
fn the_java_client_hears_what_it_is_used_to() {
    replay(include_str!("transcripts/java.txt"));
}

#[test]
fn amqp091_go_hears_what_it_is_used_to() {
    replay(include_str!("transcripts/amqp091-go.txt"));
}

#[test]
fn lapin_hears_what_it_is_used_to() {
    replay(include_str!("transcripts/lapin.txt"));
}
