//! The toolchains of the clients' languages: is one there, and if not, who may do without it.

use std::process::{Command, Stdio};

use super::steps::Step;
use super::{Outcome, Run};

/// What a language needs on the machine, in the order in which it is installed.
pub(super) struct Toolchain(&'static [Need]);

/// One program.
struct Need {
    /// A command that succeeds where it is there.
    probe: &'static [&'static str],
    /// The system package (Debian's name) that brings it.
    package: &'static str,
}

/// Python with virtual environments (some systems ship it without).
pub(super) const PYTHON: Toolchain = Toolchain(&[
    Need { probe: &["python3", "--version"], package: "python3" },
    Need { probe: &["python3", "-c", "import ensurepip, venv"], package: "python3-venv" },
]);

/// Python, and the command line client that a distribution brings with its own librdkafka.
pub(super) const KCAT: Toolchain = Toolchain(&[
    Need { probe: &["python3", "--version"], package: "python3" },
    Need { probe: &["python3", "-c", "import ensurepip, venv"], package: "python3-venv" },
    Need { probe: &["kcat", "-V"], package: "kcat" },
]);

/// Node.js, whose package brings npm on some systems and not on others.
pub(super) const NODE: Toolchain = Toolchain(&[
    Need { probe: &["node", "--version"], package: "nodejs" },
    Need { probe: &["npm", "--version"], package: "npm" },
]);

/// A Java compiler with Maven.
pub(super) const JAVA: Toolchain = Toolchain(&[
    Need { probe: &["javac", "-version"], package: "default-jdk-headless" },
    Need { probe: &["mvn", "--version"], package: "maven" },
]);

/// Go of any version: see `go.rs`.
pub(super) const GO: Toolchain = Toolchain(&[Need { probe: &["go", "version"], package: "golang-go" }]);

impl Need {
    fn is_met(&self) -> bool {
        let (program, arguments) = self.probe.split_first().expect("a probe names its program");
        let quiet = || Stdio::null();
        let status = Command::new(program).args(arguments).stdin(quiet()).stdout(quiet()).stderr(quiet()).status();
        status.is_ok_and(|status| status.success())
    }
}

impl Toolchain {
    fn missing(&self) -> Vec<&'static Need> {
        self.0.iter().filter(|need| !need.is_met()).collect()
    }

    /// Nothing if the toolchain is there or could be installed (`CI=true`, as root); else the step's outcome:
    /// a failure where a machine is waiting, and left out on a person's machine.
    pub(super) fn obstacle(&self, run: &mut Run, step: &Step) -> Option<Outcome> {
        let missing = self.missing();
        if missing.is_empty() {
            return None;
        }
        let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
        let note = format!("{} fails; install {}", probes(&missing), packages.join(" "));
        if !run.ci {
            return Some(Outcome::skipped(note));
        }
        if !rustix::process::geteuid().is_root() {
            return Some(Outcome::failed(note, String::new()));
        }
        self.install(run, step).err().or_else(|| match self.missing().as_slice() {
            [] => None,
            still => Some(Outcome::failed(format!("installed, and {} still fails", probes(still)), String::new())),
        })
    }

    /// One package after the other, because the one before may have brought what the next is for, or conflict with it.
    fn install(&self, run: &mut Run, step: &Step) -> Result<(), Outcome> {
        let update = run.command("apt-get", &["update", "-q"]);
        run.must(step, update)?;
        for need in self.0 {
            if !need.is_met() {
                let arguments = ["install", "-q", "-y", "--no-install-recommends", need.package];
                let mut install = run.command("apt-get", &arguments);
                install.env("DEBIAN_FRONTEND", "noninteractive");
                run.must(step, install)?;
            }
        }
        Ok(())
    }
}

/// Probes as a person would type them.
fn probes(needs: &[&Need]) -> String {
    let typed: Vec<String> = needs.iter().map(|need| format!("`{}`", need.probe.join(" "))).collect();
    typed.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_named() {
        const THERE: Need = Need { probe: &["cargo", "--version"], package: "a" };
        const ABSENT: Need = Need { probe: &["no-such-program", "-v"], package: "b" };
        assert_eq!(probes(&Toolchain(&[THERE, ABSENT]).missing()), "`no-such-program -v`");
    }
}
