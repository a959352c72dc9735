//! The steps of the test command, in their order: one row each, and the work of those that use cargo alone.

use super::clients;
use super::count;
use super::toolchain::{GO, JAVA, KCAT, NODE, PYTHON, Toolchain};
use super::{Outcome, Run};
use crate::tidy;

/// One step.
pub(super) struct Step {
    /// Its name for `--only` and the summary.
    pub(super) name: &'static str,
    /// What it runs, for people.
    pub(super) about: &'static str,
    /// Minutes after which it is stopped and has failed.
    pub(super) minutes: u64,
    /// Where the unmodified clients are, for a step that runs them against the binary.
    pub(super) client: Option<Client>,
    /// Does it.
    pub(super) work: fn(&mut Run, &Step) -> Outcome,
}

/// The end-to-end tests of one kind of client.
pub(super) struct Client {
    /// Their folder, from the root.
    pub(super) folder: &'static str,
    /// Whether the absence of the folder is a failure.
    pub(super) required: bool,
    /// What must be on the machine beside cargo.
    pub(super) toolchain: Option<&'static Toolchain>,
}

impl Client {
    const fn required(folder: &'static str, toolchain: Option<&'static Toolchain>) -> Option<Self> {
        Some(Self { folder, required: true, toolchain })
    }

    const fn optional(folder: &'static str, toolchain: Option<&'static Toolchain>) -> Option<Self> {
        Some(Self { folder, required: false, toolchain })
    }
}

/// The name of the step that makes the binary which the clients need.
pub(super) const BUILD: &str = "build";

/// Every step. A new set of clients, or a long check like the soak, is one more row.
#[rustfmt::skip]
pub(super) const STEPS: &[Step] = &[
    Step { name: "fmt", about: "cargo fmt --all --check", minutes: 5, client: None, work: fmt },
    Step { name: "clippy", about: "cargo clippy, all targets, warnings refused", minutes: 20, client: None, work: clippy },
    Step { name: "tidy", about: "the laws that the compiler does not know", minutes: 1, client: None, work: laws },
    Step { name: "cargo", about: "cargo test of the workspace: unit, transcript, property, crash", minutes: 30, client: None, work: cargo_test },
    Step { name: BUILD, about: "the release binary", minutes: 20, client: None, work: build },
    Step { name: "python", about: "Python clients of AMQP 0-9-1", minutes: 20, client: Client::required("e2e/amqp/python", Some(&PYTHON)), work: clients::pytest },
    Step { name: "seeds", about: "the articles' programs, of RabbitMQ and of Kafka", minutes: 20, client: Client::required("e2e/seeds", Some(&PYTHON)), work: clients::pytest_seeds },
    Step { name: "node", about: "JavaScript clients of AMQP 0-9-1", minutes: 15, client: Client::required("e2e/amqp/node", Some(&NODE)), work: clients::npm_test },
    Step { name: "java", about: "Java clients of AMQP 0-9-1", minutes: 15, client: Client::required("e2e/amqp/java", Some(&JAVA)), work: clients::maven_test },
    Step { name: "go", about: "Go clients of AMQP 0-9-1", minutes: 15, client: Client::required("e2e/amqp/go", Some(&GO)), work: clients::go_test },
    Step { name: "rust", about: "Rust clients of AMQP 0-9-1", minutes: 15, client: Client::required("e2e/amqp/rust", None), work: clients::cargo_test },
    Step { name: "kafka-python", about: "Python clients of Kafka, and its wire", minutes: 20, client: Client::required("e2e/kafka/python", Some(&PYTHON)), work: clients::pytest_kafka },
    Step { name: "kafka-python-old", about: "the same with kafka-python 2.0.2", minutes: 20, client: Client::required("e2e/kafka/python", Some(&PYTHON)), work: clients::pytest_kafka_legacy },
    Step { name: "kafka-kcat", about: "kcat, the command line client of librdkafka", minutes: 10, client: Client::required("e2e/kafka/kcat", Some(&KCAT)), work: clients::pytest_kafka },
    Step { name: "kafka-node", about: "JavaScript clients of Kafka", minutes: 10, client: Client::required("e2e/kafka/node", Some(&NODE)), work: clients::npm_test },
    Step { name: "kafka-java", about: "the Java client of Kafka, and Streams", minutes: 20, client: Client::required("e2e/kafka/java", Some(&JAVA)), work: clients::maven_test },
    Step { name: "kafka-go", about: "Go clients of Kafka", minutes: 15, client: Client::required("e2e/kafka/go", Some(&GO)), work: clients::go_test },
    Step { name: "cross", about: "clients of both protocols at one broker", minutes: 10, client: Client::required("e2e/cross", Some(&PYTHON)), work: clients::pytest_cross },
    Step { name: "soak", about: "kill -9 under load, again and again", minutes: 15, client: Client::optional("e2e/soak", Some(&PYTHON)), work: clients::pytest },
    Step { name: "kafka-soak", about: "the same with Kafka's producers and a group", minutes: 15, client: Client::required("e2e/soak/kafka", Some(&PYTHON)), work: clients::pytest_kafka },
];

fn fmt(run: &mut Run, step: &Step) -> Outcome {
    let command = run.command("cargo", &["fmt", "--all", "--check"]);
    run.check(step, command)
}

fn clippy(run: &mut Run, step: &Step) -> Outcome {
    let arguments = ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    let command = run.command("cargo", &arguments);
    run.check(step, command)
}

fn laws(run: &mut Run, _: &Step) -> Outcome {
    match tidy::breaches(&run.root) {
        Ok(breaches) if breaches.is_empty() => Outcome::one_passed(String::new()),
        Ok(breaches) => Outcome::failed(format!("{} breaches", breaches.len()), breaches.join("\n") + "\n"),
        Err(reason) => Outcome::failed(reason, String::new()),
    }
}

fn cargo_test(run: &mut Run, step: &Step) -> Outcome {
    let command = run.command("cargo", &["test", "--locked", "--workspace", "--no-fail-fast"]);
    run.tests(step, command, count::cargo)
}

/// Counts nothing when it succeeds: what it makes is tested by the steps after it.
fn build(run: &mut Run, step: &Step) -> Outcome {
    let command = run.command("cargo", &["build", "--locked", "--release", "--package", "narumq", "--bin", "narumq"]);
    let mut outcome = run.check(step, command);
    if outcome.counts.failed == 0 {
        outcome.counts.passed = 0;
        run.binary = Some(run.target.join("release").join("narumq"));
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_the_binary_comes_before_its_users() {
        for (at, step) in STEPS.iter().enumerate() {
            assert!(STEPS[..at].iter().all(|other| other.name != step.name), "{} stands twice", step.name);
            let built = STEPS[..at].iter().any(|other| other.name == BUILD);
            assert!(step.client.is_none() || built, "{} needs the binary", step.name);
        }
    }
}
