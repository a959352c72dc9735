//! How each kind of client is set up, pinned, and run against the binary named by `NARUMQ_BIN`.

use std::path::PathBuf;
use std::process::Command;

use super::count;
use super::go;
use super::steps::Step;
use super::{Outcome, Run};

/// A virtual environment: its name under the target folder, and the requirement file it is made of.
struct Environment(&'static str, &'static str);

/// AMQP clients of today, and the runner.
const AMQP: Environment = Environment("venv", "e2e/amqp/python/requirements.txt");
/// The old pika.
const AMQP_LEGACY: Environment = Environment("venv-legacy", "e2e/amqp/python/requirements-legacy.txt");
/// Kafka clients of today, and the runner.
const KAFKA: Environment = Environment("venv-kafka", "e2e/kafka/python/requirements.txt");
/// The old kafka-python, which cannot live beside today's, and the runner.
const KAFKA_LEGACY: Environment = Environment("venv-kafka-legacy", "e2e/kafka/python/requirements-legacy.txt");
/// A client of each protocol, and the runner.
const CROSS: Environment = Environment("venv-cross", "e2e/cross/requirements.txt");

/// pytest with the AMQP clients of today; the old one is named in a variable.
pub(super) fn pytest(run: &mut Run, step: &Step) -> Outcome {
    pytest_in(run, step, &AMQP, &[("NARUMQ_LEGACY_PYTHON", &AMQP_LEGACY)])
}

/// pytest for the articles' programs, which need every client there is.
pub(super) fn pytest_seeds(run: &mut Run, step: &Step) -> Outcome {
    let others = [
        ("NARUMQ_LEGACY_PYTHON", &AMQP_LEGACY),
        ("NARUMQ_KAFKA_PYTHON", &KAFKA),
        ("NARUMQ_KAFKA_LEGACY_PYTHON", &KAFKA_LEGACY),
    ];
    pytest_in(run, step, &AMQP, &others)
}

/// pytest with the Kafka clients of today.
pub(super) fn pytest_kafka(run: &mut Run, step: &Step) -> Outcome {
    pytest_in(run, step, &KAFKA, &[])
}

/// The same tests with the old kafka-python alone.
pub(super) fn pytest_kafka_legacy(run: &mut Run, step: &Step) -> Outcome {
    pytest_in(run, step, &KAFKA_LEGACY, &[])
}

/// pytest with a client of each protocol.
pub(super) fn pytest_cross(run: &mut Run, step: &Step) -> Outcome {
    pytest_in(run, step, &CROSS, &[])
}

/// pytest in one environment; the interpreters of `others` are named in variables.
fn pytest_in(run: &mut Run, step: &Step, own: &Environment, others: &[(&str, &Environment)]) -> Outcome {
    let python = match environment(run, step, own) {
        Ok(python) => python,
        Err(outcome) => return outcome,
    };
    let arguments = ["-m", "pytest", "-q", "-ra", "--color=no", "-pno:cacheprovider"];
    let mut command = in_folder(run, step, &python.to_string_lossy(), &arguments);
    for (variable, other) in others {
        match environment(run, step, other) {
            Ok(python) => command.env(variable, python),
            Err(outcome) => return outcome,
        };
    }
    command.env("PYTHONUNBUFFERED", "1");
    run.tests(step, command, count::pytest)
}

/// The interpreter of a virtual environment with exactly its requirements, made anew when they change.
fn environment(run: &mut Run, step: &Step, wanted: &Environment) -> Result<PathBuf, Outcome> {
    let Environment(name, requirements) = wanted;
    let folder = run.target.join("e2e").join(name);
    let python = folder.join("bin").join("python");
    let requirements = run.root.join(requirements);
    let wanted = std::fs::read_to_string(&requirements)
        .map_err(|error| Outcome::failed(format!("{}: {error}", requirements.display()), String::new()))?;
    let stamp = folder.join("requirements.installed");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && python.exists() {
        return Ok(python);
    }
    let folder = folder.to_string_lossy();
    let make = run.command("python3", &["-m", "venv", "--clear", &folder]);
    run.must(step, make)?;
    let file = requirements.to_string_lossy();
    let install = run.command(
        &python.to_string_lossy(),
        &["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-r", &file],
    );
    run.must(step, install)?;
    std::fs::write(&stamp, wanted)
        .map_err(|error| Outcome::failed(format!("{}: {error}", stamp.display()), String::new()))?;
    Ok(python)
}

/// `npm ci` and `npm test`.
pub(super) fn npm_test(run: &mut Run, step: &Step) -> Outcome {
    let install = in_folder(run, step, "npm", &["ci", "--no-audit", "--no-fund"]);
    if let Err(outcome) = run.must(step, install) {
        return outcome;
    }
    let command = in_folder(run, step, "npm", &["test"]);
    run.tests(step, command, count::node)
}

/// `mvn test`; not quiet, because quiet Maven does not say how many tests ran.
pub(super) fn maven_test(run: &mut Run, step: &Step) -> Outcome {
    let arguments = ["-B", "--no-transfer-progress", "-Dstyle.color=never", "test"];
    let command = in_folder(run, step, "mvn", &arguments);
    run.tests(step, command, count::surefire)
}

/// `go test`, never from its cache: the cache does not know that the binary changed.
pub(super) fn go_test(run: &mut Run, step: &Step) -> Outcome {
    let go = match go::program(run, step) {
        Ok(go) => go,
        Err(outcome) => return outcome,
    };
    let mut command = in_folder(run, step, &go.to_string_lossy(), &["test", "-json", "-count=1", "./..."]);
    command.env("GOTOOLCHAIN", "local").env_remove("GOROOT");
    let mut outcome = run.tests(step, command, count::go);
    outcome.output = count::readable(&outcome.output);
    outcome
}

/// `cargo test` in a workspace and a target folder of its own.
pub(super) fn cargo_test(run: &mut Run, step: &Step) -> Outcome {
    let mut command = in_folder(run, step, "cargo", &["test", "--locked", "--no-fail-fast"]);
    command.env("CARGO_TARGET_DIR", run.target.join("e2e-rust"));
    run.tests(step, command, count::cargo)
}

/// A command in the step's own folder.
fn in_folder(run: &Run, step: &Step, program: &str, arguments: &[&str]) -> Command {
    let mut command = run.command(program, arguments);
    // Brokers that are started side by side may not all have its usual port; who wants the door says where.
    command.env("NARUMQ_KAFKA", "off");
    if let Some(client) = &step.client {
        command.current_dir(run.root.join(client.folder));
    }
    command
}
