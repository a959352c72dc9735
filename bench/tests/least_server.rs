//! Drives the least server with the real program over loopback: what goes in must come out.
#![allow(clippy::unwrap_used, reason = "a test fails by its panic")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_narumq-bench");

/// The least server as a child; it ends when its standard input closes.
struct Server {
    child: Child,
    uri: String,
}

impl Server {
    fn start() -> Server {
        let mut command = Command::new(PROGRAM);
        command.args(["limit-server", "--dir"]).arg(std::env::temp_dir());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Server { child, uri: format!("amqp://127.0.0.1:{}", port.trim()) }
    }

    /// Runs a load; the exit code and standard output.
    fn bench(&self, arguments: &str) -> (i32, String) {
        let pid = self.child.id().to_string();
        let fixed = ["amqp", "--uri", &self.uri, "--pid", &pid, "--spinner", "off", "--quiet"];
        let output = Command::new(PROGRAM).args(fixed).args(arguments.split_whitespace()).output().unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }

    /// Runs a load that must be right; the broker's figures.
    fn figures(&self, arguments: &str) -> serde_json::Value {
        let (code, text) = self.bench(&format!("{arguments} -o json"));
        let result: serde_json::Value = serde_json::from_str(&text).unwrap();
        let broker = &result["loads"][0]["brokers"][0];
        assert_eq!((code, &broker["faults"]), (0, &serde_json::json!([])), "{arguments}");
        assert_eq!(broker["product"], "limit");
        assert!(result["machine"]["cores"].as_u64().unwrap() > 0);
        broker["figures"].clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[test]
fn all_that_is_published_is_delivered() {
    let server = Server::start();
    for (arguments, published, copies) in [
        ("--messages 20000", 20_000.0, 1.0),
        ("--messages 20001 --producers 3 --consumers 2 --queues 7", 20_001.0, 1.0),
        ("--messages 5000 --consumers 4 --queues 2 --ack 10", 5_000.0, 1.0),
        ("--messages 3000 --size 1024 --persistent --durable --confirm 100 --ack 100 --prefetch 100", 3_000.0, 1.0),
        ("--messages 40 --size 300000 --confirm 8 --ack 7", 40.0, 1.0),
        ("--messages 500 --size 0", 500.0, 1.0),
        ("--scenario fanout --fanout 5 --consumers 2 --messages 2000", 2_000.0, 5.0),
        ("--scenario backlog --messages 3000 --queues 3", 3_000.0, 1.0),
        ("--scenario backlog --messages 3000 --confirm 0 --persistent", 3_000.0, 1.0),
        ("--scenario latency --messages 500 --rate 5000 --producers 2", 500.0, 1.0),
    ] {
        let figures = server.figures(arguments);
        assert_eq!(figures["published"], published, "{arguments}");
        assert_eq!(figures["delivered"], published * copies, "{arguments}");
        assert!(figures["rss_peak_bytes"].as_f64().unwrap() > 0.0, "{arguments}");
    }
}

#[test]
fn an_open_loop_keeps_its_rate_and_its_time() {
    let server = Server::start();
    let figures = server.figures("--scenario latency --rate 2000 --seconds 0.5 --drain");
    let published = figures["published"].as_f64().unwrap();
    assert!((900.0..=1001.0).contains(&published), "{published} of 1000");
    assert_eq!(figures["delivered"], published);
    let quantile = |name: &str| figures[name].as_f64().unwrap();
    assert!(quantile("latency_p50_us") <= quantile("latency_p99_us"));
    assert!(quantile("latency_p99_us") <= quantile("latency_max_us"));
}

#[test]
fn a_window_of_one_is_set_beside_the_disk_alone() {
    let server = Server::start();
    let figures = server.figures("--messages 100 --size 1024 --persistent --confirm 1");
    let value = |name: &str| figures[name].as_f64().unwrap();
    assert!(value("written_bytes_per_published") < 65_536.0, "a small write stays small on the disk");
    let ratio = value("confirm_p50_us") / value("disk_p50_us");
    assert!((value("confirm_per_disk_p50") - ratio).abs() < 1e-6 && ratio > 0.0);
}

#[test]
fn idle_populations_are_counted() {
    let server = Server::start();
    let queues = server.figures("--scenario queues --queues 50");
    assert_eq!(queues["count"], 50.0);
    let connections = server.figures("--scenario connections --connections 40");
    assert_eq!(connections["count"], 40.0);
    assert!(connections["rss_bytes_each"].as_f64().unwrap() >= 0.0);
}

#[test]
fn a_second_broker_and_the_limit_give_ratios() {
    let (server, other) = (Server::start(), Server::start());
    let (code, text) = server.bench(&format!("--messages 2000 --limit --runs 3 -o json --against {}", other.uri));
    assert_eq!(code, 0);
    let result: serde_json::Value = serde_json::from_str(&text).unwrap();
    let load = &result["loads"][0];
    let roles: Vec<_> = load["brokers"].as_array().unwrap().iter().map(|broker| broker["role"].clone()).collect();
    assert_eq!(roles, ["broker", "against", "limit"]);
    assert_eq!(load["brokers"][1]["runs"].as_array().unwrap().len(), 3);
    assert_eq!(load["brokers"][1]["pid"], other.child.id());
    let value = |index: usize| load["brokers"][index]["figures"]["in_per_s"].as_f64().unwrap();
    let ratio = load["ratios"]["limit"]["in_per_s"].as_f64().unwrap();
    assert!((ratio - value(0) / value(2)).abs() < 1e-9);

    let (code, table) = server.bench("--messages 2000 --limit");
    assert_eq!(code, 0);
    let width = table.lines().nth(1).unwrap().chars().count();
    assert!(table.lines().skip(1).all(|line| line.chars().count() <= width), "columns are aligned:\n{table}");
    assert!(!table.contains('\x1b'), "no colours in a pipe");
}

#[test]
fn what_cannot_be_done_fails() {
    let server = Server::start();
    let run = |arguments: &[&str]| Command::new(PROGRAM).arg("amqp").args(arguments).output().unwrap();
    assert_eq!(run(&["--ack", "9", "--prefetch", "3"]).status.code(), Some(2));
    let uri = server.uri.clone();
    drop(server);
    let gone = run(&["--uri", &uri, "--spinner", "off"]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&gone.stderr).starts_with("error: "));
}
