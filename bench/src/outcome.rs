//! The figures of a run: each with its name in JSON, its name in the table and how it is printed.

use crate::connection::Peer;
use crate::histogram::Histogram;
use crate::load::grouped;

/// How a figure is printed. In JSON it is the bare number in the unit that its key names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    PerSecond,
    Microseconds,
    /// Microseconds of CPU for one message.
    Cost,
    Bytes,
    /// Mebibytes for something: a second, or a second of CPU.
    Mebibytes,
    Count,
    Seconds,
    Times,
}

impl Unit {
    /// The value for a person.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Unit::PerSecond | Unit::Count => grouped(value.round() as u64),
            Unit::Microseconds if value >= 1_000_000.0 => format!("{:.2} s", value / 1e6),
            Unit::Microseconds if value >= 1000.0 => format!("{:.2} ms", value / 1e3),
            Unit::Microseconds if value >= 10.0 => format!("{value:.0} us"),
            Unit::Microseconds => format!("{value:.2} us"),
            Unit::Cost if value >= 10.0 => format!("{value:.1}"),
            Unit::Cost => format!("{value:.3}"),
            Unit::Mebibytes if value >= 100.0 => grouped(value.round() as u64),
            Unit::Mebibytes => format!("{value:.1}"),
            Unit::Bytes if value >= 1024.0 * 1024.0 * 1024.0 => format!("{:.2} GiB", value / 1024.0 / 1024.0 / 1024.0),
            Unit::Bytes if value.abs() >= 1024.0 * 1024.0 => format!("{:.1} MiB", value / 1024.0 / 1024.0),
            Unit::Bytes if value.abs() >= 10.0 * 1024.0 => format!("{:.1} KiB", value / 1024.0),
            Unit::Bytes => format!("{value:.0} B"),
            Unit::Seconds => format!("{value:.3} s"),
            Unit::Times if value >= 100.0 => format!("{value:.0} x"),
            Unit::Times => format!("{value:.2} x"),
        }
    }
}

/// One measured number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    /// Its name in JSON, unit included.
    pub(crate) key: &'static str,
    /// Its name in the table.
    pub(crate) label: &'static str,
    pub(crate) unit: Unit,
    pub(crate) value: f64,
}

/// What one run on one broker gave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) peer: Peer,
    pub(crate) figures: Vec<Figure>,
    /// What is wrong with the counts; empty when all is right.
    pub(crate) faults: Vec<String>,
}

impl Outcome {
    /// Adds a figure.
    pub(crate) fn put(&mut self, key: &'static str, label: &'static str, unit: Unit, value: f64) {
        self.figures.push(Figure { key, label, unit, value });
    }

    /// Adds four quantiles of nanoseconds under four keys and labels; none if nothing was counted.
    pub(crate) fn put_quantiles(&mut self, names: &Quantiles, histogram: &Histogram) {
        let fractions = [0.5, 0.99, 0.999, 1.0];
        for ((key, label), fraction) in names.iter().zip(fractions) {
            if let Some(nanoseconds) = histogram.quantile(fraction) {
                self.put(key, label, Unit::Microseconds, nanoseconds as f64 / 1000.0);
            }
        }
    }

    /// The figure of this key.
    pub(crate) fn figure(&self, key: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.key == key)
    }
}

/// Keys and labels of p50, p99, p99.9 and the maximum.
pub(crate) type Quantiles = [(&'static str, &'static str); 4];

/// End-to-end latency.
pub(crate) const LATENCY: Quantiles = [
    ("latency_p50_us", "latency p50"),
    ("latency_p99_us", "latency p99"),
    ("latency_p999_us", "latency p99.9"),
    ("latency_max_us", "latency max"),
];
/// Publish to confirm.
pub(crate) const CONFIRM: Quantiles = [
    ("confirm_p50_us", "confirm p50"),
    ("confirm_p99_us", "confirm p99"),
    ("confirm_p999_us", "confirm p99.9"),
    ("confirm_max_us", "confirm max"),
];
/// Declaring one queue or opening one connection.
pub(crate) const EACH: Quantiles = [
    ("each_p50_us", "each p50"),
    ("each_p99_us", "each p99"),
    ("each_p999_us", "each p99.9"),
    ("each_max_us", "each max"),
];

/// The figures of several runs as one: of each the median (of an even number the lower middle);
/// every fault of any run stays.
pub(crate) fn median(runs: &[Outcome]) -> Outcome {
    // The first of those that got furthest.
    let Some(whole) = runs.iter().rev().max_by_key(|run| run.figures.len()) else { return Outcome::default() };
    let mut median = Outcome { peer: whole.peer.clone(), ..Outcome::default() };
    for figure in &whole.figures {
        let mut values: Vec<f64> = runs.iter().filter_map(|run| Some(run.figure(figure.key)?.value)).collect();
        values.sort_by(f64::total_cmp);
        median.figures.push(Figure { value: values[(values.len() - 1) / 2], ..figure.clone() });
    }
    median.faults = runs.iter().flat_map(|run| run.faults.clone()).collect();
    median
}

/// How many times the second's value the first's is, for each figure both have.
pub(crate) fn ratio(first: &Outcome, second: &Outcome, key: &str) -> Option<f64> {
    let (first, second) = (first.figure(key)?.value, second.figure(key)?.value);
    (second > 0.0).then_some(first / second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(values: &[(&'static str, f64)], fault: Option<&str>) -> Outcome {
        let mut outcome = Outcome::default();
        for (key, value) in values {
            outcome.put(key, key, Unit::Count, *value);
        }
        outcome.faults.extend(fault.map(str::to_owned));
        outcome
    }

    #[test]
    fn medians_are_taken_figure_by_figure_and_faults_stay() {
        let runs = [
            run(&[("a", 3.0), ("b", 1.0)], None),
            run(&[("a", 1.0)], Some("lost")),
            run(&[("a", 2.0), ("b", 5.0)], None),
        ];
        let whole = median(&runs);
        assert_eq!(whole.figure("a").unwrap().value, 2.0);
        assert_eq!(whole.figure("b").unwrap().value, 1.0);
        assert_eq!(whole.faults, ["lost"]);
        assert_eq!(ratio(&runs[0], &runs[1], "a"), Some(3.0));
        assert_eq!(ratio(&runs[0], &runs[1], "b"), None);
    }

    #[test]
    fn values_are_shown_with_their_units() {
        for (unit, value, text) in [
            (Unit::PerSecond, 1234567.4, "1,234,567"),
            (Unit::Microseconds, 4.5, "4.50 us"),
            (Unit::Microseconds, 4500.0, "4.50 ms"),
            (Unit::Cost, 0.0312, "0.031"),
            (Unit::Bytes, 3.5 * 1024.0 * 1024.0, "3.5 MiB"),
            (Unit::Mebibytes, 1234.5, "1,235"),
            (Unit::Mebibytes, 4.56, "4.6"),
            (Unit::Times, 1.5, "1.50 x"),
        ] {
            assert_eq!(unit.show(value), text);
        }
    }
}
