//! Damaged batches of real clients: every byte, every length, and never a panic.
#![allow(clippy::unwrap_used, reason = "a test fails where a helper of it fails")]

mod records_support;

use narumq_kafka::records::{
    BatchHeader, Batches, Codec, HEADER_BYTES, Outcome, Records, check, inflate, keep, keep_with_horizon, recompress,
};
use records_support::{Golden, OPEN, goldens, sealed, with_section};

/// All that can be done with bytes that a client sends; what comes out is bounded by the limit.
fn use_all(bytes: &[u8]) {
    const BYTES_MAX: usize = 1 << 17;
    let rules = narumq_kafka::records::Rules { inflated_bytes_max: BYTES_MAX, ..OPEN };
    let _ = check(bytes, &rules);
    for (header, batch) in Batches::new(bytes).flatten() {
        let Ok(section) = inflate(batch, BYTES_MAX) else { continue };
        assert!(section.len() <= BYTES_MAX.max(batch.len()));
        for record in Records::new(&header, &section).flatten() {
            assert!(record.headers.clone().count() == record.headers.len());
        }
    }
    let mask = [true, false, true, false];
    let _ = keep(bytes, &mask, BYTES_MAX);
    let _ = keep_with_horizon(bytes, &mask, 1, BYTES_MAX);
    let _ = Outcome::read(bytes);
    let _ = BatchHeader::read(bytes);
}

/// Goldens with few enough bytes to try all of them.
fn short() -> impl Iterator<Item = Golden> {
    goldens().into_iter().filter(|golden| golden.batch.len() < 650 && !golden.name.starts_with("kafka-python-2"))
}

#[test]
fn a_batch_cut_anywhere_is_refused() {
    for golden in short() {
        for length in 0..golden.batch.len() {
            let cut = &golden.batch[..length];
            assert!(check(cut, &OPEN).is_err() && inflate(cut, 1 << 20).is_err(), "{} cut at {length}", golden.name);
            use_all(cut);
        }
    }
}

#[test]
fn records_cut_anywhere_are_refused() {
    for golden in short().filter(|golden| golden.is_produced()) {
        for length in 0..golden.batch.len() - HEADER_BYTES {
            let cut = with_section(&golden.batch, &golden.batch[HEADER_BYTES..HEADER_BYTES + length]);
            assert!(check(&cut, &OPEN).is_err(), "{} cut at {length}", golden.name);
            use_all(&cut);
        }
    }
}

#[test]
fn any_byte_may_be_anything() {
    for golden in short() {
        for at in 0..golden.batch.len() {
            for flip in [1 << (at % 8), 0xff] {
                let mut damaged = golden.batch.clone();
                damaged[at] ^= flip;
                let _ = check(&damaged, &OPEN);
                use_all(&sealed(damaged));
            }
        }
    }
}

#[test]
fn many_bytes_may_be_anything() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for golden in goldens() {
        for _ in 0..40 {
            let mut damaged = golden.batch.clone();
            for _ in 0..1 + random() % 8 {
                let at = 8 + random() as usize % (damaged.len() - 8);
                damaged[at] = random() as u8;
            }
            use_all(&sealed(damaged));
        }
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let mut damaged = recompress(&golden.batch, codec, 1 << 20).unwrap().into_owned();
            if damaged.len() > HEADER_BYTES {
                let at = HEADER_BYTES + random() as usize % (damaged.len() - HEADER_BYTES);
                damaged[at] = random() as u8;
            }
            use_all(&sealed(damaged));
        }
    }
}
