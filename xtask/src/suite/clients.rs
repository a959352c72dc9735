//! How each kind of client is set up, pinned, and run against the binary named by `NARUMQ_BIN`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::count;
use super::go;
use super::steps::Step;
use super::{Outcome, Run};

/// The folder whose requirement files serve every set of Python tests.
const PYTHON: &str = "e2e/amqp/python";

/// The folder of the Kafka clients' requirement files.
const KAFKA: &str = "e2e/kafka/python";
/// The tests in which both meet.
const CROSS: &str = "e2e/cross";

/// pytest in a virtual environment, with the old client beside it in one of its own.
pub(super) fn pytest(run: &mut Run, step: &Step) -> Outcome {
    let legacy = run.root.join(PYTHON).join("requirements-legacy.txt");
    let legacy = match environment(run, step, "venv-legacy", &legacy) {
        Ok(python) => python,
        Err(outcome) => return outcome,
    };
    pytest_in(run, step, ("venv", PYTHON, "requirements.txt"), Some(&legacy))
}

/// pytest with the newest Kafka clients.
pub(super) fn kafka_pytest(run: &mut Run, step: &Step) -> Outcome {
    pytest_in(run, step, ("venv-kafka", KAFKA, "requirements.txt"), None)
}

/// The same tests with the old Kafka client.
pub(super) fn old_kafka_pytest(run: &mut Run, step: &Step) -> Outcome {
    pytest_in(run, step, ("venv-kafka-legacy", KAFKA, "requirements-legacy.txt"), None)
}

/// The tests in which both meet.
pub(super) fn cross_pytest(run: &mut Run, step: &Step) -> Outcome {
    pytest_in(run, step, ("venv-cross", CROSS, "requirements.txt"), None)
}

fn pytest_in(run: &mut Run, step: &Step, (name, folder, file): (&str, &str, &str), legacy: Option<&Path>) -> Outcome {
    let requirements = run.root.join(folder).join(file);
    let python = match environment(run, step, name, &requirements) {
        Ok(python) => python,
        Err(outcome) => return outcome,
    };
    let arguments = ["-m", "pytest", "-q", "-ra", "--color=no", "-pno:cacheprovider"];
    let mut command = in_folder(run, step, &python.to_string_lossy(), &arguments);
    command.envs(legacy.map(|legacy| ("NARUMQ_LEGACY_PYTHON", legacy))).env("PYTHONUNBUFFERED", "1");
    run.tests(step, command, count::pytest)
}

/// The interpreter of a virtual environment with exactly these requirements, made anew when they change.
fn environment(run: &mut Run, step: &Step, name: &str, requirements: &Path) -> Result<PathBuf, Outcome> {
    let folder = run.target.join("e2e").join(name);
    let python = folder.join("bin").join("python");
    let wanted = std::fs::read_to_string(requirements)
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
