//! The binary as an operator meets it: banner, refusals, precedence, the lock, signals.

#![allow(clippy::unwrap_used, reason = "a test ends where something unexpected is")]

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

fn narumq(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_narumq"));
    command.args(words).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("NARUMQ_")) {
        command.env_remove(name);
    }
    command
}

fn refused(mut command: Command, code: i32) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(code), "{said}");
    assert!(stdout.is_empty());
    assert_eq!(said.lines().count(), 1, "one clear line: {said}");
    assert!(said.starts_with("narumq: error: "), "no colours, no noise: {said:?}");
    said
}

/// A running broker; killed when it goes out of scope.
struct Running {
    child: Child,
    _stdout: BufReader<ChildStdout>,
    banner: Vec<String>,
}

impl Running {
    #[allow(clippy::zombie_processes, reason = "every way out but a failed test waits")]
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut banner = Vec::new();
        loop {
            let mut line = String::new();
            assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "it ends before it is ready: {banner:?}");
            banner.push(line.trim_end().to_owned());
            if line.trim_start().starts_with("started") {
                return Self { child, _stdout: stdout, banner };
            }
        }
    }

    fn value(&self, name: &str) -> &str {
        let of = |line: &'_ str| line.strip_prefix("  ").is_some_and(|rest| rest.starts_with(name));
        let line = self.banner.iter().find(|line| of(line)).expect(name);
        line[2 + name.len()..].trim()
    }

    fn address(&self, door: &str) -> SocketAddr {
        self.value(door).trim_start_matches("http://").parse().unwrap()
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    fn end(&mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (code, said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn data() -> (TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data").to_str().unwrap().to_owned();
    (directory, path)
}

fn serve(data: &str) -> Command {
    narumq(&["serve", "--data-dir", data, "--amqp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--kafka", "off"])
}

#[test]
fn it_tells_where_it_is_and_is_there() {
    let (_keep, data) = data();
    let broker = Running::start(serve(&data));
    assert!(broker.banner[0].starts_with(concat!("NaruMQ ", env!("CARGO_PKG_VERSION"), " is ready after ")));
    assert_eq!(Path::new(broker.value("data")), Path::new(&data).canonicalize().unwrap());
    assert!(broker.value("durability").starts_with("fsync"));
    assert!(broker.value("started").ends_with('Z'));
    for door in ["amqp", "http"] {
        TcpStream::connect(broker.address(door)).unwrap();
    }
}

#[test]
fn a_second_process_is_kept_out_until_the_first_is_gone_however_it_went() {
    let (_keep, data) = data();
    let mut first = Running::start(serve(&data));
    let said = refused(serve(&data), 1);
    let owner = format!("is in use by process {};", first.child.id());
    assert!(said.contains(&owner) && said.contains(&data), "{said}");
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    Running::start(serve(&data));
}

#[test]
fn both_signals_end_it_in_order() {
    for name in ["-TERM", "-INT"] {
        let (_keep, data) = data();
        let mut broker = Running::start(serve(&data));
        let idle = TcpStream::connect(broker.address("http")).unwrap();
        idle.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        broker.signal(name);
        let mut bytes = Vec::new();
        (&idle).read_to_end(&mut bytes).expect("closed, not cut");
        drop(idle);
        let (code, said) = broker.end();
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("stopped after"), "{said}");
        // And what it had is free again.
        Running::start(serve(&data));
    }
}

#[test]
fn options_come_from_the_command_line_then_the_environment_then_the_file() {
    let (keep, data) = data();
    let file = keep.path().join("narumq.toml");
    let text = format!("data-dir = '{data}'\namqp = '127.0.0.1:0'\nhttp = 'off'\ndurability = 'os'\n");
    std::fs::write(&file, text).unwrap();
    let from = |words: &[&str], environment: &[(&str, &str)]| {
        let mut command = narumq(&[&["--config", file.to_str().unwrap()], words].concat());
        command.envs(environment.iter().copied());
        Running::start(command)
    };
    let only_file = from(&[], &[]);
    assert!(only_file.value("durability").starts_with("os"));
    assert!(!only_file.banner.iter().any(|line| line.contains("http")));
    drop(only_file);
    let environment = [("NARUMQ_DURABILITY", "fsync"), ("NARUMQ_HTTP", "127.0.0.1:0")];
    let over_file = from(&[], &environment);
    assert!(over_file.value("durability").starts_with("fsync"));
    over_file.address("http");
    drop(over_file);
    assert!(from(&["--durability", "os"], &environment).value("durability").starts_with("os"));
}

#[test]
fn what_cannot_work_is_refused_in_one_line_that_says_what_to_do() {
    let (keep, data) = data();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = refused(narumq(&["--data-dir", &data, "--http", "off", "--kafka", "off", "--amqp", &address]), 1);
    assert!(said.contains(&address) && said.contains("--amqp"), "{said}");

    let said = refused(narumq(&["--data-dir", &data, "--amqp", "0.0.0.0:0"]), 2);
    assert!(said.contains("--allow-default-credentials"), "{said}");

    let file = keep.path().join("wrong.toml");
    std::fs::write(&file, "heartbeat = 5\nhartbeat = 5\n").unwrap();
    let said = refused(narumq(&["--config", file.to_str().unwrap()]), 2);
    assert!(said.contains("line 2") && said.contains("hartbeat"), "{said}");

    let said = refused(narumq(&["--config", "/nowhere/narumq.toml"]), 2);
    assert!(said.contains("/nowhere/narumq.toml"), "{said}");

    let said =
        refused(narumq(&["--data-dir", file.to_str().unwrap(), "--amqp", "0", "--http", "off", "--kafka", "off"]), 1);
    assert!(said.contains("wrong.toml") && said.contains("--data-dir"), "{said}");
}

#[test]
fn the_command_line_explains_itself() {
    let Output { status, stdout, .. } = narumq(&["--help"]).output().unwrap();
    let help = String::from_utf8(stdout).unwrap();
    assert!(status.success());
    for word in
        ["--data-dir", "--amqp", "--http", "--durability", "NARUMQ_AMQP", "[default: 5672]", "this machine only"]
    {
        assert!(help.contains(word), "{word} is missing in:\n{help}");
    }
    let unknown = narumq(&["--amqq", "1"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
}
