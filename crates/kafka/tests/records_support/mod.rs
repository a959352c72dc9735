//! Shared by the tests of record batches: the batches of real clients, and batches that no builder makes.
#![allow(dead_code, reason = "each test binary uses its part")]

use narumq_kafka::records::{
    BatchHeader, Codec, HEADER_BYTES, Header, NewRecord, Records, Rules, TimestampRule, inflate,
};
use std::path::PathBuf;

/// Rules that let everything pass which may pass anywhere, and look at everything.
pub const OPEN: Rules = Rules {
    bytes_max: usize::MAX,
    zstd: true,
    timestamps: TimestampRule::CreateTime { earliest: i64::MIN, latest: i64::MAX },
    compacted: false,
    inflate: true,
    inflated_bytes_max: 1 << 24,
};

pub const CODECS: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

/// A record that owns its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Owned {
    /// Hands the record to `use_record` as the builder takes it.
    pub fn lend<T>(&self, use_record: impl FnOnce(&NewRecord<'_>) -> T) -> T {
        let headers: Vec<_> = self.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() }).collect();
        let (key, value) = (self.key.as_deref(), self.value.as_deref());
        use_record(&NewRecord { timestamp: self.timestamp, key, value, headers: &headers })
    }
}

/// All records of a batch with their offsets.
pub fn records(batch: &[u8]) -> Vec<(i64, Owned)> {
    let header = BatchHeader::read(batch).unwrap();
    let section = inflate(batch, 1 << 24).unwrap();
    let owned = |record: narumq_kafka::records::Record<'_>| Owned {
        timestamp: record.timestamp,
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers: record.headers.map(|header| (header.key.to_vec(), header.value.map(<[u8]>::to_vec))).collect(),
    };
    Records::new(&header, &section).map(|record| record.unwrap()).map(|record| (record.offset, owned(record))).collect()
}

/// Only the records of a batch.
pub fn contents(batch: &[u8]) -> Vec<Owned> {
    records(batch).into_iter().map(|(_, record)| record).collect()
}

/// `batch` with other bytes behind its header, its length and checksum made anew.
pub fn with_section(batch: &[u8], section: &[u8]) -> Vec<u8> {
    let mut made = [&batch[..HEADER_BYTES], section].concat();
    let length = (made.len() - 12) as u32;
    made[8..12].copy_from_slice(&length.to_be_bytes());
    sealed(made)
}

/// `batch` with other bytes at `at`, its checksum made anew.
pub fn with_field(batch: &[u8], at: usize, field: &[u8]) -> Vec<u8> {
    let mut made = batch.to_vec();
    made[at..at + field.len()].copy_from_slice(field);
    sealed(made)
}

/// `batch` with the checksum of its bytes.
pub fn sealed(mut batch: Vec<u8>) -> Vec<u8> {
    let checksum = crc_fast::crc32_iscsi(&batch[21..]);
    batch[17..21].copy_from_slice(&checksum.to_be_bytes());
    batch
}

/// A batch that a client or Apache Kafka's log cleaner made.
pub struct Golden {
    pub name: String,
    pub batch: Vec<u8>,
    head: String,
}

impl Golden {
    /// A number of the line `h`: what the generator asked the client for.
    pub fn asked(&self, field: &str) -> i64 {
        let fields = self.head.split(' ').filter_map(|field| field.split_once('='));
        fields.filter(|(name, _)| *name == field).map(|(_, value)| value.parse().unwrap()).next().unwrap()
    }

    /// Which records it was made of.
    pub fn case(&self) -> &str {
        let stem = self.name.strip_suffix(".batch").unwrap();
        CODECS.iter().find_map(|codec| stem.split_once(&format!("-{codec:?}-").to_lowercase())).unwrap().1
    }

    /// Whether its records are those of a `.records` file, all of them.
    pub fn is_produced(&self) -> bool {
        ["edges", "many", "blocks", "one", "negative"].contains(&self.case())
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden_batches")
}

/// The batch in this file.
pub fn golden(name: &str) -> Golden {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    let lines = |mark: &'static str| text.lines().filter_map(move |line| line.strip_prefix(mark));
    Golden { name: name.to_owned(), batch: lines("b ").flat_map(unhex).collect(), head: lines("h ").collect() }
}

/// All of them, by name.
pub fn goldens() -> Vec<Golden> {
    let files = std::fs::read_dir(folder()).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".batch")).collect();
    names.sort();
    assert!(names.len() > 30, "the batches of four clients");
    names.iter().map(|name| golden(name)).collect()
}

/// What was produced in this case.
pub fn produced(case: &str) -> Vec<Owned> {
    let text = std::fs::read_to_string(folder().join(format!("{case}.records"))).unwrap();
    text.lines().map(record).collect()
}

fn record(line: &str) -> Owned {
    let mut parts = line.split(' ');
    let timestamp = parts.next().unwrap().parse().unwrap();
    let (key, value) = (bytes(parts.next().unwrap()), bytes(parts.next().unwrap()));
    let headers =
        parts.map(|part| part.split_once(':').unwrap()).map(|(key, value)| (bytes(key).unwrap(), bytes(value)));
    Owned { timestamp, key, value, headers: headers.collect() }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let text = text.strip_prefix('x')?;
    let (hex, times) = text.split_once('*').unwrap_or((text, "1"));
    Some(unhex(hex).repeat(times.parse().unwrap()))
}

fn unhex(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
