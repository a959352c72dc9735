//! Reads from the output of each test runner how many single tests passed, failed and were skipped.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde_json::Value;

/// Single tests by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// cargo test: one `test result: ok. 3 passed; 0 failed; 1 ignored; ...` a test binary.
pub(super) fn cargo(output: &str) -> Counts {
    let mut counts = Counts::default();
    for line in output.lines().filter(|line| line.starts_with("test result: ")) {
        counts += Counts {
            passed: before(line, &["passed"]),
            failed: before(line, &["failed"]),
            skipped: before(line, &["ignored"]),
        };
    }
    counts
}

/// pytest: the last `1 failed, 3 passed, 2 skipped in 0.12s`. An error outside a test counts as a failure;
/// an expected failure as skipped.
pub(super) fn pytest(output: &str) -> Counts {
    let summary = output.lines().rev().map(|line| line.trim_matches(['=', ' '])).find(|line| {
        line.rsplit_once(" in ").is_some_and(|(_, took)| took.starts_with(|digit: char| digit.is_ascii_digit()))
    });
    let line = summary.unwrap_or("");
    Counts {
        passed: before(line, &["passed", "xpassed"]),
        failed: before(line, &["failed", "error", "errors"]),
        skipped: before(line, &["skipped", "xfailed"]),
    }
}

/// Node's own runner: `# pass 3` (TAP) or `ℹ pass 3` (spec), once a run.
pub(super) fn node(output: &str) -> Counts {
    let mut counts = Counts::default();
    for line in output.lines() {
        let Some((kind, number)) =
            line.strip_prefix("# ").or(line.strip_prefix("ℹ ")).and_then(|rest| rest.split_once(' '))
        else {
            continue;
        };
        let Ok(number) = number.trim().parse::<u64>() else { continue };
        match kind {
            "pass" => counts.passed += number,
            "fail" | "cancelled" => counts.failed += number,
            "skipped" | "todo" => counts.skipped += number,
            _ => {}
        }
    }
    counts
}

/// Surefire: `Tests run: 5, Failures: 1, Errors: 0, Skipped: 1`, the line of each module, not those of its classes.
pub(super) fn surefire(output: &str) -> Counts {
    let mut counts = Counts::default();
    for line in output.lines().filter(|line| line.contains("Tests run: ") && !line.contains("Time elapsed")) {
        let (failed, skipped) = (after(line, "Failures: ") + after(line, "Errors: "), after(line, "Skipped: "));
        let passed = after(line, "Tests run: ").saturating_sub(failed + skipped);
        counts += Counts { passed, failed, skipped };
    }
    counts
}

/// `go test -json`: the last action of each test that has no subtests.
pub(super) fn go(output: &str) -> Counts {
    let mut ended = BTreeMap::new();
    for event in go_events(output) {
        let text = |key| event.get(key).and_then(Value::as_str);
        if let (Some(package), Some(test), Some(action @ ("pass" | "fail" | "skip"))) =
            (text("Package"), text("Test"), text("Action"))
        {
            ended.insert((package.to_owned(), test.to_owned()), action.to_owned());
        }
    }
    let mut counts = Counts::default();
    for ((package, test), action) in &ended {
        let below = (package.clone(), format!("{test}/"));
        let has_subtests = ended.range(below..).next().is_some_and(|((other, name), _)| {
            other == package && name.strip_prefix(test.as_str()).is_some_and(|rest| rest.starts_with('/'))
        });
        match action.as_str() {
            _ if has_subtests => {}
            "pass" => counts.passed += 1,
            "fail" => counts.failed += 1,
            _ => counts.skipped += 1,
        }
    }
    counts
}

/// An output for people: what `go test -json` would have printed without `-json`, any other line as it is.
pub(super) fn readable(output: &str) -> String {
    let mut text = String::new();
    for line in output.lines() {
        match serde_json::from_str::<Value>(line) {
            Ok(event) if event.is_object() => text.push_str(event.get("Output").and_then(Value::as_str).unwrap_or("")),
            _ => text.extend([line, "\n"]),
        }
    }
    text
}

fn go_events(output: &str) -> impl Iterator<Item = Value> {
    output.lines().filter_map(|line| serde_json::from_str(line).ok())
}

/// The sum of the numbers that stand before one of `labels`.
fn before(line: &str, labels: &[&str]) -> u64 {
    let words: Vec<&str> = line.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect();
    let pairs = words.windows(2).filter(|pair| labels.contains(&pair[1]));
    pairs.filter_map(|pair| pair[0].parse::<u64>().ok()).sum()
}

/// The number that stands after `label`; 0 if there is none.
fn after(line: &str, label: &str) -> u64 {
    let rest = line.split_once(label).map_or("", |(_, rest)| rest);
    let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
        Counts { passed, failed, skipped }
    }

    #[test]
    fn cargo_sums_its_binaries() {
        let output = "running 3 tests\ntest a ... ok\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 9 filtered out; finished in 1.00s\n";
        assert_eq!(cargo(output), counts(7, 2, 1));
        assert_eq!(cargo("error: could not compile `narumq`\n"), counts(0, 0, 0));
    }

    #[test]
    fn pytest_is_read_with_and_without_its_bars() {
        assert_eq!(pytest("....\n4 passed in 0.12s\n"), counts(4, 0, 0));
        let long =
            "== 2 failed, 10 passed, 1 skipped, 1 xfailed, 1 xpassed, 3 warnings, 1 error in 62.01s (0:01:02) ==\n";
        assert_eq!(pytest(long), counts(11, 3, 2));
        assert_eq!(pytest("a test printed 9 passed in 1s\n\n1 failed in 0.10s\n"), counts(0, 1, 0));
        assert_eq!(pytest("no tests ran in 0.01s\n"), counts(0, 0, 0));
        assert_eq!(pytest("ImportError while loading conftest\n"), counts(0, 0, 0));
    }

    #[test]
    fn node_is_read_in_both_its_formats() {
        let tap = "TAP version 13\nok 1 - a\n# tests 6\n# suites 0\n# pass 3\n# fail 1\n# cancelled 1\n# skipped 1\n# todo 0\n";
        assert_eq!(node(tap), counts(3, 2, 1));
        assert_eq!(node(&tap.replace("# ", "ℹ ")), counts(3, 2, 1));
    }

    #[test]
    fn surefire_counts_modules_not_classes() {
        let output = "[INFO] Tests run: 2, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 0.1 s -- in a.B\n\
            [ERROR] Tests run: 3, Failures: 1, Errors: 1, Skipped: 0, Time elapsed: 0.1 s <<< FAILURE! -- in a.C\n\
            [INFO] Results:\n[ERROR] Tests run: 5, Failures: 1, Errors: 1, Skipped: 1\n\
            [INFO] Tests run: 10, Failures: 0, Errors: 0, Skipped: 0\n";
        assert_eq!(surefire(output), counts(12, 2, 1));
    }

    #[test]
    fn go_counts_the_tests_that_have_no_subtests() {
        let event =
            |action: &str, test: &str| format!("{{\"Action\":\"{action}\",\"Package\":\"p\",\"Test\":\"{test}\"}}\n");
        let output = event("run", "TestA")
            + &event("pass", "TestA/one")
            + &event("fail", "TestA/two")
            + &event("fail", "TestA")
            + &event("pass", "TestA-like")
            + &event("skip", "TestC")
            + "{\"Action\":\"fail\",\"Package\":\"p\"}\nnot json\n";
        assert_eq!(go(&output), counts(2, 1, 1));
    }

    #[test]
    fn go_events_are_made_readable() {
        let output = "{\"Action\":\"output\",\"Output\":\"--- FAIL: TestA\\n\"}\n{\"Action\":\"run\"}\nplain\n7\n";
        assert_eq!(readable(output), "--- FAIL: TestA\nplain\n7\n");
    }
}
