//! Child processes of the generator: the spinner and the least server. A child ends when its
//! standard input closes, thus also when the generator dies.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::error::{Error, Result};

/// How this program is called again: the program and the words before `limit-server` or `spin`.
#[derive(Clone, Debug)]
pub(crate) struct Itself {
    words: Vec<String>,
}

/// A running child, ended and awaited when dropped.
pub(crate) struct Running {
    child: Child,
    input: Option<ChildStdin>,
}

impl Itself {
    /// This program, whose `bench` arguments follow the given words.
    pub(crate) fn after(words: &[&str]) -> Itself {
        Itself { words: words.iter().map(ToString::to_string).collect() }
    }

    /// Whether the program is the broker, and the generator a word of it.
    pub(crate) fn is_broker(&self) -> bool {
        !self.words.is_empty()
    }

    /// This program with these `bench` arguments, to be started.
    pub(crate) fn command(&self, arguments: &[OsString]) -> Result<Command> {
        let program = std::env::current_exe().map_err(|error| Error::io("finding this program", error))?;
        let mut command = Command::new(program);
        command.args(&self.words).args(arguments);
        Ok(command)
    }

    /// Starts a child and reads the one line it prints when it is ready.
    pub(crate) fn start(&self, arguments: &[OsString]) -> Result<(Running, String)> {
        let mut command = self.command(arguments)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| Error::io("starting a child process", error))?;
        let mut running = Running { input: child.stdin.take(), child };
        let mut line = String::new();
        if let Some(output) = running.child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        if line.is_empty() {
            return Err(Error::new(format!("a child process ({arguments:?}) did not start")));
        }
        Ok((running, line.trim().to_owned()))
    }
}

impl Running {
    /// Its process number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.input.take());
        // A child that is gone already is what is wanted.
        let _ = self.child.wait();
    }
}

/// In a child: returns when the parent closes standard input.
pub(crate) fn until_parent_leaves() {
    // Whatever ends the read, the parent is no longer there.
    let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
}
