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

use crate::broker::Broker;
use crate::child::Itself;
use crate::error::{Error, Result};

/// Beginning of a run's directory; the generator's process number and a number follow.
const DIRECTORY: &str = "narumq-bench-data-";
/// How long a broker may take to end when it is asked to.
const END_WITHIN: Duration = Duration::from_secs(15);

/// What is started, and below which directory it keeps its data.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    path: PathBuf,
    itself: Itself,
    parent: PathBuf,
}

impl Program {
    /// `told` or, if this is the broker's own program, that. Removes what killed generators left.
    pub(crate) fn find(told: Option<&Path>, itself: &Itself, parent: &Path) -> Result<Program> {
        let path = match told {
            Some(path) => path.to_owned(),
            None if itself.is_broker() => std::env::current_exe()?,
            None => return Err(Error::new("this program is no broker: tell which to start with --spawn PROGRAM")),
        };
        sweep(parent);
        Ok(Program { path, itself: itself.clone(), parent: parent.to_owned() })
    }

    /// Starts it on a fresh directory and waits until it serves.
    pub(crate) fn start(&self) -> Result<Spawned> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = Directory(self.parent.join(format!("{DIRECTORY}{}-{number}", std::process::id())));
        fs::create_dir(&directory.0).map_err(|error| Error::io(directory.0.display(), error))?;
        self.start_on(directory)
    }

    fn start_on(&self, directory: Directory) -> Result<Spawned> {
        let told = directory.0.join("stderr");
        let errors = File::create(&told).map_err(|error| Error::io(told.display(), error))?;
        let begun = Instant::now();
        let mut command = self.itself.command(&["become".into(), "--".into(), self.path.clone().into()])?;
        command.args(["--amqp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data-dir"]).arg(directory.0.join("data"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"NARUMQ_")) {
            command.env_remove(name);
        }
        let child = command.spawn().map_err(|error| Error::io(self.path.display(), error))?;
        let mut process = Process { child };
        let serving = process.address().and_then(|(address, output)| {
            let uri = format!("amqp://guest:guest@{address}/").parse().map_err(Error::new)?;
            let broker = Broker { fresh: true, ..Broker::find(&uri, Some(process.child.id()))? };
            // Ready is who answers, not who says so.
            broker.connect()?.close();
            Ok((broker, output))
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
pub(crate) struct Spawned {
    // Dropped in this order: first the process, then its directory.
    process: Process,
    directory: Directory,
    program: Program,
    pub(crate) broker: Broker,
    /// From its start until a connection and a channel were open.
    pub(crate) ready: Duration,
    /// Kept open, so that the broker may go on printing.
    _output: BufReader<ChildStdout>,
}

impl Spawned {
    /// Kills it with no warning and starts it again on the same data.
    pub(crate) fn restart(self) -> Result<Spawned> {
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

struct Process {
    child: Child,
}

impl Process {
    /// Reads the banner up to the line `amqp ADDRESS`.
    fn address(&mut self) -> Result<(String, BufReader<ChildStdout>)> {
        let output = self.child.stdout.take().ok_or_else(|| Error::new("it has no standard output"))?;
        let mut output = BufReader::new(output);
        let mut line = String::new();
        while output.read_line(&mut line)? > 0 {
            let mut words = line.split_whitespace();
            if let (Some("amqp"), Some(address)) = (words.next(), words.next()) {
                return Ok((address.to_owned(), output));
            }
            line.clear();
        }
        Err(Error::new("it ended before it said where"))
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
struct Directory(PathBuf);

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
