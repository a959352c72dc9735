//! Drives the least server of Kafka's protocol with the real program over loopback: what goes in must come out.
#![allow(clippy::unwrap_used, reason = "a test fails by its panic")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_narumq-bench");

/// The least server as a child; it ends when its standard input closes.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start() -> Server {
        let mut command = Command::new(PROGRAM);
        command.args(["kafka-limit-server", "--dir"]).arg(std::env::temp_dir());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Server { child, address: format!("127.0.0.1:{}", port.trim()) }
    }

    /// Runs a load; the exit code and standard output.
    fn bench(&self, arguments: &str) -> (i32, String) {
        let pid = self.child.id().to_string();
        let fixed = ["kafka", "--broker", &self.address, "--pid", &pid, "--spinner", "off", "--quiet"];
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
        broker["figures"].clone()
    }

    /// Sends octets and reads until the server closes or as much has come as is wanted.
    fn raw(&self, octets: &[u8], wanted: usize) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(octets).unwrap();
        let mut answer = Vec::new();
        stream.take(wanted as u64).read_to_end(&mut answer).unwrap();
        answer
    }

    /// The error code that Metadata tells for a topic.
    fn code_of(&self, topic: &str) -> i16 {
        let mut request = vec![0, 3, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, topic.len() as u8 + 1];
        request.extend(topic.as_bytes());
        request.extend([0; 5]);
        let size = request.len() as u32;
        // Size, correlation id, tags, throttle time; one broker; cluster id, controller id; one topic.
        let before = 4 + 4 + 1 + 4 + (1 + 4 + 1 + "127.0.0.1".len() + 4 + 1 + 1) + 1 + 4 + 1;
        let answer = self.raw(&[&size.to_be_bytes()[..], &request].concat(), before + 2);
        i16::from_be_bytes(*answer[before..].first_chunk().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[test]
fn all_that_is_produced_is_held() {
    let server = Server::start();
    for (arguments, batches) in [
        ("--bytes 1MiB --size 100", 17.0),
        ("--bytes 1MiB --connections 3 --partitions 2 --in-flight 1", 17.0),
        ("--bytes 100KiB --size 100 --batch 0 --topics 3 --partitions 5", 603.0),
        ("--bytes 70MiB --size 1MiB --batch 2MiB", 70.0),
    ] {
        let figures = server.figures(arguments);
        assert_eq!(figures["batches"], batches, "{arguments}");
        assert!(figures["records"].as_f64().unwrap() >= batches, "{arguments}");
        for figure in ["in_mib_per_s", "mib_per_cpu_s", "produce_p50_us", "rss_peak_bytes"] {
            assert!(figures[figure].as_f64().unwrap() > 0.0, "{arguments} {figure}");
        }
    }
    let figures = server.figures("--seconds 0.3 --rate 200 --batch 0 --size 100");
    let records = figures["records"].as_f64().unwrap();
    assert!((50.0..=61.0).contains(&records), "{records} of 60");
}

#[test]
fn what_was_filled_in_is_drained_again_and_again() {
    let server = Server::start();
    let figures = server.figures("--scenario consume --fill 3MiB --bytes 10MiB");
    let fetched = figures["octets_per_fetch"].as_f64().unwrap();
    assert!((700_000.0..1_048_577.0).contains(&fetched), "{fetched}");
    assert!(figures["records"].as_f64().unwrap() >= 10_000.0);
    let figures = server.figures("--scenario consume --fill 1MiB --bytes 2MiB --fetch 64KiB --size 100");
    let fetched = figures["octets_per_fetch"].as_f64().unwrap();
    assert!((60_000.0..65_537.0).contains(&fetched), "one batch a fetch: {fetched}");
    let figures = server.figures("--scenario consume --fill 200KiB --bytes 1MiB --batch 0 --size 100 --connections 2");
    assert!(figures["out_per_s"].as_f64().unwrap() > 0.0);
}

#[test]
fn records_go_from_end_to_end_one_by_one() {
    let server = Server::start();
    let figures = server.figures("--scenario latency --records 50");
    assert_eq!(figures["records"], 50.0);
    let value = |name: &str| figures[name].as_f64().unwrap();
    assert!(0.0 < value("latency_p50_us") && value("latency_p50_us") <= value("latency_p99_us"));
    assert!(0.0 < value("produce_p50_us") && value("produce_p50_us") <= value("produce_max_us"));
}

#[test]
fn a_record_larger_than_the_buffers_of_a_socket_goes_through() {
    let server = Server::start();
    let figures = server.figures("--scenario latency --records 1 --size 5MiB --fetch 8MiB");
    assert_eq!(figures["records"], 1.0);
}

#[test]
fn no_topic_is_left_by_a_load_that_fails() {
    let server = Server::start();
    // The files of the least server have no names, so none can be dropped from the page cache.
    let empty = std::env::temp_dir().join(format!("narumq-bench-empty-{}", std::process::id()));
    std::fs::create_dir_all(&empty).unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["kafka", "--broker", &server.address, "--spinner", "off", "--quiet", "--scenario", "interference"]);
    command.args(["--fill", "1MiB", "--partitions", "1", "--seconds", "0.1", "--broker-data"]).arg(&empty);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let output = child.wait_with_output().unwrap();
    std::fs::remove_dir(&empty).unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("there is no file below"), "{told}");
    for run in [0, 1] {
        assert_eq!(server.code_of(&format!("narumq-bench-topic-{pid}-{run}-000000")), 3, "UNKNOWN_TOPIC_OR_PARTITION");
    }
}

#[test]
fn topics_are_counted() {
    let server = Server::start();
    let figures = server.figures("--scenario topics --topics 30 --partitions 3");
    assert_eq!((&figures["partitions"], figures["each_p50_us"].is_f64()), (&serde_json::json!(90.0), true));
    assert!(figures["produce_seconds"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_second_broker_and_the_limit_give_ratios() {
    let (server, other) = (Server::start(), Server::start());
    let arguments = format!("--bytes 1MiB --limit --runs 3 -o json --against {}", other.address);
    let (code, text) = server.bench(&format!("{arguments} --product Ours --against-product Theirs"));
    assert_eq!(code, 0);
    let result: serde_json::Value = serde_json::from_str(&text).unwrap();
    let load = &result["loads"][0];
    let brokers = load["brokers"].as_array().unwrap();
    let told: Vec<_> = brokers.iter().map(|broker| (broker["role"].clone(), broker["product"].clone())).collect();
    let expected = [("broker", "Ours"), ("against", "Theirs"), ("limit", "limit")].map(|(a, b)| (a.into(), b.into()));
    assert_eq!(told, expected);
    assert_eq!(brokers[1]["runs"].as_array().unwrap().len(), 3);
    let value = |index: usize| load["brokers"][index]["figures"]["in_mib_per_s"].as_f64().unwrap();
    let ratio = load["ratios"]["limit"]["in_mib_per_s"].as_f64().unwrap();
    assert!((ratio - value(0) / value(2)).abs() < 1e-9);
}

#[test]
fn hostile_octets_cost_a_connection() {
    let server = Server::start();
    let api_versions = [0, 0, 0, 12, 0, 18, 0, 3, 0, 0, 0, 9, 0, 0, 0, 0];
    let answer = server.raw(&api_versions, 8);
    assert_eq!(answer[4..], [0, 0, 0, 9], "the correlation id comes back");
    for hostile in [
        &[0xff; 64][..],
        &[0, 0, 0, 4, 0, 0, 0, 9],
        &[0, 0, 0, 10, 0, 99, 0, 0, 0, 0, 0, 1, 0, 0],
        &[0, 0, 0, 14, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff],
    ] {
        assert!(server.raw(hostile, 100).is_empty(), "{hostile:?}");
    }
    // In another version the fields lie elsewhere.
    let other_version = [0, 0, 0, 12, 0, 18, 0, 2, 0, 0, 0, 9, 0, 0, 0, 0];
    assert!(server.raw(&other_version, 8).is_empty());
    assert_eq!(server.figures("--bytes 100KiB")["batches"], 2.0);
}

#[test]
fn what_cannot_be_done_fails() {
    let server = Server::start();
    let run = |arguments: &[&str]| Command::new(PROGRAM).arg("kafka").args(arguments).output().unwrap();
    assert_eq!(run(&["--acks", "0"]).status.code(), Some(2));
    assert_eq!(run(&["--scenario", "restart"]).status.code(), Some(2));
    let address = server.address.clone();
    drop(server);
    let gone = run(&["--broker", &address, "--spinner", "off"]);
    assert_eq!(gone.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&gone.stderr).starts_with("error: "));
}
