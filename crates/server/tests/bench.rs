//! `narumq bench amqp --spawn` on this very broker: every standard load in small, kill -9 and restart among them.

#![allow(clippy::unwrap_used, reason = "a test ends where something unexpected is")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// The table on brokers of its own below `directory`, with one run a row; the results and what was printed.
fn table(directory: &Path, words: &[&str]) -> (Value, String) {
    let (data, results) = (directory.join("data"), directory.join("results"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_narumq"));
    command.args(["bench", "amqp", "--table", "--spawn", "--runs", "1", "--spinner", "off", "--quiet", "--name", "t"]);
    command.arg("--data-dir").arg(&data).arg("--results").arg(&results).args(words).stdin(Stdio::null());
    let output = command.output().unwrap();
    let (printed, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.is_empty(), "{said}\n{printed}");
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 0, "no data is left behind");
    assert!(std::fs::read_to_string(results.join("t.md")).unwrap().contains("| figure | target |"));
    let text = std::fs::read_to_string(results.join("t.json")).unwrap();
    (serde_json::from_str(&text).unwrap(), printed)
}

#[test]
fn every_standard_load_is_carried_out_and_every_target_is_judged() {
    let directory = TempDir::new().unwrap();
    let (results, printed) = table(directory.path(), &["--scale", "0.0003"]);
    let loads = results["loads"].as_array().unwrap();
    assert!(loads.len() >= 13);
    assert!(results["machine"]["disk_p50_us"].as_f64().unwrap() > 0.0);
    for load in loads {
        let broker = &load["brokers"][0];
        assert_eq!((&broker["product"], &broker["spawned"]), (&"NaruMQ".into(), &true.into()));
        for target in load["targets"].as_array().unwrap() {
            // Only what is held against a second broker cannot be judged without one.
            let alone = target["target"]["below_against"].is_null();
            assert_eq!(target["met"].is_boolean(), alone, "{}: {target}", load["name"]);
        }
    }
    assert!(!printed.contains('\x1b') && printed.contains(" targets met, "));
}

#[test]
fn own_scenarios_are_read_and_a_backlog_outlives_the_kill() {
    let directory = TempDir::new().unwrap();
    let scenarios = directory.path().join("scenarios");
    std::fs::create_dir(&scenarios).unwrap();
    let load =
        "[load]\nscenario = 'restart'\nmessages = 700\nsize = 100\npersistent = true\ndurable = true\nconfirm = 10\n";
    let target = "[[target]]\nfigure = 'recovered'\nat_least = 701\n";
    std::fs::write(scenarios.join("mine.toml"), format!("name = 'mine'\n{load}[[row]]\n{target}")).unwrap();
    let (results, printed) = table(directory.path(), &["--scenarios", scenarios.to_str().unwrap()]);
    let figures = &results["loads"][0]["brokers"][0]["figures"];
    assert_eq!((&figures["recovered"], &figures["delivered"]), (&700.0.into(), &700.0.into()));
    assert!(figures["ready_us"].as_f64().unwrap() > 0.0);
    assert!(printed.contains("MISSED by 0.1 %"), "{printed}");
}

#[test]
fn what_is_no_broker_is_told_apart_from_one() {
    let directory = TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_narumq"));
    command.args(["bench", "amqp", "--messages", "1", "--spinner", "off", "--spawn", "/bin/false", "--data-dir"]);
    let output = command.arg(directory.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: spawned: /bin/false does not serve: "));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}
