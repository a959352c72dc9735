//! Prints targets beside what was measured: in columns for a terminal, or as Markdown.

use std::io::IsTerminal;

use crate::comparison::{Comparison, Role};
use crate::machine::Machine;
use crate::report::{aligned, product};
use crate::target::Verdict;

/// Whether an output is a terminal whose user has nothing against colours.
pub(crate) fn colours(output: &impl IsTerminal) -> bool {
    output.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Every target of every row: row, what is bounded, bound, a value per broker, verdict.
fn judged(comparisons: &[Comparison]) -> Vec<(&Comparison, Verdict)> {
    let mut all = Vec::new();
    for comparison in comparisons {
        all.extend(comparison.targets.iter().map(|target| (comparison, target.judge(comparison, comparisons))));
    }
    all
}

/// The roles that occur, in their order, each with the product's name.
fn sides(comparisons: &[Comparison]) -> Vec<(Role, String)> {
    let all = || comparisons.iter().flat_map(|comparison| &comparison.sides);
    let named = |role| Some((role, product(&all().find(|side| side.role == role)?.outcome)));
    [Role::Broker, Role::Against, Role::Limit].into_iter().filter_map(named).collect()
}

/// The value of each role's side, `-` where there is none.
fn values(comparison: &Comparison, verdict: &Verdict, sides: &[(Role, String)]) -> Vec<String> {
    let value = |role: Role| {
        let index = comparison.sides.iter().position(|side| side.role == role)?;
        verdict.values.get(index)?.clone()
    };
    sides.iter().map(|(role, _)| value(*role).unwrap_or("-".to_owned())).collect()
}

/// `met`, `MISSED by 25 %`, `MISSED by 3.1 x` or that it is neither.
fn word(verdict: &Verdict) -> String {
    match (verdict.met, verdict.missed_by) {
        (Some(true), _) => "met".to_owned(),
        (Some(false), Some(times)) if times < 2.0 => format!("MISSED by {:.1} %", (times - 1.0) * 100.0),
        (Some(false), Some(times)) if times.is_finite() => format!("MISSED by {times:.1} x"),
        (Some(false), _) => "MISSED".to_owned(),
        (None, _) => "not judged".to_owned(),
    }
}

/// All targets in aligned columns, and how many were met.
pub(crate) fn table(comparisons: &[Comparison], colour: bool) -> String {
    let (judged, sides) = (judged(comparisons), sides(comparisons));
    let mut head = vec!["load".to_owned(), "figure".to_owned(), "target".to_owned()];
    head.extend(sides.iter().map(|(_, name)| name.clone()));
    head.push("verdict".to_owned());
    let mut rows = vec![head];
    let mut before = "";
    for (comparison, verdict) in &judged {
        // A name once, not on each of its lines.
        let name = if comparison.name == before { String::new() } else { comparison.name.clone() };
        before = &comparison.name;
        let mut row = vec![name, verdict.what.clone(), verdict.wanted.clone()];
        row.extend(values(comparison, verdict, &sides));
        row.push(word(verdict));
        rows.push(row);
    }
    let plain = aligned(&rows, 2);
    let mut lines = plain.lines();
    let mut text = format!("{}\n", lines.next().unwrap_or_default());
    for (line, (_, verdict)) in lines.zip(&judged) {
        // The verdict ends its line, so it is where the colour begins.
        let (values, word) = line.split_at(line.len() - word(verdict).len());
        let on = match verdict.met {
            Some(true) => "\x1b[32m",
            Some(false) => "\x1b[31m",
            None => "\x1b[2m",
        };
        let (on, off) = if colour { (on, "\x1b[0m") } else { ("", "") };
        text += &format!("{values}{on}{word}{off}\n");
    }
    text + &count(&judged)
}

fn count(judged: &[(&Comparison, Verdict)]) -> String {
    let count = |met| judged.iter().filter(|(_, verdict)| verdict.met == met).count();
    let (met, missed, open) = (count(Some(true)), count(Some(false)), count(None));
    format!("{met} targets met, {missed} missed, {open} not judged\n")
}

/// A document with the table between its two marks replaced; `None` without the marks.
pub(crate) fn placed(document: &str, table: &str) -> Option<String> {
    const MARKS: [&str; 2] = ["<!-- results -->\n", "<!-- end of results -->"];
    let (before, rest) = document.split_once(MARKS[0])?;
    let (_, after) = rest.split_once(MARKS[1])?;
    Some(format!("{before}{}{}\n{}{after}", MARKS[0], table.trim_end(), MARKS[1]))
}

/// All targets as a Markdown table under a line about the machine.
pub(crate) fn markdown(machine: &Machine, comparisons: &[Comparison]) -> String {
    let (judged, sides) = (judged(comparisons), sides(comparisons));
    let mut text = format!("{}.\n\n", machine.describe());
    text += &format!(
        "| load | figure | target | {} | |\n|---|---|---|{}---|\n",
        sides.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(" | "),
        "---|".repeat(sides.len())
    );
    for (comparison, verdict) in &judged {
        let values = values(comparison, verdict, &sides).join(" | ");
        let Verdict { what, wanted, .. } = verdict;
        text += &format!("| {} | {what} | {wanted} | {values} | {} |\n", comparison.name, word(verdict));
    }
    text + "\n" + &count(&judged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::Side;
    use crate::outcome::{Outcome, Unit};
    use crate::target::Target;

    fn one() -> Comparison {
        let mut outcome = Outcome::default();
        outcome.put("cost", "CPU", Unit::Cost, 0.5);
        let bound = |bound| Target { figure: "cost".to_owned(), at_most: Some(bound), ..Target::default() };
        let other = Target { figure: "cost".to_owned(), below_against: Some(2.0), ..Target::default() };
        Comparison {
            stem: "a".to_owned(),
            name: "load".to_owned(),
            targets: vec![bound(1.0), bound(0.25), other],
            sides: vec![Side {
                role: Role::Broker,
                uri: String::new(),
                pid: None,
                spawned: true,
                runs: vec![],
                outcome,
            }],
            ..Comparison::default()
        }
    }

    #[test]
    fn verdicts_are_coloured_only_where_it_is_wanted() {
        let plain = table(&[one()], false);
        assert!(!plain.contains('\x1b'));
        assert!(plain.contains("MISSED by 2.0 x\n") && plain.ends_with("1 targets met, 1 missed, 1 not judged\n"));
        let coloured = table(&[one()], true);
        assert!(coloured.contains("\x1b[32mmet\x1b[0m\n") && coloured.contains("\x1b[31mMISSED by 2.0 x\x1b[0m\n"));
        let stripped =
            ["\x1b[32m", "\x1b[31m", "\x1b[2m", "\x1b[0m"].iter().fold(coloured, |text, code| text.replace(code, ""));
        assert_eq!(stripped, plain);
    }

    #[test]
    fn a_table_is_placed_between_its_marks_again_and_again() {
        let document = "# Bench\n<!-- results -->\nold\n<!-- end of results -->\nmore\n";
        let new = "# Bench\n<!-- results -->\nnew\n<!-- end of results -->\nmore\n";
        assert_eq!(placed(document, "new\n").as_deref(), Some(new));
        assert_eq!(placed(new, "new").as_deref(), Some(new));
        assert_eq!(placed("# Bench\n", "new"), None);
    }

    #[test]
    fn every_row_of_the_markdown_has_as_many_cells() {
        let text = markdown(&Machine::look(std::path::Path::new("/"), false), &[one()]);
        let bars: Vec<usize> =
            text.lines().filter(|line| line.starts_with('|')).map(|line| line.matches('|').count()).collect();
        assert_eq!(bars, [6; 5]);
    }
}
