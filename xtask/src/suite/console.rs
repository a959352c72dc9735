//! What a person or a log sees of a run: heads, a progress line, the output of what failed, the summary.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::time::Instant;

use super::Row;
use super::count::{self, Counts};
use super::steps::Step;

/// Columns that the progress line may take on any terminal.
const PROGRESS_COLUMNS: usize = 78;

/// Lines of a successful step's output that a log keeps: they hold the runner's own summary.
const TAIL: usize = 3;

/// Where the run is told.
pub(super) struct Console {
    terminal: bool,
    colours: bool,
    /// The step of the progress line, its begin, and what it said last.
    current: Option<(&'static str, Instant, String)>,
}

/// How a step ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    Failed,
    Skipped,
}

impl Verdict {
    fn of(row: &Row) -> Self {
        match row.outcome.counts {
            Counts { failed: 1.., .. } => Self::Failed,
            Counts { passed: 0, .. } if !row.outcome.note.is_empty() => Self::Skipped,
            _ => Self::Ok,
        }
    }

    /// The word, and the code of its colour on a terminal.
    const fn word(self) -> (&'static str, &'static str) {
        match self {
            Self::Ok => ("ok", "32"),
            Self::Failed => ("FAILED", "31"),
            Self::Skipped => ("SKIPPED", "33"),
        }
    }
}

impl Console {
    /// The standard output, with colours and a moving line only if it is a terminal (and `NO_COLOR` is not set).
    pub(super) fn new() -> Self {
        let terminal = io::stdout().is_terminal();
        Self { terminal, colours: terminal && std::env::var_os("NO_COLOR").is_none(), current: None }
    }

    pub(super) fn begin(&mut self, step: &Step) {
        if self.terminal {
            self.current = Some((step.name, Instant::now(), step.about.to_owned()));
            self.progress("");
        } else {
            println!("== {}: {}", step.name, step.about);
        }
    }

    /// Moves the progress line; `said` replaces what it shows of the command, unless empty.
    pub(super) fn progress(&mut self, said: &str) {
        let Some((name, begun, last)) = self.current.as_mut() else { return };
        let said = count::readable(said);
        if !said.trim().is_empty() {
            said.trim().clone_into(last);
        }
        let line = format!("{name} {} s  {last}", begun.elapsed().as_secs());
        let line: String = line.chars().filter(|letter| !letter.is_control()).take(PROGRESS_COLUMNS).collect();
        print!("\r\x1b[K{line}");
        // A terminal that has gone away shows no progress, which is all that is lost.
        let _ = io::stdout().flush();
    }

    pub(super) fn end(&mut self, row: &Row) {
        if self.current.take().is_some() {
            print!("\r\x1b[K");
        }
        let verdict = Verdict::of(row);
        if verdict == Verdict::Failed {
            print!("{}", row.outcome.output);
        } else if !self.terminal {
            print!("{}", tail(&row.outcome.output));
        }
        println!("{}", self.end_line(row, verdict));
    }

    fn end_line(&self, row: &Row, verdict: Verdict) -> String {
        let counts = row.outcome.counts;
        let mut line = format!("{} {}", self.coloured(verdict), row.name);
        if counts != Counts::default() {
            let _ = write!(line, ": {} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.skipped);
        }
        if !row.outcome.note.is_empty() {
            let _ = write!(line, ": {}", row.outcome.note);
        }
        let _ = write!(line, " ({:.1} s)", row.took.as_secs_f64());
        line
    }

    fn coloured(&self, verdict: Verdict) -> String {
        let (word, code) = verdict.word();
        if self.colours { format!("\x1b[{code}m{word}\x1b[0m") } else { word.to_owned() }
    }

    /// Prints the table and, as the last line, the sum; returns it.
    pub(super) fn summary(&self, rows: &[Row]) -> Counts {
        let mut total = Counts::default();
        for row in rows {
            total += row.outcome.counts;
        }
        print!("\n{}", self.table(rows));
        println!("{} passed, {} failed", total.passed, total.failed);
        total
    }

    fn table(&self, rows: &[Row]) -> String {
        let width = rows.iter().map(|row| row.name.len()).chain([4]).max().unwrap_or(4);
        let mut table =
            format!("{:width$}  {:>7}  {:>7}  {:>7}  {:>7}\n", "step", "passed", "failed", "skipped", "seconds");
        for row in rows {
            let Counts { passed, failed, skipped } = row.outcome.counts;
            let seconds = row.took.as_secs_f64();
            let _ = write!(table, "{:width$}  {passed:>7}  {failed:>7}  {skipped:>7}  {seconds:>7.1}", row.name);
            let verdict = Verdict::of(row);
            if verdict != Verdict::Ok {
                let _ = write!(table, "  {}", self.coloured(verdict));
            }
            if !row.outcome.note.is_empty() {
                let _ = write!(table, ": {}", row.outcome.note);
            }
            table.push('\n');
        }
        table
    }
}

/// Prints the steps for `--list`.
pub(super) fn list(steps: &[Step]) {
    let width = steps.iter().map(|step| step.name.len()).max().unwrap_or(0);
    for step in steps {
        let folder = step.client.as_ref().map(|client| format!(" ({})", client.folder)).unwrap_or_default();
        println!("{:width$}  {}{folder}", step.name, step.about);
    }
}

/// The last lines of an output that say something, indented.
fn tail(output: &str) -> String {
    let mut lines: Vec<&str> = output.lines().rev().filter(|line| !line.trim().is_empty()).take(TAIL).collect();
    lines.reverse();
    lines.into_iter().map(|line| format!("   {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Outcome;
    use super::*;

    fn row(name: &'static str, passed: u64, failed: u64, note: &str) -> Row {
        let counts = Counts { passed, failed, skipped: 0 };
        let outcome = Outcome { counts, note: note.to_owned(), output: String::new() };
        Row { name, outcome, took: Duration::from_millis(1234) }
    }

    const PLAIN: Console = Console { terminal: false, colours: false, current: None };

    #[test]
    fn the_table_is_aligned() {
        let rows = [row("fmt", 1, 0, ""), row("python", 1234, 2, "`pytest` ended"), row("go", 0, 0, "no go")];
        let expected = "\
            step     passed   failed  skipped  seconds\n\
            fmt           1        0        0      1.2\n\
            python     1234        2        0      1.2  FAILED: `pytest` ended\n\
            go            0        0        0      1.2  SKIPPED: no go\n";
        assert_eq!(PLAIN.table(&rows), expected);
    }

    #[test]
    fn the_sum_is_over_all_rows() {
        let total = PLAIN.summary(&[row("a", 3, 0, ""), row("b", 4, 2, "x")]);
        assert_eq!((total.passed, total.failed), (7, 2));
    }

    #[test]
    fn a_line_says_how_a_step_ended() {
        let line = |row: &Row| PLAIN.end_line(row, Verdict::of(row));
        assert_eq!(line(&row("a", 3, 0, "")), "ok a: 3 passed, 0 failed, 0 skipped (1.2 s)");
        assert_eq!(line(&row("a", 3, 1, "why")), "FAILED a: 3 passed, 1 failed, 0 skipped: why (1.2 s)");
        assert_eq!(line(&row("a", 0, 0, "why")), "SKIPPED a: why (1.2 s)");
    }

    #[test]
    fn colours_are_for_terminals() {
        let colourful = Console { terminal: true, colours: true, current: None };
        assert_eq!(colourful.coloured(Verdict::Failed), "\x1b[31mFAILED\x1b[0m");
        assert_eq!(PLAIN.coloured(Verdict::Failed), "FAILED");
    }

    #[test]
    fn the_tail_keeps_the_last_lines_that_say_something() {
        assert_eq!(tail("a\nb\n\nc\nd\n\n"), "   b\n   c\n   d\n");
        assert_eq!(tail(""), "");
    }
}
