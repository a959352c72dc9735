//! Prints comparisons: figures in aligned columns, or JSON.

use serde_json::{Map, Value, json};

use crate::comparison::{Comparison, Role, Side};
use crate::machine::Machine;
use crate::outcome::{Outcome, ratio};

/// Rows of cells; the first `left` columns are aligned to the left, the others to the right.
pub(crate) fn aligned(rows: &[Vec<String>], left: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| Some(row.get(column)?.chars().count())).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            line += if column > 0 { "  " } else { "" };
            line += &if column < left { format!("{cell:<width$}") } else { format!("{cell:>width$}") };
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// What a side is called in a heading.
pub(crate) fn heading(side: &Side) -> String {
    match side.role {
        Role::Limit => "limit".to_owned(),
        _ => side.uri.clone(),
    }
}

/// `RabbitMQ 3.10.8`, or what little the broker said of itself.
pub(crate) fn product(outcome: &Outcome) -> String {
    let name = format!("{} {}", outcome.peer.product, outcome.peer.version);
    if name.trim().is_empty() { "unnamed".to_owned() } else { name.trim().to_owned() }
}

/// One comparison as a table: a row per figure, a column per broker, the ratios beside.
pub(crate) fn table(comparison: &Comparison) -> String {
    let Some((first, others)) = comparison.sides.split_first() else { return String::new() };
    let mut title = vec![String::new(), heading(first)];
    let mut second = vec![String::new(), product(&first.outcome)];
    for side in others {
        let times = if side.role == Role::Limit { "times limit" } else { "ratio" };
        title.extend([heading(side), times.to_owned()]);
        second.extend([product(&side.outcome), String::new()]);
    }
    let mut rows = vec![title, second];
    for figure in &first.outcome.figures {
        let mut row = vec![figure.label.to_owned(), figure.unit.show(figure.value)];
        for side in others {
            let value = side.outcome.figure(figure.key);
            row.push(value.map_or("-".to_owned(), |figure| figure.unit.show(figure.value)));
            let times = ratio(&first.outcome, &side.outcome, figure.key);
            row.push(times.map_or("-".to_owned(), |times| format!("{times:.3}")));
        }
        rows.push(row);
    }
    let mut text = format!("{}\n{}", comparison.description, aligned(&rows, 1));
    let process = |side: &Side| side.pid.map_or("unknown".to_owned(), |pid| pid.to_string());
    if comparison.sides.iter().any(|side| side.pid.is_none() && !side.spawned) {
        let pids: Vec<String> = comparison.sides.iter().map(process).collect();
        text += &format!("server processes: {}; without one there is no CPU, RSS or bytes written\n", pids.join(", "));
    }
    text + &faults(comparison)
}

/// Every wrong count, one a line.
fn faults(comparison: &Comparison) -> String {
    let mut text = String::new();
    for side in &comparison.sides {
        for fault in &side.outcome.faults {
            text += &format!("WRONG on {}: {fault}\n", heading(side));
        }
    }
    text
}

/// Columns of the summary: key, heading. Those that no broker has a figure for are left out.
const SUMMARY: [(&str, &str); 21] = [
    ("in_per_s", "in/s"),
    ("out_per_s", "out/s"),
    ("in_mib_per_s", "in MiB/s"),
    ("out_mib_per_s", "out MiB/s"),
    ("latency_p50_us", "p50"),
    ("latency_p99_us", "p99"),
    ("latency_p999_us", "p99.9"),
    ("confirm_p50_us", "confirm p50"),
    ("confirm_p99_us", "confirm p99"),
    ("produce_p50_us", "produce p50"),
    ("produce_p99_us", "produce p99"),
    ("produce_p99_times", "produce p99 / alone"),
    ("mib_per_cpu_s", "MiB / CPU s"),
    ("cpu_us_per_record", "CPU us/record"),
    ("create_seconds", "create"),
    ("cpu_us_per_published", "CPU us/published"),
    ("cpu_us_each", "CPU us each"),
    ("rss_peak_bytes", "RSS peak"),
    ("rss_bytes_each", "RSS each"),
    ("written_per_byte", "written/B"),
    ("ready_us", "ready"),
];

/// Several comparisons as one table: a row per load and broker.
pub(crate) fn summary(comparisons: &[Comparison]) -> String {
    let sides = || comparisons.iter().flat_map(|comparison| &comparison.sides);
    let filled = |key: &str| sides().any(|side| side.outcome.figure(key).is_some());
    let columns: Vec<(&str, &str)> = SUMMARY.into_iter().filter(|(key, _)| filled(key)).collect();
    let mut head = vec!["load".to_owned(), "broker".to_owned()];
    head.extend(columns.iter().map(|(_, heading)| (*heading).to_owned()));
    let mut rows = vec![head];
    for comparison in comparisons {
        for side in &comparison.sides {
            let mut row = vec![comparison.name.clone(), product(&side.outcome)];
            row.extend(columns.iter().map(|(key, _)| {
                side.outcome.figure(key).map_or("-".to_owned(), |figure| figure.unit.show(figure.value))
            }));
            rows.push(row);
        }
    }
    aligned(&rows, 2) + &comparisons.iter().map(faults).collect::<String>()
}

/// All figures as an object.
fn numbers(outcome: &Outcome) -> Value {
    let figure = outcome.figures.iter().map(|figure| (figure.key.to_owned(), json!(figure.value)));
    Value::Object(figure.collect())
}

/// Comparisons with the machine they were made on.
pub(crate) fn json(machine: &Machine, comparisons: &[Comparison]) -> Value {
    let loads: Vec<Value> = comparisons.iter().map(|comparison| one(comparison, comparisons)).collect();
    json!({ "machine": machine, "loads": loads })
}

/// Its targets with what came of them.
fn targets(comparison: &Comparison, all: &[Comparison]) -> Vec<Value> {
    let judged = comparison.targets.iter().map(|target| {
        let verdict = target.judge(comparison, all);
        json!({ "target": target, "met": verdict.met, "missed_by": verdict.missed_by })
    });
    judged.collect()
}

fn one(comparison: &Comparison, all: &[Comparison]) -> Value {
    let mut brokers = Vec::new();
    let mut ratios = Map::new();
    for (index, side) in comparison.sides.iter().enumerate() {
        brokers.push(json!({
            "role": side.role,
            "uri": side.uri,
            "product": side.outcome.peer.product,
            "version": side.outcome.peer.version,
            "pid": side.pid,
            "spawned": side.spawned,
            "figures": numbers(&side.outcome),
            "runs": side.runs.iter().map(numbers).collect::<Vec<_>>(),
            "faults": side.outcome.faults,
        }));
        if index > 0 {
            let first = &comparison.sides[0].outcome;
            let times = first
                .figures
                .iter()
                .filter_map(|figure| Some((figure.key.to_owned(), json!(ratio(first, &side.outcome, figure.key)?))));
            let name = if side.role == Role::Limit { "limit" } else { "against" };
            ratios.insert(name.to_owned(), Value::Object(times.collect()));
        }
    }
    json!({
        "name": comparison.name,
        "description": comparison.description,
        "load": comparison.load,
        "targets": targets(comparison, all),
        "brokers": brokers,
        "ratios": ratios,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_aligned_and_lines_end_without_spaces() {
        let rows = [vec!["a", "1"], vec!["long", "1,000"], vec!["c", ""]];
        let rows = rows.map(|row| row.into_iter().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(aligned(&rows, 1), "a         1\nlong  1,000\nc\n");
    }
}
