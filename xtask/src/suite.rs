//! `cargo xtask test`: every check of the project in one command, each step counted, the failures all seen.
//!
//! A step runs whatever became of the steps before it. The last line printed is `N passed, N failed`, summed over
//! the single tests of all runners; format, lints and laws count as one each. A runner that ran no test has failed.

mod clients;
mod console;
mod count;
mod go;
mod process;
mod steps;
mod toolchain;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use console::Console;
use count::Counts;
use steps::{STEPS, Step};

/// Time for all steps together where a machine is waiting (`CI=true`). What has not begun by then has failed,
/// so that the last line is still printed before the machine gives up at 90 minutes.
const WHOLE_RUN: Duration = Duration::from_secs(85 * 60);

/// What a step needs to know of the run, and what it leaves for those after it.
struct Run {
    /// The root of the checkout.
    root: PathBuf,
    /// Cargo's target folder, where everything that is built or installed goes.
    target: PathBuf,
    /// Whether a machine is waiting: then a missing toolchain is installed or a failure, never skipped.
    ci: bool,
    /// The end of the whole run, if it has one.
    end: Option<Instant>,
    /// When the step that runs now began.
    step_begun: Instant,
    /// The release binary, once the step `build` has made it.
    binary: Option<PathBuf>,
    console: Console,
}

/// How one step ended.
#[derive(Debug)]
struct Outcome {
    counts: Counts,
    /// Why it failed or was skipped; empty otherwise.
    note: String,
    /// What the step's commands printed.
    output: String,
}

impl Outcome {
    /// A check that holds as a whole.
    fn one_passed(output: String) -> Self {
        Self { counts: Counts { passed: 1, ..Counts::default() }, note: String::new(), output }
    }

    /// A step that could not do its work; counts as one failure.
    fn failed(note: impl Into<String>, output: String) -> Self {
        Self { counts: Counts { failed: 1, ..Counts::default() }, note: note.into(), output }
    }

    /// A step that was left out on purpose; counts nothing.
    fn skipped(note: impl Into<String>) -> Self {
        Self { counts: Counts::default(), note: note.into(), output: String::new() }
    }
}

/// One line of the summary.
struct Row {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

/// The task `test` with its options.
pub(crate) fn main(root: &Path, options: &[&str]) -> ExitCode {
    let chosen = match options {
        [] => STEPS.iter().collect(),
        ["--list"] => {
            console::list(STEPS);
            return ExitCode::SUCCESS;
        }
        ["--only", names] => match only(names) {
            Ok(steps) => steps,
            Err(reason) => return usage(&reason),
        },
        _ => return usage("the options are --only STEP[,STEP] and --list"),
    };
    let run = process::stop_with_us().and_then(|()| process::target_folder(root));
    let target = match run {
        Ok(target) => target,
        Err(reason) => return usage(&reason),
    };
    let ci = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
    let end = ci.then(|| Instant::now() + WHOLE_RUN);
    let (root, step_begun, console) = (root.to_path_buf(), Instant::now(), Console::new());
    let mut run = Run { root, target, ci, end, step_begun, binary: None, console };
    let rows: Vec<Row> = chosen.into_iter().map(|step| run.step(step)).collect();
    let total = run.console.summary(&rows);
    if total.failed == 0 && total.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage(reason: &str) -> ExitCode {
    eprintln!("cargo xtask test: {reason}");
    ExitCode::from(2)
}

/// The steps named in `names`, in the order of the table, with the build before those that need the binary.
fn only(names: &str) -> Result<Vec<&'static Step>, String> {
    let names: Vec<&str> = names.split(',').collect();
    if let Some(unknown) = names.iter().find(|name| !STEPS.iter().any(|step| step.name == **name)) {
        let known: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        return Err(format!("no step is called {unknown:?}; the steps are {}", known.join(", ")));
    }
    let named = |step: &&Step| names.contains(&step.name);
    let needs_binary = STEPS.iter().filter(named).any(|step| step.client.is_some());
    Ok(STEPS.iter().filter(|step| named(step) || (needs_binary && step.name == steps::BUILD)).collect())
}

impl Run {
    /// Runs one step with everything around it: its head line, its toolchain, its time, its end line.
    fn step(&mut self, step: &'static Step) -> Row {
        self.step_begun = Instant::now();
        self.console.begin(step);
        let outcome = match self.obstacle(step) {
            Some(outcome) => outcome,
            None => (step.work)(self, step),
        };
        let row = Row { name: step.name, outcome, took: self.step_begun.elapsed() };
        self.console.end(&row);
        row
    }

    /// What keeps a step from being run at all, as its outcome.
    fn obstacle(&mut self, step: &Step) -> Option<Outcome> {
        if self.end.is_some_and(|end| Instant::now() >= end) {
            return Some(Outcome::failed("no time was left for it", String::new()));
        }
        let client = step.client.as_ref()?;
        if !self.root.join(client.folder).is_dir() {
            let note = format!("{} is absent", client.folder);
            return Some(if client.required { Outcome::failed(note, String::new()) } else { Outcome::skipped(note) });
        }
        if self.binary.is_none() {
            return Some(Outcome::failed("there is no binary: the build failed", String::new()));
        }
        client.toolchain.and_then(|toolchain| toolchain.obstacle(self, step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(chosen: &[&Step]) -> Vec<&'static str> {
        chosen.iter().map(|step| step.name).collect()
    }

    #[test]
    fn chosen_steps_keep_the_order_of_the_table() {
        assert_eq!(names(&only("tidy,fmt").unwrap()), ["fmt", "tidy"]);
    }

    #[test]
    fn a_client_brings_the_build_with_it() {
        assert_eq!(names(&only("go").unwrap()), ["build", "go"]);
    }

    #[test]
    fn an_unknown_step_is_refused_with_the_list() {
        let reason = only("fmt,nope").err().unwrap();
        assert!(reason.contains("\"nope\"") && reason.contains("fmt, clippy"), "{reason}");
    }

    fn run(root: &Path) -> Run {
        let target = root.join("target");
        let (root, step_begun, console) = (root.to_path_buf(), Instant::now(), Console::new());
        Run { root, target, ci: false, end: None, step_begun, binary: None, console }
    }

    #[test]
    fn an_absent_folder_fails_only_where_it_is_required() {
        let root = tempfile::tempdir().unwrap();
        let mut run = run(root.path());
        for step in STEPS {
            let Some(client) = &step.client else { continue };
            let outcome = run.obstacle(step).unwrap();
            assert_eq!(outcome.counts.failed, u64::from(client.required), "{}", step.name);
            assert!(outcome.note.ends_with("is absent"), "{}", outcome.note);
        }
    }

    #[test]
    fn a_client_without_the_binary_fails() {
        let step = STEPS.iter().find(|step| step.name == "rust").unwrap();
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join(step.client.as_ref().unwrap().folder)).unwrap();
        let mut run = run(root.path());
        assert_eq!(run.obstacle(step).unwrap().counts.failed, 1);
        run.binary = Some(root.path().join("narumq"));
        assert!(run.obstacle(step).is_none());
    }

    #[test]
    fn a_step_after_the_end_of_the_run_fails() {
        let mut run = run(Path::new("."));
        run.end = Some(Instant::now());
        let outcome = run.obstacle(&STEPS[0]).unwrap();
        assert_eq!((outcome.counts.failed, outcome.note.as_str()), (1, "no time was left for it"));
    }
}
