//! One consuming connection: asks for the next batches of its partitions, one fetch at a time, and looks only at heads.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::sync::atomic::Ordering;

use super::answer;
use super::client::Client;
use super::request::{FetchLimits, correlate, fetch};
use crate::error::{Error, Result};
use crate::histogram::Histogram;
use crate::shared::Shared;

/// Octets around the batches of an answer.
const AROUND: usize = 4096;

/// A partition, the offset to be fetched next, and where the partition ended when the load began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    pub(crate) partition: usize,
    next: i64,
    pub(crate) end: i64,
}

impl Cursor {
    /// A cursor at the beginning of a partition.
    pub(crate) fn new(partition: usize, end: i64) -> Cursor {
        Cursor { partition, next: 0, end }
    }
}

/// What a consumer saw.
#[derive(Clone)]
pub(crate) struct Drained {
    pub(crate) octets: u64,
    pub(crate) records: u64,
    pub(crate) fetches: u64,
    /// From the fetch to its answer.
    pub(crate) latency: Histogram,
    /// When the last batch came, nanoseconds since the epoch.
    pub(crate) last: u64,
}

impl Drained {
    /// Nothing yet.
    pub(crate) fn new() -> Drained {
        Drained { octets: 0, records: 0, fetches: 0, latency: Histogram::new(), last: 0 }
    }

    /// What both saw.
    pub(crate) fn merge(&mut self, other: &Drained) {
        self.octets += other.octets;
        self.records += other.records;
        self.fetches += other.fetches;
        self.latency.merge(&other.latency);
        self.last = self.last.max(other.last);
    }
}

/// A consumer and its connection.
pub(crate) struct Drainer {
    client: Client,
    frame: Vec<u8>,
    places: Vec<usize>,
    cursors: Vec<Cursor>,
    /// Begins again at offset 0 when all is read.
    again: bool,
    correlation: i32,
    /// When the fetch that is not answered yet was sent.
    asked: Option<u64>,
    unwritten: Range<usize>,
    pub(crate) drained: Drained,
}

impl Drainer {
    /// A consumer of some partitions of one topic.
    pub(crate) fn new(
        mut client: Client,
        limits: FetchLimits,
        topic: &str,
        cursors: Vec<Cursor>,
        again: bool,
    ) -> Result<Drainer> {
        let room = limits.partition_bytes_max as usize * cursors.len().min(16) + AROUND;
        client.stream_mode(room)?;
        let partitions: Vec<usize> = cursors.iter().map(|cursor| cursor.partition).collect();
        let (frame, places) = fetch(limits, topic, &partitions);
        Ok(Drainer {
            client,
            frame,
            places,
            cursors,
            again,
            correlation: 0,
            asked: None,
            unwritten: 0..0,
            drained: Drained::new(),
        })
    }

    /// Its socket.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.client.stream
    }

    /// Whether all was read up to where the partitions ended, which is never so if it begins again.
    pub(crate) fn is_done(&self) -> bool {
        !self.again && self.is_at_end()
    }

    fn is_at_end(&self) -> bool {
        self.cursors.iter().all(|cursor| cursor.next >= cursor.end)
    }

    /// Whether a fetch waits for its answer.
    pub(crate) fn is_waiting(&self) -> bool {
        self.asked.is_some()
    }

    /// Asks for what comes next, unless that was done; true if some of the request waits for room.
    pub(crate) fn ask(&mut self, now: u64) -> Result<bool> {
        if self.asked.is_none() {
            if self.again && self.is_at_end() {
                self.cursors.iter_mut().for_each(|cursor| cursor.next = 0);
            }
            for (cursor, place) in self.cursors.iter().zip(&self.places) {
                self.frame[*place..place + 8].copy_from_slice(&cursor.next.to_be_bytes());
            }
            self.correlation = self.correlation.wrapping_add(1);
            correlate(&mut self.frame, self.correlation);
            self.unwritten = 0..self.frame.len();
            self.asked = Some(now);
        }
        while !self.unwritten.is_empty() {
            match self.client.stream.write(&self.frame[self.unwritten.clone()]) {
                Ok(written) => self.unwritten.start += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("fetching", error)),
            }
        }
        Ok(false)
    }

    /// Reads once; whether the answer is complete.
    pub(crate) fn read(&mut self, shared: &Shared) -> Result<bool> {
        match self.client.input.fill(&mut self.client.stream) {
            Ok(0) => return Err(Error::new("the broker closed a consumer's connection")),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Ok(false),
            Err(error) => return Err(Error::io("fetching", error)),
        }
        let Drainer { client, cursors, drained, correlation, asked, .. } = self;
        let Some(frame) = client.input.next()? else { return Ok(false) };
        let now = shared.clock.now();
        let (answered, mut fields) = answer::open(frame)?;
        let asked = asked.take().filter(|_| answered == *correlation);
        let asked = asked.ok_or_else(|| Error::new(format!("answer {answered} came, {correlation} was due")))?;
        let before = drained.octets;
        // Partitions come in the order asked for, or the other way round, so the first look mostly finds the place.
        let place =
            |cursors: &[Cursor], partition: i32| cursors.iter().position(|cursor| cursor.partition as i32 == partition);
        let strange = |partition| Error::new(format!("partition {partition} was not asked for"));
        let starts: Vec<Cursor> = cursors.clone();
        let offset_of =
            |partition| place(&starts, partition).map(|at| starts[at].next).ok_or_else(|| strange(partition));
        answer::fetch(&mut fields, offset_of, |partition, walked| {
            if let Some(at) = place(&starts, partition) {
                cursors[at].next = walked.next;
            }
            drained.octets += walked.octets as u64;
            drained.records += walked.records;
        })?;
        drained.fetches += 1;
        drained.latency.record(now.saturating_sub(asked));
        if drained.octets > before {
            drained.last = now;
            shared.delivered.fetch_add(drained.octets - before, Ordering::Relaxed);
        }
        Ok(true)
    }
}
