//! Commands that succeed, fail, outlive their time or leave something behind.

use super::*;
use crate::suite::console::Console;
use crate::suite::count;

const STEP: Step = Step { name: "a", about: "", minutes: 1, client: None, work: |_, _| unreachable!() };

fn run() -> Run {
    let root = std::env::temp_dir();
    let target = root.clone();
    let (console, step_begun) = (Console::new(), Instant::now());
    Run { root, target, ci: false, end: None, step_begun, binary: None, console }
}

fn shell(run: &Run, script: &str) -> Command {
    run.command("sh", &["-c", script])
}

#[test]
fn both_streams_are_read_and_success_counts_one() {
    let mut run = run();
    let command = shell(&run, "echo out; echo err >&2");
    let outcome = run.check(&STEP, command);
    assert_eq!((outcome.counts.passed, outcome.counts.failed), (1, 0));
    assert_eq!(outcome.output, "out\nerr\n");
}

#[test]
fn a_bad_exit_is_a_failure_that_is_named() {
    let mut run = run();
    let command = shell(&run, "exit 3");
    let outcome = run.check(&STEP, command);
    assert_eq!((outcome.counts.passed, outcome.counts.failed), (0, 1));
    assert_eq!(outcome.note, "`sh exit 3` ended with exit status: 3");
}

#[test]
fn a_program_that_is_not_there_is_a_failure() {
    let mut run = run();
    let command = run.command("no-such-program", &[]);
    assert_eq!(run.must(&STEP, command).unwrap_err().counts.failed, 1);
}

#[test]
fn a_runner_without_tests_has_failed() {
    let mut run = run();
    let none = shell(&run, "echo 'test result: ok. 0 passed; 0 failed; 2 ignored'");
    let outcome = run.tests(&STEP, none, count::cargo);
    assert_eq!((outcome.counts.failed, outcome.note.as_str()), (1, "no test was run"));
}

#[test]
fn a_runner_that_fails_without_a_failed_test_has_failed() {
    let mut run = run();
    let crash = shell(&run, "echo 'test result: ok. 2 passed; 0 failed; 0 ignored'; kill -ABRT $$");
    let outcome = run.tests(&STEP, crash, count::cargo);
    assert_eq!((outcome.counts.passed, outcome.counts.failed), (2, 1));
    let fails = shell(&run, "echo 'test result: FAILED. 2 passed; 3 failed; 0 ignored'; exit 101");
    assert_eq!(run.tests(&STEP, fails, count::cargo).counts.failed, 3);
}

#[test]
fn a_command_whose_time_is_up_is_stopped_with_its_children() {
    let mut run = run();
    run.end = Some(Instant::now());
    let command = shell(&run, "sleep 600 & sleep 600");
    let outcome = run.check(&STEP, command);
    assert_eq!(outcome.counts.failed, 1);
    assert!(outcome.note.contains("its time was up"), "{}", outcome.note);
    assert!(run.step_begun.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_process_left_behind_is_a_failure() {
    let mut run = run();
    let command = shell(&run, "sleep 600 & echo done");
    let outcome = run.check(&STEP, command);
    assert!(outcome.note.contains("left a process behind"), "{}", outcome.note);
    assert!(run.step_begun.elapsed() < Duration::from_secs(60));
}

#[test]
fn the_binary_is_named_to_the_clients() {
    let mut run = run();
    run.binary = Some(PathBuf::from("a/narumq"));
    let command = shell(&run, "echo $NARUMQ_BIN");
    assert_eq!(run.check(&STEP, command).output, "a/narumq\n");
}

#[test]
fn colours_are_taken_out_of_the_output() {
    assert_eq!(plain("\x1b[0m\x1b[1;31mTests run: 1\x1b[m\n"), "Tests run: 1\n");
    assert_eq!(plain("cut \x1b[1;3"), "cut ");
    assert_eq!(plain("none\n"), "none\n");
}

#[test]
fn cargo_says_where_it_builds() {
    assert!(target_folder(&crate::root()).unwrap().is_absolute());
}
