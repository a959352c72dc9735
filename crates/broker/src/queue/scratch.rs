//! Transient messages that do not fit into memory: in files without names, a block of them at a time.
//!
//! ```text
//! block:  per message  varint seq | varint priority | varint expires_at | varint format | varint props_len
//!                      varint len, data (see `envelope`) | varint len, body
//! ```
//! Nothing of it survives the process; a file goes when its last block has been read or dropped.

use super::lane::Ready;
use crate::codec::Reader;
use crate::core::{Core, lock};
use crate::envelope;
use bytes::Bytes;
use narumq_log::disk::File;
use narumq_log::{StoredMessage, varint};
use narumq_model::{FormatId, Lsn, MessageBuilder, Seq, Time};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// Bytes of one scratch file.
const FILE_BYTES: u64 = 8 << 20;

/// Where new blocks go.
#[derive(Default)]
pub(crate) struct Scratch(Mutex<Option<(Arc<dyn File>, u64)>>);

/// A run of messages in a scratch file.
#[derive(Clone)]
pub(crate) struct Block {
    pub(crate) file: Arc<dyn File>,
    pub(crate) offset: u64,
    pub(crate) len: usize,
    pub(crate) count: u64,
    /// The last sequence in it.
    pub(crate) last: Seq,
    /// Payload bytes of its messages.
    pub(crate) payload: u64,
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Block({} messages at {})", self.count, self.offset)
    }
}

impl Scratch {
    /// Writes a run of messages; `None` if the disk refuses, then they stay in memory.
    pub(crate) fn write(&self, core: &Core, run: &[Ready]) -> Option<Block> {
        let last = run.last()?.seq;
        let payload = run.iter().map(|r| r.message.payload_len() as u64).sum();
        let mut out = Vec::new();
        let mut data = Vec::new();
        for Ready { seq, message, .. } in run {
            data.clear();
            envelope::put(&mut data, message);
            let numbers = [
                seq.0,
                message.priority.into(),
                message.expires_at.0,
                message.format.0.into(),
                message.props_len().into(),
            ];
            numbers.iter().for_each(|n| varint::put(&mut out, *n));
            varint::put_bytes(&mut out, &data);
            varint::put_bytes(&mut out, message.body());
        }
        let mut current = lock(&self.0);
        if current.as_ref().is_none_or(|(_, offset)| *offset >= FILE_BYTES) {
            *current = Some((core.log.scratch().ok()?, 0));
        }
        let (file, offset) = current.as_mut()?;
        file.write_at(&out, *offset).ok()?;
        let block =
            Block { file: file.clone(), offset: *offset, len: out.len(), count: run.len() as u64, last, payload };
        *offset += out.len() as u64;
        Some(block)
    }
}

/// The messages of a block that was read.
pub(crate) fn decode(bytes: &Bytes) -> VecDeque<Ready> {
    let mut reader = Reader::new(bytes);
    let mut builder = MessageBuilder::default();
    std::iter::from_fn(|| {
        let stored = StoredMessage {
            seq: Seq(reader.number()?),
            priority: reader.number()? as u8,
            expires_at: Time(reader.number()?),
            format: FormatId(reader.number()? as u8),
            props_len: reader.number()? as u32,
            data: reader.bytes()?.to_vec(),
            body: Some(Bytes::copy_from_slice(reader.bytes()?)),
            time: Time(0),
            visible_at: Time(0),
        };
        let mut message = envelope::restore(&stored, &mut builder)?;
        message.durable = false;
        Some(Ready { seq: stored.seq, lsn: Lsn(0), message })
    })
    .collect()
}
