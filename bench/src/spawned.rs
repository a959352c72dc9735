//! A broker started for one run: a fresh process on a fresh data directory, both gone afterwards.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};

use crate::child::Itself;
use crate::connection::Peer;
use crate::error::{Error, Result};

/// Beginning of a run's directory; the generator's process number and a number follow.
const DIRECTORY: &str = "narumq-bench-data-";
/// How long a broker may take to end when it is asked to.
const END_WITHIN: Duration = Duration::from_secs(15);

/// How a protocol finds the broker once it has said where it listens: that it answers must have been seen.
pub(crate) type Serving<B> = fn(&Banner, u32) -> Result<B>;

/// What is started, with which options, and below which directory it keeps its data.
#[derive(Clone, Debug)]
pub(crate) struct Program<B> {
    path: PathBuf,
    itself: Itself,
    parent: PathBuf,
    options: Vec<OsString>,
    serving: Serving<B>,
}

impl<B: Clone> Program<B> {
    /// `told` or, if this is the broker's own program, that. Removes what killed generators left.
    pub(crate) fn find(
        told: Option<&Path>,
        itself: &Itself,
        parent: &Path,
        options: Vec<OsString>,
        serving: Serving<B>,
    ) -> Result<Program<B>> {
        let path = match told {
            Some(path) => path.to_owned(),
            None if itself.is_broker() => std::env::current_exe()?,
            None => return Err(Error::new("this program is no broker: tell which to start with --spawn PROGRAM")),
        };
        sweep(parent);
        Ok(Program { path, itself: itself.clone(), parent: parent.to_owned(), options, serving })
    }

    /// Starts it on a fresh directory and waits until it serves.
    pub(crate) fn start(&self) -> Result<Spawned<B>> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = Directory(self.parent.join(format!("{DIRECTORY}{}-{number}", std::process::id())));
        fs::create_dir(&directory.0).map_err(|error| Error::io(directory.0.display(), error))?;
        self.start_on(directory)
    }

    fn start_on(&self, directory: Directory) -> Result<Spawned<B>> {
        let told = directory.0.join("stderr");
        let errors = File::create(&told).map_err(|error| Error::io(told.display(), error))?;
        let begun = Instant::now();
        let mut command = self.itself.command(&["become".into(), "--".into(), self.path.clone().into()])?;
        command.args(&self.options).arg("--data-dir").arg(directory.data());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"NARUMQ_")) {
            command.env_remove(name);
        }
        let child = command.spawn().map_err(|error| Error::io(self.path.display(), error))?;
        let mut process = Process { child };
        let serving = process.banner().and_then(|(mut banner, output)| {
            banner.data = directory.data();
            Ok(((self.serving)(&banner, process.child.id())?, output))
        });
        let ready = begun.elapsed();
        match serving {
            Ok((broker, output)) => {
                Ok(Spawned { process, directory, program: self.clone(), broker, ready, _output: output })
            }
            Err(error) => {
                let said = fs::read_to_string(&told).unwrap_or_default();
                Err(Error::new(format!("{} does not serve: {error}\n{}", self.path.display(), said.trim_end())))
            }
        }
    }
}

/// A broker that serves. It is killed and its data removed when this is dropped.
pub(crate) struct Spawned<B> {
    // Dropped in this order: first the process, then its directory.
    process: Process,
    directory: Directory,
    program: Program<B>,
    pub(crate) broker: B,
    /// From its start until it answered.
    pub(crate) ready: Duration,
    /// Kept open, so that the broker may go on printing.
    _output: BufReader<ChildStdout>,
}

impl<B: Clone> Spawned<B> {
    /// Kills it with no warning and starts it again on the same data.
    pub(crate) fn restart(self) -> Result<Spawned<B>> {
        let Spawned { process, directory, program, .. } = self;
        drop(process);
        program.start_on(directory)
    }

    /// Asks it to end; an error if it does not, or not well.
    pub(crate) fn stop(mut self) -> Result<()> {
        let child = &mut self.process.child;
        if let Some(pid) = Pid::from_raw(child.id() as i32) {
            kill_process(pid, Signal::TERM).map_err(std::io::Error::from)?;
        }
        let asked = Instant::now();
        while asked.elapsed() < END_WITHIN {
            match child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(Error::new(format!("the broker ended with {status}"))),
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        }
        Err(Error::new(format!("the broker did not end within {} s", END_WITHIN.as_secs())))
    }
}

/// What a broker says once it is ready.
///
/// ```text
/// PRODUCT VERSION is ready after 12 ms
///
///   amqp        127.0.0.1:5672  [::1]:5672
///   http        http://127.0.0.1:15672
///   data        ./narumq-data
///   started     2026-01-02T03:04:05.678Z
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Banner {
    /// Product and version.
    pub(crate) peer: Peer,
    /// First word and second word of each line below the first.
    lines: Vec<(String, String)>,
    /// Where its data is.
    pub(crate) data: PathBuf,
}

impl Banner {
    /// Reads up to the line `started`.
    fn read(output: &mut impl BufRead) -> Result<Banner> {
        let mut banner = Banner::default();
        let mut line = String::new();
        while output.read_line(&mut line)? > 0 {
            let mut words = line.split_whitespace().map(str::to_owned);
            match (words.next(), words.next()) {
                (Some(first), Some(_)) if first == "started" => return Ok(banner),
                (Some(product), Some(version)) if banner.peer.product.is_empty() => {
                    banner.peer = Peer { product, version };
                }
                (Some(name), Some(value)) => banner.lines.push((name, value)),
                _ => {}
            }
            line.clear();
        }
        Err(Error::new("it ended before it said where"))
    }

    /// The first address of a door.
    pub(crate) fn address(&self, door: &str) -> Result<&str> {
        let line = self.lines.iter().find(|(name, _)| name == door);
        line.map(|(_, value)| value.as_str()).ok_or_else(|| Error::new(format!("it has no {door} door")))
    }
}

struct Process {
    child: Child,
}

impl Process {
    /// Reads the banner.
    fn banner(&mut self) -> Result<(Banner, BufReader<ChildStdout>)> {
        let output = self.child.stdout.take().ok_or_else(|| Error::new("it has no standard output"))?;
        let mut output = BufReader::new(output);
        Ok((Banner::read(&mut output)?, output))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory that goes when this is dropped.
#[derive(Debug)]
struct Directory(PathBuf);

impl Directory {
    /// Where the broker keeps its data.
    fn data(&self) -> PathBuf {
        self.0.join("data")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // What cannot be removed now is swept by a later start.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Removes the directories of generators that are gone.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(DIRECTORY)?.split_once('-')?.0.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            // Somebody else may be sweeping, or own it.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// In a child: becomes another program, which the system kills when the parent ends in whatever way.
pub(crate) fn become_program(words: &[OsString]) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(std::io::Error::from)?;
    let (program, arguments) = words.split_first().ok_or_else(|| Error::new("which program?"))?;
    let error = Command::new(program).args(arguments).exec();
    Err(Error::io(Path::new(program).display(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banner_tells_who_it_is_and_where() {
        let text = "\nNaruMQ 0.1.0 is ready after 12 ms\n\n  amqp  127.0.0.1:5672  [::1]:5672\n  http  http://h:1\n";
        let banner = Banner::read(&mut format!("{text}  started  now\nmore").as_bytes()).unwrap();
        assert_eq!(banner.peer, Peer { product: "NaruMQ".to_owned(), version: "0.1.0".to_owned() });
        assert_eq!(banner.address("amqp").unwrap(), "127.0.0.1:5672");
        assert_eq!(banner.address("http").unwrap(), "http://h:1");
        assert!(banner.address("kafka").is_err());
        assert!(Banner::read(&mut text.as_bytes()).is_err(), "it ended before it was ready");
    }

    #[test]
    fn what_the_dead_left_is_swept_and_what_the_living_use_stays() {
        let parent = std::env::temp_dir().join(format!("narumq-bench-sweep-test-{}", std::process::id()));
        let mine = parent.join(format!("{DIRECTORY}{}-0", std::process::id()));
        let dead = parent.join(format!("{DIRECTORY}{}-0", u32::MAX));
        let other = parent.join("narumq-bench-data");
        [&mine, &dead, &other].iter().for_each(|path| fs::create_dir_all(path).unwrap());
        sweep(&parent);
        assert_eq!([&mine, &dead, &other].map(|path| path.exists()), [true, false, true]);
        fs::remove_dir_all(&parent).unwrap();
    }
}
