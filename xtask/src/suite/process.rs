//! Runs one command of a step: its output read as it comes, its time bounded, nothing of it left running.

use std::io::{self, BufRead, BufReader, PipeReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::count::Counts;
use super::steps::Step;
use super::{Outcome, Run};

/// How often the progress line moves when the command says nothing.
const TICK: Duration = Duration::from_millis(200);

/// How long after a command's end another process may still hold its output before it counts as left behind.
const GRACE: Duration = Duration::from_secs(5);

/// What would lead a client to another broker than the binary under test.
const OTHER_BROKER: &[&str] = &["NARUMQ_E2E_AMQP", "NARUMQ_E2E_HTTP", "NARUMQ_E2E_KIND", "NARUMQ_E2E_ARGS"];

/// The process group of the command that runs now; 0 for none.
static RUNNING: AtomicI32 = AtomicI32::new(0);

/// What a command printed and how it ended.
struct Finished {
    output: String,
    /// Why it counts as failed; nothing if it succeeded.
    fault: Option<String>,
}

/// What the threads that watch a command say.
enum Event {
    Line(String),
    /// Nobody holds the command's output any more.
    Closed,
    Exited(io::Result<ExitStatus>),
}

impl Run {
    /// A command in the root of the checkout, without colours and without input, told where the binary is.
    pub(super) fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.root).stdin(Stdio::null());
        command.env("CARGO_TERM_COLOR", "never").env("NO_COLOR", "1").env_remove("FORCE_COLOR");
        for variable in OTHER_BROKER {
            command.env_remove(variable);
        }
        if let Some(binary) = &self.binary {
            command.env("NARUMQ_BIN", binary);
        }
        command
    }

    /// A command that holds or fails as a whole.
    pub(super) fn check(&mut self, step: &Step, command: Command) -> Outcome {
        let finished = self.execute(step, command);
        match finished.fault {
            None => Outcome::one_passed(finished.output),
            Some(fault) => Outcome::failed(fault, finished.output),
        }
    }

    /// A command that prepares a step: its failure is the step's.
    pub(super) fn must(&mut self, step: &Step, command: Command) -> Result<(), Outcome> {
        let finished = self.execute(step, command);
        finished.fault.map_or(Ok(()), |fault| Err(Outcome::failed(fault, finished.output)))
    }

    /// A test runner, whose output `count` can read. It has failed if it says so, and if it ran no test.
    pub(super) fn tests(&mut self, step: &Step, command: Command, count: fn(&str) -> Counts) -> Outcome {
        let finished = self.execute(step, command);
        let mut counts = count(&finished.output);
        let ran = counts.passed + counts.failed;
        let note = finished.fault.or_else(|| (ran == 0).then(|| "no test was run".to_owned())).unwrap_or_default();
        if !note.is_empty() && counts.failed == 0 {
            counts.failed = 1;
        }
        Outcome { counts, note, output: finished.output }
    }

    fn execute(&mut self, step: &Step, command: Command) -> Finished {
        let shown = shown(&command);
        let (group, events) = match start(command) {
            Ok(started) => started,
            Err(error) => return Finished { output: String::new(), fault: Some(format!("`{shown}`: {error}")) },
        };
        RUNNING.store(group.as_raw_pid(), Ordering::SeqCst);
        let mut finished = self.watch(step, group, &events);
        // Its descendants that let go of its output, if any, end with it.
        let _ = kill_process_group(group, Signal::KILL);
        RUNNING.store(0, Ordering::SeqCst);
        finished.fault = finished.fault.map(|fault| format!("`{shown}` {fault}"));
        finished
    }

    /// Follows a command to its end, or to the end of its time.
    fn watch(&mut self, step: &Step, group: Pid, events: &Receiver<Event>) -> Finished {
        let own_end = self.step_begun + Duration::from_secs(60 * step.minutes);
        let mut end = self.end.map_or(own_end, |end| end.min(own_end));
        let (mut output, mut closed, mut exited, mut fault) = (String::new(), false, None, None);
        while !(exited.is_some() && (closed || fault.is_some())) {
            match events.recv_timeout(TICK) {
                Ok(Event::Line(line)) => {
                    self.console.progress(&line);
                    output.push_str(&line);
                }
                Ok(Event::Closed) => closed = true,
                Ok(Event::Exited(status)) => {
                    exited = Some(status);
                    end = Instant::now() + GRACE;
                }
                Err(RecvTimeoutError::Timeout) => self.console.progress(""),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if fault.is_none() && Instant::now() >= end {
                fault = Some(match exited {
                    Some(_) => "left a process behind that holds its output".to_owned(),
                    None => format!("was stopped: its time was up after {} s", self.step_begun.elapsed().as_secs()),
                });
                let _ = kill_process_group(group, Signal::KILL);
            }
        }
        let fault = fault.or_else(|| match exited {
            Some(Ok(status)) if status.success() => None,
            Some(Ok(status)) => Some(format!("ended with {status}")),
            Some(Err(error)) => Some(format!("could not be waited for: {error}")),
            None => Some("ended unseen".to_owned()),
        });
        Finished { output, fault }
    }
}

/// Starts a command in a process group of its own, with a thread for its output and one for its end.
fn start(mut command: Command) -> io::Result<(Pid, Receiver<Event>)> {
    let (reader, writer) = io::pipe()?;
    command.stdout(writer.try_clone()?).stderr(writer).process_group(0);
    let child = command.spawn()?;
    // The command holds our ends of the pipe; the output closes only when they are closed too.
    drop(command);
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
    let (sender, events) = mpsc::channel();
    let lines = sender.clone();
    thread::Builder::new().name("output".to_owned()).spawn(move || send_lines(reader, &lines))?;
    thread::Builder::new().name("exit".to_owned()).spawn(move || send_exit(child, &sender))?;
    Ok((group, events))
}

fn send_lines(reader: PipeReader, events: &Sender<Event>) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        if events.send(Event::Line(plain(&String::from_utf8_lossy(&line)))).is_err() {
            return;
        }
        line.clear();
    }
    // Nobody listens any more when the command was given up: then there is nobody to tell.
    let _ = events.send(Event::Closed);
}

/// A line without the colour sequences (`ESC [ ... letter`) that some programs print whatever they are told.
fn plain(line: &str) -> String {
    let mut pieces = line.split("\x1b[");
    let mut text = pieces.next().unwrap_or("").to_owned();
    for piece in pieces {
        let end = piece.find(|letter: char| letter.is_ascii_alphabetic()).map_or(piece.len(), |at| at + 1);
        text.push_str(&piece[end..]);
    }
    text
}

fn send_exit(mut child: Child, events: &Sender<Event>) {
    let _ = events.send(Event::Exited(child.wait()));
}

/// The program and its first arguments that are no options, as a person would recognise them.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let arguments = command.get_args().filter(|argument| !argument.as_encoded_bytes().starts_with(b"-"));
    let words = std::iter::once(program).chain(arguments.take(2));
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// From here on a signal that ends this program ends the running command first: it has a process group of its
/// own, so the terminal's Ctrl-C does not reach it.
pub(super) fn stop_with_us() -> Result<(), String> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(|error| format!("signals: {error}"))?;
    let wait = move || {
        if let Some(signal) = signals.forever().next() {
            if let Some(group) = Pid::from_raw(RUNNING.load(Ordering::SeqCst)) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            std::process::exit(128 + signal);
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(wait).map_err(|error| format!("signals: {error}"))?;
    Ok(())
}

/// Where cargo builds, whatever the configuration of the machine says.
pub(super) fn target_folder(root: &Path) -> Result<PathBuf, String> {
    let arguments = ["metadata", "--no-deps", "--format-version", "1"];
    let output = Command::new("cargo").args(arguments).current_dir(root).output();
    let output = output.map_err(|error| format!("cannot run cargo: {error}"))?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|_| format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim()))?;
    metadata["target_directory"].as_str().map(PathBuf::from).ok_or_else(|| "cargo names no target folder".to_owned())
}

#[cfg(test)]
mod tests;
