//! Bytes that inflate to a gibibyte, for each codec: refused within a mebibyte, in one process of its own.
#![allow(clippy::unwrap_used, reason = "a test fails where a helper of it fails")]

mod records_support;

use narumq_kafka::records::{BatchBuilder, BatchError, Codec, NewRecord, inflate};
use records_support::with_section;
use std::io::Write;

const LIMIT: usize = 1 << 20;
const GIBIBYTE: usize = 1 << 30;

/// A batch of this codec with these bytes in the place of the records.
fn batch(codec: Codec, section: &[u8]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec, 1000);
    assert!(builder.push(&NewRecord { timestamp: 0, key: None, value: None, headers: &[] }));
    with_section(&builder.finish().unwrap(), section)
}

/// 1024 members of one mebibyte each.
fn gzip() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![0; GIBIBYTE / 1024]).unwrap();
    encoder.finish().unwrap().repeat(1024)
}

/// 256 blocks of four mebibytes each; the head's check byte comes from a frame of our own.
fn lz4() -> Vec<u8> {
    let block = lz4_flex::block::compress(&vec![0; GIBIBYTE / 256]);
    let blocks = [&(block.len() as u32).to_le_bytes(), &block[..]].concat().repeat(256);
    [&[0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73][..], &blocks, &[0; 4]].concat()
}

/// 8192 blocks that repeat one byte, in a frame with a window of 128 MiB.
fn zstd() -> Vec<u8> {
    let block = |last: u32| (last | 1 << 1 | (128 * 1024) << 3).to_le_bytes()[..3].to_vec();
    let repeated = [block(0), vec![0]].concat().repeat(GIBIBYTE / (128 * 1024) - 1);
    [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3][..], &repeated, &block(1), &[0]].concat()
}

/// 1024 blocks of a mebibyte each in the framing of snappy-java.
fn snappy() -> Vec<u8> {
    let block = snap::raw::Encoder::new().compress_vec(&vec![0; GIBIBYTE / 1024]).unwrap();
    let blocks = [&(block.len() as u32).to_be_bytes(), &block[..]].concat().repeat(1024);
    [&b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01"[..], &blocks].concat()
}

/// The most memory that this process has had, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[test]
fn a_gibibyte_is_refused_within_a_mebibyte() {
    let bombs = [(Codec::Gzip, gzip()), (Codec::Snappy, snappy()), (Codec::Lz4, lz4()), (Codec::Zstd, zstd())];
    let batches = bombs.map(|(codec, section)| (codec, batch(codec, &section)));
    let before = peak();
    for (codec, batch) in &batches {
        assert_eq!(inflate(batch, LIMIT), Err(BatchError::InflatedTooLarge { bytes_max: LIMIT }), "{codec:?}");
    }
    let grown = peak() - before;
    assert!(grown < 8 << 20, "{grown} bytes");
}

#[test]
fn a_length_that_lies_takes_no_memory() {
    // Snappy and zstd say how much comes out: here nearly 4 GiB and an exbibyte, of next to nothing.
    let snappy = batch(Codec::Snappy, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]);
    assert_eq!(inflate(&snappy, usize::MAX), Err(BatchError::Compression));
    let zstd = batch(Codec::Zstd, &[0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x10, 1, 0, 0]);
    assert_eq!(inflate(&zstd, LIMIT), Err(BatchError::InflatedTooLarge { bytes_max: LIMIT }));
    assert_eq!(inflate(&zstd, usize::MAX), Err(BatchError::Compression));
}
