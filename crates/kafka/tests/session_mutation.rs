//! What clients say, changed byte by byte, cut, doubled and shuffled: all is answered, waits, or ends the connection.
//!
//! An answer is one of the request's API. The process does not grow by the numbers in it. The one test of this file, as it
//! looks at the address space of the whole process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use harness::Stage;
use harness::admin::{create, fine};
use harness::conversation::{Frame, frames, ground};
use harness::faults::{append, fetch_now, sequenced};
use narumq_kafka::codec::{ApiKey, Reader, RequestHeader, Response, read_response_header};
use std::collections::BTreeMap;

/// How much the process may grow, in KiB: less than any number of which the first byte is changed asks for.
const GROWTH_KIB_MAX: u64 = 400 << 10;

fn address_space_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % most
    }
}

/// How requests ended.
#[derive(Debug, Default)]
struct Tally {
    answered: usize,
    waited: usize,
    closed: usize,
    /// Answers of each API.
    apis: BTreeMap<i16, usize>,
}

impl Tally {
    /// One client says all this and is looked at: every answer is the next request's. Then it goes.
    fn say(&mut self, stage: &mut Stage, pieces: &[&[u8]]) {
        let peer = stage.meet(1);
        for piece in pieces {
            stage.bytes(peer, piece);
        }
        stage.sync();
        let said = pieces.concat();
        let mut rest = &said[..];
        while let Some(content) = stage.heard_bytes(peer) {
            let asked = loop {
                let (head, behind) = rest.split_first_chunk::<4>().expect("a request for each answer");
                let (request, behind) = behind.split_at(u32::from_be_bytes(*head) as usize);
                rest = behind;
                let header = RequestHeader::read(&mut Reader::new(request)).expect("a header");
                if header.correlation_id == i32::from_be_bytes(*content.first_chunk().unwrap()) {
                    break header;
                }
                assert_eq!(header.api_key, ApiKey::Produce.key(), "only who wants no answer gets none: {header:?}");
            };
            self.answer(asked.api_key, asked.api_version, &content);
        }
        if stage.is_closed(peer) {
            self.closed += 1;
        } else if !rest.is_empty() {
            self.waited += 1;
        }
        stage.vanish(peer);
    }

    fn answer(&mut self, key: i16, version: i16, content: &[u8]) {
        let api = ApiKey::from_key(key).expect("an API that is built");
        // A version that is not known is answered in the lowest.
        let version = if api.built().contains(version) { version } else { 0 };
        let mut reader = Reader::new(content);
        read_response_header(api, version, &mut reader).unwrap();
        Response::read(api, version, &mut reader).unwrap_or_else(|error| panic!("{api:?} {version}: {error:?}"));
        self.answered += 1;
        *self.apis.entry(key).or_default() += 1;
    }
}

/// The size in front of a frame is put right.
fn sized(mut frame: Vec<u8>) -> Vec<u8> {
    let size = frame.len() as u32 - 4;
    frame[..4].copy_from_slice(&size.to_be_bytes());
    frame
}

fn change_each_byte(frame: &Frame, stage: &mut Stage, tally: &mut Tally) {
    let right = &frame.bytes;
    tally.say(stage, &[right]);
    for at in 4..right.len() {
        let bits = (0..8).map(|bit| right[at] ^ 1 << bit);
        for value in bits.chain([0, 0x7F, 0x80, 0xFF]) {
            let mut wrong = right.clone();
            wrong[at] = value;
            tally.say(stage, &[&wrong]);
        }
        tally.say(stage, &[&sized(right[..at].to_vec())]);
        tally.say(stage, &[&right[..at]]);
        let doubled = [&right[..at], &right[at.saturating_sub(6).max(4)..]].concat();
        tally.say(stage, &[&sized(doubled)]);
    }
}

fn mix(all: &[Frame], stage: &mut Stage, tally: &mut Tally, random: &mut Random) {
    let mut said = Vec::new();
    for _ in 0..1 + random.below(8) {
        said.extend_from_slice(&all[random.below(all.len())].bytes);
    }
    for _ in 0..random.below(3) {
        let at = random.below(said.len());
        said[at] ^= 1 << random.below(8);
    }
    let mut pieces: Vec<&[u8]> = Vec::new();
    let mut rest = &said[..];
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(1 + random.below(rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    tally.say(stage, &pieces);
}

#[test]
fn whatever_a_client_says_is_answered_waits_or_ends_its_connection() {
    let mut stage = Stage::new();
    stage.connect();
    let all = frames(&ground(&mut stage));
    let built: Vec<ApiKey> = all.iter().map(|frame| frame.api).collect();
    let before = address_space_kib();
    let (mut tally, mut random) = (Tally::default(), Random(0x9E37_79B9_7F4A_7C15));
    for frame in &all {
        change_each_byte(frame, &mut stage, &mut tally);
    }
    for _ in 0..3_000 {
        mix(&all, &mut stage, &mut tally, &mut random);
    }
    let growth = address_space_kib() - before;
    assert!(tally.answered > 20_000 && tally.closed > 5_000 && tally.waited > 500, "{tally:?}");
    assert!(built.iter().all(|api| tally.apis.contains_key(&api.key())), "{tally:?}");
    assert!(growth <= GROWTH_KIB_MAX, "the process grew by {growth} KiB: {tally:?}");
    assert!(stage.broker.failed().is_none());
    // Who means well is still served.
    assert_eq!(create(&mut stage, "after", &[]), fine());
    assert_eq!(append(&mut stage, "after", &sequenced(5, 0, 0, 3)), (0, 0));
    assert_eq!(fetch_now(&mut stage, "after", 0), (0, 3, vec![(0, 3)]));
}
