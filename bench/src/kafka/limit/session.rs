//! One connection of the least server.

use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use super::answers::{self, CORRUPT, EXISTS, INVALID, UNKNOWN};
use super::files::ALIGNED;
use super::store::{Extent, GATHERED, Outlet, Parked, Store, lock};
use crate::error::{Error, Result};
use crate::kafka::batch::{HEAD, crc_of, head};
use crate::kafka::client::Input;
use crate::kafka::request::{API_VERSIONS, CREATE_TOPICS, DELETE_TOPICS, FETCH, LIST_OFFSETS, METADATA, PRODUCE, USED};
use crate::kafka::wire::Fields;

/// Room of the receive buffer.
const READ: usize = 1 << 20;

struct Session {
    outlet: Arc<Outlet>,
    store: Arc<Store>,
    port: u16,
}

/// Serves until the client leaves.
pub(crate) fn serve(mut stream: TcpStream, store: Arc<Store>, port: u16) -> Result<()> {
    stream.set_nodelay(true)?;
    let outlet = Arc::new(Outlet(Mutex::new(stream.try_clone()?)));
    let session = Session { outlet, store, port };
    let mut input = Input::new(READ);
    while input.fill(&mut stream)? > 0 {
        let mut answers = Vec::new();
        while let Some(frame) = input.next()? {
            session.take(frame, &mut answers)?;
        }
        // What was refused, and needs no disk.
        if !answers.is_empty() {
            session.outlet.write(&answers);
        }
    }
    Ok(())
}

impl Session {
    /// Serves one request; an answer that waits for nothing goes to `out`.
    fn take(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let mut fields = Fields(frame);
        let (key, version, correlation) = (fields.i16()?, fields.i16()?, fields.i32()?);
        let client = usize::try_from(fields.i16()?).unwrap_or(0);
        fields.take(client)?;
        fields.tags()?;
        match USED.into_iter().find(|api| (api.key, api.version) == (key, version)) {
            Some(PRODUCE) => return self.produce(&mut fields, correlation, out),
            Some(FETCH) => return self.fetch(&mut fields, correlation),
            Some(API_VERSIONS) => out.extend(answers::api_versions(correlation)),
            Some(METADATA) => out.extend(self.metadata(&mut fields, correlation)?),
            Some(CREATE_TOPICS) => out.extend(self.create(&mut fields, correlation)?),
            Some(DELETE_TOPICS) => out.extend(self.delete(&mut fields, correlation)?),
            Some(LIST_OFFSETS) => out.extend(self.offsets(&mut fields, correlation)?),
            _ => return Err(Error::new(format!("request {key} in version {version} is not served"))),
        }
        Ok(())
    }

    /// Checks the batch, gives it to the disk; the answer follows when it is there.
    fn produce(&self, fields: &mut Fields<'_>, correlation: i32, out: &mut Vec<u8>) -> Result<()> {
        fields.string()?;
        fields.take(2 + 4)?;
        fields.array()?;
        let topic = fields.string()?;
        fields.array()?;
        let (partition, batch) = (fields.i32()?, fields.octets()?.unwrap_or_default());
        let mut refuse = |code| answers::produced(out, correlation, topic, partition, Err(code));
        let records = match check(batch) {
            Ok(records) => records,
            Err(code) => {
                refuse(code);
                return Ok(());
            }
        };
        let mut state = self.store.lock();
        let Some(number) = state.number(topic, partition) else {
            refuse(UNKNOWN);
            return Ok(());
        };
        // Room for the zeros behind it, too.
        while state.gathered.octets.room() < batch.len() + ALIGNED {
            state = self.store.wait(state);
        }
        let Some(base) = state.append(number, batch, records) else {
            refuse(UNKNOWN);
            return Ok(());
        };
        // The answers of one connection go together.
        let answers = &mut state.gathered.answers;
        let mine = answers.iter().position(|(outlet, _)| Arc::ptr_eq(outlet, &self.outlet)).unwrap_or_else(|| {
            answers.push((Arc::clone(&self.outlet), Vec::new()));
            answers.len() - 1
        });
        answers::produced(&mut answers[mine].1, correlation, topic, partition, Ok(base));
        let first = state.gathered.batches.len() == 1;
        drop(state);
        if first {
            self.store.notify();
        }
        Ok(())
    }

    /// Sends what is there, or waits for what comes.
    fn fetch(&self, fields: &mut Fields<'_>, correlation: i32) -> Result<()> {
        fields.take(4 + 4 + 4 + 4 + 1 + 4 + 4)?;
        if fields.array()? != 1 {
            return Err(Error::new("a fetch of one topic is served"));
        }
        let topic = fields.string()?.to_owned();
        if fields.array()? != 1 {
            return Err(Error::new("a fetch of one partition is served"));
        }
        let partition = fields.i32()?;
        fields.i32()?;
        let offset = fields.i64()?;
        fields.take(4 + 8)?;
        let octets_max = usize::try_from(fields.i32()?).unwrap_or(0);
        let parked = Parked { outlet: Arc::clone(&self.outlet), correlation, topic, partition };
        let mut state = self.store.lock();
        let number = state.number(&parked.topic, partition);
        let Some(partition) = number.and_then(|number| state.partitions.get_mut(&number)) else {
            drop(state);
            let mut frame = answers::fetched(&parked, -1, None);
            answers::end_fetched(&mut frame);
            self.outlet.write(&frame);
            return Ok(());
        };
        let extents = partition.from(offset, octets_max).to_vec();
        if extents.is_empty() {
            partition.parked.push(parked);
            return Ok(());
        }
        let high = partition.next();
        drop(state);
        self.send(&parked, high, &extents)
    }

    /// Sends batches out of their files, neighbours at once.
    fn send(&self, parked: &Parked, high: i64, extents: &[Extent]) -> Result<()> {
        let octets = extents.iter().map(|extent| extent.length).sum();
        let stream = lock(&self.outlet.0);
        write_all(&stream, &answers::fetched(parked, high, Some(octets)))?;
        let neighbours = |a: &Extent, b: &Extent| {
            let same = a.piece.as_ref().zip(b.piece.as_ref()).is_some_and(|(a, b)| Arc::ptr_eq(a, b));
            same && a.at + a.length == b.at
        };
        for run in extents.chunk_by(neighbours) {
            let (Some(first), Some(piece)) = (run.first(), run.first().and_then(|first| first.piece.as_ref())) else {
                continue;
            };
            let mut at = first.at as u64;
            let mut left: usize = run.iter().map(|extent| extent.length).sum();
            while left > 0 {
                let sent = rustix::fs::sendfile(&*stream, &piece.reads, Some(&mut at), left);
                left -= sent.map_err(std::io::Error::from)?;
            }
        }
        let mut end = Vec::new();
        answers::end_fetched(&mut end);
        write_all(&stream, &end)
    }

    fn metadata(&self, fields: &mut Fields<'_>, correlation: i32) -> Result<Vec<u8>> {
        let mut topics = Vec::new();
        let state = self.store.lock();
        for _ in 0..fields.array()? {
            let name = fields.string()?;
            fields.tags()?;
            topics.push((name.to_owned(), state.topics.get(name).map(Vec::len)));
        }
        Ok(answers::metadata(correlation, self.port, &topics))
    }

    fn create(&self, fields: &mut Fields<'_>, correlation: i32) -> Result<Vec<u8>> {
        let mut topics = Vec::new();
        let mut state = self.store.lock();
        for _ in 0..fields.array()? {
            let (name, partitions, _) = (fields.string()?, fields.i32()?, fields.i16()?);
            fields.array()?;
            for _ in 0..fields.array()? {
                fields.string()?;
                fields.string()?;
                fields.tags()?;
            }
            fields.tags()?;
            let made = state.create(name, usize::try_from(partitions).unwrap_or(0).min(1_000_000));
            topics.push((name.to_owned(), partitions, if made { 0 } else { EXISTS }));
        }
        Ok(answers::created(correlation, &topics))
    }

    fn delete(&self, fields: &mut Fields<'_>, correlation: i32) -> Result<Vec<u8>> {
        let mut topics = Vec::new();
        let mut state = self.store.lock();
        for _ in 0..fields.array()? {
            let name = fields.string()?;
            topics.push((name.to_owned(), if state.delete(name) { 0 } else { UNKNOWN }));
        }
        Ok(answers::deleted(correlation, &topics))
    }

    fn offsets(&self, fields: &mut Fields<'_>, correlation: i32) -> Result<Vec<u8>> {
        fields.take(4 + 1)?;
        let mut topics = Vec::new();
        let state = self.store.lock();
        for _ in 0..fields.array()? {
            let name = fields.string()?;
            let mut partitions = Vec::new();
            for _ in 0..fields.array()? {
                let partition = fields.i32()?;
                fields.take(4 + 8)?;
                fields.tags()?;
                let number = state.number(name, partition);
                let end = number.and_then(|number| Some(state.partitions.get(&number)?.next()));
                partitions.push((partition, end));
            }
            fields.tags()?;
            topics.push((name.to_owned(), partitions));
        }
        Ok(answers::offsets(correlation, &topics))
    }
}

fn write_all(mut stream: &TcpStream, octets: &[u8]) -> Result<()> {
    Ok(std::io::Write::write_all(&mut stream, octets)?)
}

/// The records of a batch that is whole, alone and undamaged; else the error code.
fn check(batch: &[u8]) -> std::result::Result<i64, i16> {
    let Some((_, length, delta)) = head(batch) else { return Err(INVALID) };
    if length != batch.len() || !(HEAD..=GATHERED / 2).contains(&length) || delta < 0 {
        return Err(INVALID);
    }
    let told = batch[17..].first_chunk().map(|crc| u32::from_be_bytes(*crc));
    if told == Some(crc_of(batch)) { Ok(i64::from(delta) + 1) } else { Err(CORRUPT) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::batch::encode;

    #[test]
    fn only_a_whole_undamaged_batch_is_taken() {
        let good = encode(5, 20, 0);
        assert_eq!(check(&good), Ok(5));
        assert_eq!(check(&[good.clone(), good.clone()].concat()), Err(INVALID), "two");
        assert_eq!(
            (check(&good[..good.len() - 1]), check(&good[..20]), check(&[])),
            (Err(INVALID), Err(INVALID), Err(INVALID))
        );
        for at in [17, 21, 30, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(check(&bad), Err(CORRUPT), "{at}");
        }
        let mut moved = good.clone();
        moved[..16].copy_from_slice(&[&[9; 8], &good[8..12], &[7; 4]].concat());
        assert_eq!(check(&moved), Ok(5), "base offset and epoch are not covered");
    }
}
