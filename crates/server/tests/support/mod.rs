//! A broker of its own for a test, and the command line against it.
#![allow(dead_code, clippy::unwrap_used, reason = "shared by test binaries, which end where something unexpected is")]

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use tempfile::TempDir;

/// A running broker; killed when it goes out of scope.
pub struct Broker {
    child: Child,
    _stdout: BufReader<ChildStdout>,
    _data: TempDir,
    pub http: String,
    pub amqp: String,
    pub kafka: String,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

fn narumq() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_narumq"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("NARUMQ_")) {
        command.env_remove(name);
    }
    command
}

impl Broker {
    #[allow(clippy::zombie_processes, reason = "dropping it waits")]
    pub fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = narumq();
        command.arg("serve").arg("--data-dir").arg(data.path().join("data")).stdin(Stdio::null());
        for door in ["--amqp", "--http", "--kafka"] {
            command.args([door, "127.0.0.1:0"]);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut banner = Vec::new();
        while !banner.last().is_some_and(|line: &String| line.trim_start().starts_with("started")) {
            let mut line = String::new();
            assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "it ends before it is ready: {banner:?}");
            banner.push(line);
        }
        let address = |door: &str| {
            let line =
                banner.iter().find_map(|line| line.trim().strip_prefix(door)).expect("the door is in the banner");
            line.trim().trim_start_matches("http://").to_owned()
        };
        let (http, amqp, kafka) = (address("http"), address("amqp"), address("kafka"));
        Self { child, _stdout: stdout, _data: data, http, amqp, kafka }
    }

    /// The command line against this broker.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = narumq();
        command.args(words).env("NARUMQ_HTTP", &self.http).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, words: &[&str]) -> Said {
        self.feed(words, b"")
    }

    /// Runs a command with this on its standard input.
    pub fn feed(&self, words: &[&str], input: &[u8]) -> Said {
        let mut command = self.command(words);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Who does not read its input has a reason to end before.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs a command that must succeed without a word of complaint.
    pub fn good(&self, words: &[&str]) -> String {
        let said = self.run(words);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{words:?}: {said:?}");
        said.out
    }

    /// The JSON that a command tells.
    pub fn json(&self, words: &[&str]) -> Value {
        let text = self.good(&[words, &["-o", "json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words:?}: {error} in {text}"))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
