//! Go in the version that the tests are written for: the machine's own, or one that an older Go fetches.
//!
//! Since 1.21 the toolchains of Go are modules, so that any Go can fetch any other, checked like all modules; and a Go that
//! is itself younger than that does so unasked. Distributions have older ones: what they cannot do unasked is done here.

use std::path::PathBuf;
use std::process::Command;

use super::steps::Step;
use super::{Outcome, Run};

/// What is fetched where the machine's Go is older. Its first two numbers are those of the `go` line in `go.mod`.
const PINNED: &str = "go1.26.8";

/// The Go to run the tests with.
pub(super) fn program(run: &mut Run, step: &Step) -> Result<PathBuf, Outcome> {
    let own = answer(run, &["env", "GOVERSION"])?;
    if is_enough(&own) {
        return Ok("go".into());
    }
    if !run.ci {
        let note = format!("{own} is older than the tests; install {PINNED}");
        return Err(Outcome::skipped(note));
    }
    let folder = run.target.join("e2e").join(PINNED);
    let program = folder.join("bin").join("go");
    if !program.exists() {
        fetch(run, step, &folder.to_string_lossy())?;
    }
    Ok(program)
}

/// Whether a Go that calls itself so is not older than the pinned one. What names no release is a developer's own.
fn is_enough(version: &str) -> bool {
    let numbers = |version: &str| -> Option<(u32, u32)> {
        let mut numbers = version.strip_prefix("go")?.split(['.', '-', ' ']);
        let minor = |text: &str| text.split(|c: char| !c.is_ascii_digit()).next().and_then(|text| text.parse().ok());
        Some((numbers.next()?.parse().ok()?, minor(numbers.next()?)?))
    };
    numbers(version).is_none_or(|own| Some(own) >= numbers(PINNED))
}

/// Fetches the toolchain's module and copies it to where its programs may be executed: a module's files may not.
fn fetch(run: &mut Run, step: &Step, folder: &str) -> Result<(), Outcome> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => return Err(Outcome::failed(format!("no Go is pinned for {other}"), String::new())),
    };
    let module = format!("golang.org/toolchain@v0.0.1-{PINNED}.{}-{architecture}", std::env::consts::OS);
    let mut download = run.command("go", &["mod", "download", &module]);
    download.env("GOTOOLCHAIN", "local");
    run.must(step, download)?;
    let fetched = format!("{}/{module}", answer(run, &["env", "GOMODCACHE"])?);
    let unfinished = format!("{folder}.unfinished");
    let commands: [&[&str]; 5] = [
        &["rm", "-rf", &unfinished],
        &["mkdir", "-p", &unfinished],
        &["cp", "-R", "--no-preserve=mode", &format!("{fetched}/."), &unfinished],
        &["chmod", "-R", "+x", &format!("{unfinished}/bin"), &format!("{unfinished}/pkg/tool")],
        &["mv", &unfinished, folder],
    ];
    for words in commands {
        let command = run.command(words[0], &words[1..]);
        run.must(step, command)?;
    }
    Ok(())
}

/// What the machine's Go answers, on one line.
fn answer(run: &Run, arguments: &[&str]) -> Result<String, Outcome> {
    let mut command: Command = run.command("go", arguments);
    let output = command.output().map_err(|error| Outcome::failed(format!("`go`: {error}"), String::new()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        for enough in [PINNED, "go1.26.0", "go1.27rc1", "go1.100", "go2.0", "devel go1.27-abc"] {
            assert!(is_enough(enough), "{enough}");
        }
        for old in ["go1.19.8", "go1.9", "go1.25.3 X:boringcrypto", "go1.25rc1"] {
            assert!(!is_enough(old), "{old}");
        }
    }

    #[test]
    fn the_pinned_version_is_the_one_that_the_tests_ask_for() {
        let modules = [include_str!("../../../e2e/amqp/go/go.mod"), include_str!("../../../e2e/kafka/go/go.mod")];
        for module in modules {
            let asked = module.lines().find_map(|line| line.strip_prefix("go "));
            let release = |version: &str| version.split('.').take(2).map(str::to_owned).collect::<Vec<_>>();
            let pinned = PINNED.strip_prefix("go").map(release);
            assert!(asked.is_some() && asked.map(release) == pinned, "{asked:?}");
        }
    }
}
