//! The toolchains of the clients' languages: is one there, and if not, who may do without it.

use std::process::{Command, Stdio};

use super::steps::Step;
use super::{Outcome, Run};

/// What a language needs on the machine.
pub(super) struct Toolchain {
    /// Commands that succeed where it is installed.
    probes: &'static [&'static [&'static str]],
    /// The system packages (Debian's names) that bring it.
    packages: &'static [&'static str],
}

/// Python with virtual environments (some systems ship it without).
pub(super) const PYTHON: Toolchain =
    Toolchain { probes: &[&["python3", "-c", "import ensurepip, venv"]], packages: &["python3", "python3-venv"] };

/// Node.js with npm.
pub(super) const NODE: Toolchain =
    Toolchain { probes: &[&["node", "--version"], &["npm", "--version"]], packages: &["nodejs", "npm"] };

/// A Java compiler with Maven.
pub(super) const JAVA: Toolchain = Toolchain {
    probes: &[&["javac", "-version"], &["mvn", "--version"]],
    packages: &["openjdk-17-jdk-headless", "maven"],
};

/// Go.
pub(super) const GO: Toolchain = Toolchain { probes: &[&["go", "version"]], packages: &["golang"] };

impl Toolchain {
    /// The probes that do not succeed, as a person would type them.
    fn missing(&self) -> Vec<String> {
        let fails = |probe: &&&[&str]| {
            let (program, arguments) = probe.split_first().expect("a probe names its program");
            let quiet = || Stdio::null();
            let status = Command::new(program).args(arguments).stdin(quiet()).stdout(quiet()).stderr(quiet()).status();
            !status.is_ok_and(|status| status.success())
        };
        self.probes.iter().filter(fails).map(|probe| probe.join(" ")).collect()
    }

    /// Nothing if the toolchain is there or could be installed (`CI=true`, as root); else the step's outcome:
    /// a failure where a machine is waiting, and left out on a person's machine.
    pub(super) fn obstacle(&self, run: &mut Run, step: &Step) -> Option<Outcome> {
        let missing = self.missing();
        if missing.is_empty() {
            return None;
        }
        let note = format!("`{}` fails; install {}", missing.join("`, `"), self.packages.join(" "));
        if !run.ci {
            return Some(Outcome::skipped(note));
        }
        if !rustix::process::geteuid().is_root() {
            return Some(Outcome::failed(note, String::new()));
        }
        self.install(run, step).err().or_else(|| match self.missing().as_slice() {
            [] => None,
            still => {
                Some(Outcome::failed(format!("installed, and `{}` still fails", still.join("`, `")), String::new()))
            }
        })
    }

    fn install(&self, run: &mut Run, step: &Step) -> Result<(), Outcome> {
        let update = run.command("apt-get", &["update", "-q"]);
        run.must(step, update)?;
        let mut install = run.command("apt-get", &["install", "-q", "-y", "--no-install-recommends"]);
        install.args(self.packages).env("DEBIAN_FRONTEND", "noninteractive");
        run.must(step, install)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let absent = Toolchain { probes: &[&["cargo", "--version"], &["no-such-program", "-v"]], packages: &[] };
        assert_eq!(absent.missing(), ["no-such-program -v"]);
    }
}
