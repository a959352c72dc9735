//! How fast messages of 1 KiB go into a log on real files: `log_speed DIRECTORY [SECONDS]`, for both ways of writing.
//!
//! A child that spins at the lowest priority keeps the virtual processor from halting: where one halts while it waits
//! for the disk, completions are noticed in steps of milliseconds and the machine is measured instead of the log.

#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock and starts threads")]

use narumq_log::disk::file::{FileDisk, WritePath};
use narumq_log::{Entry, FileUse, Given, Head, Kind, Listener, Log, Options, ReadDone, Recover, Run, Terminal};
use narumq_model::{Lsn, ObjectId, Seq, SeqRange, Time};
use std::error::Error;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

struct Tell(Mutex<Sender<Lsn>>, std::sync::OnceLock<std::sync::Weak<Log>>);

impl Listener for Tell {
    fn durable(&self, lsn: Lsn) {
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).send(lsn);
    }
    fn read_done(&self, _: ReadDone) {}
    fn ended(&self, why: &Terminal) {
        eprintln!("the log failed: {why}");
        std::process::exit(1);
    }
    fn checkpoint(&self, object: ObjectId, _: Lsn) -> bool {
        if let Some(log) = self.1.get().and_then(std::sync::Weak::upgrade) {
            log.append(&Entry::new(Kind::State, object, Time(0)).with_data(b"state"));
        }
        true
    }
    fn live(&self, _: ObjectId, _: u64) -> Vec<SeqRange> {
        Vec::new()
    }
    fn moved(&self, _: ObjectId, _: u64, _: &Arc<FileUse>, _: &[SeqRange]) {}
    fn scratch_done(&self, _: ObjectId, _: u64, _: Result<bytes::Bytes, String>) {}
}

struct Nothing;

impl Recover for Nothing {
    fn state(&mut self, _: Lsn, _: &Head<'_>) {}
    fn run(&mut self, _: ObjectId, _: &Arc<FileUse>, _: &Run) {}
    fn entry(&mut self, _: &Arc<FileUse>, _: Lsn, _: &Head<'_>) {}
}

/// Seconds of processor time this process has used.
fn cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The spinning child; ended when dropped.
struct Spinner(Child);

impl Drop for Spinner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A log, what is told durable, and the way of writing in use.
type Opened = (Arc<Log>, std::sync::mpsc::Receiver<Lsn>, WritePath);

fn log(root: &Path, path: WritePath) -> Result<Opened, Box<dyn Error>> {
    let _ = std::fs::remove_dir_all(root);
    let disk = FileDisk::open(root, path)?;
    let used = disk.write_path();
    let mut n = 1u64;
    let random = Box::new(move || {
        n = n.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        n
    });
    let options = Options { first_file_bytes: 64 << 20, ..Options::default() };
    let log = Arc::new(Log::open(options, Given { disk: Arc::new(disk), random }, Time(1), &mut Nothing)?);
    let (told, durable) = channel();
    let tell = Arc::new(Tell(Mutex::new(told), std::sync::OnceLock::new()));
    let _ = tell.1.set(Arc::downgrade(&log));
    log.start(tell)?;
    Ok((log, durable, used))
}

fn message(seq: u64, body: &[u8]) -> Entry<'_> {
    let mut entry = Entry::new(Kind::Enqueue, ObjectId(7), Time(5)).with_data(b"a queue's name");
    (entry.seq, entry.body) = (Seq(seq), body);
    entry
}

fn stream(root: &Path, path: WritePath, time: Duration) -> Result<(), Box<dyn Error>> {
    let (log, durable, used) = log(root, path)?;
    let body = vec![0x5a; 1024];
    let (begin, cpu_before) = (Instant::now(), cpu());
    let (mut count, mut told) = (0u64, Lsn(0));
    while begin.elapsed() < time {
        let at = log.append(&message(count + 1, &body));
        count += 1;
        if count.is_multiple_of(64) {
            log.want_sync(at.lsn);
        }
        while let Ok(lsn) = durable.try_recv() {
            told = lsn;
        }
        // As a broker's publishers do when too much is on its way.
        while log.congested() {
            told = durable.recv()?;
        }
    }
    let last = log.append(&message(count + 1, &body)).lsn;
    log.want_sync(last);
    while told < last {
        told = durable.recv()?;
    }
    let (seconds, cpu) = (begin.elapsed().as_secs_f64(), cpu() - cpu_before);
    println!(
        "{used:?}, stream: {:.0} messages/s, {:.0} MiB/s, {:.2} µs CPU a message, {:.3} bytes written a byte, {} files",
        count as f64 / seconds,
        count as f64 / seconds / 1024.0,
        cpu / count as f64 * 1e6,
        log.bytes_written() as f64 / (count * 1024) as f64,
        log.files_in_use(),
    );
    log.close(Time(9));
    Ok(())
}

fn one_by_one(root: &Path, path: WritePath, time: Duration) -> Result<(), Box<dyn Error>> {
    let (log, durable, used) = log(root, path)?;
    let body = vec![0x5a; 1024];
    let begin = Instant::now();
    let mut took = Vec::new();
    while begin.elapsed() < time {
        let one = Instant::now();
        let lsn = log.append(&message(took.len() as u64 + 1, &body)).lsn;
        log.want_sync(lsn);
        while durable.recv()? < lsn {}
        took.push(one.elapsed());
    }
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_micros();
    let (p50, p99, count) = (at(0.5), at(0.99), took.len());
    println!("{used:?}, one at a time: {count} in {time:?}, p50 {p50} µs, p99 {p99} µs");
    log.close(Time(9));
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("usage: log_speed DIRECTORY [SECONDS]")?;
    let time = Duration::from_secs_f64(arguments.next().map_or(Ok(5.0), |s| s.parse())?);
    let _spinner = Spinner(Command::new("nice").args(["-n", "19", "sh", "-c", "while :; do :; done"]).spawn()?);
    let root = Path::new(&directory).join("log_speed");
    for path in [WritePath::Direct, WritePath::Buffered, WritePath::Direct, WritePath::Buffered] {
        stream(&root, path, time)?;
        one_by_one(&root, path, time.min(Duration::from_secs(3)))?;
    }
    std::fs::remove_dir_all(&root)?;
    Ok(())
}
