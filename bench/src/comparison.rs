//! One load on every broker asked for, in turn, so often as asked for.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::options::Options;
use crate::outcome::{Outcome, median};
use crate::scenario::{Row, Task};
use crate::target::Target;

/// Which side of a comparison a broker is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Broker,
    Against,
    Limit,
}

/// All runs of one load on one broker.
pub(crate) struct Side {
    pub(crate) role: Role,
    pub(crate) uri: String,
    pub(crate) pid: Option<u32>,
    /// Whether every run had a process of its own.
    pub(crate) spawned: bool,
    pub(crate) runs: Vec<Outcome>,
    /// Figure by figure the median of the runs.
    pub(crate) outcome: Outcome,
}

/// One load on all sides.
#[derive(Default)]
pub(crate) struct Comparison {
    /// Name of the scenario file and row in it; empty for a load of the command line.
    pub(crate) stem: String,
    pub(crate) take: usize,
    pub(crate) name: String,
    /// The load in one line, and as data.
    pub(crate) description: String,
    pub(crate) load: Value,
    pub(crate) targets: Vec<Target>,
    pub(crate) sides: Vec<Side>,
}

impl Comparison {
    /// What the seats' runs of a row make.
    pub(crate) fn of<L: Task>(row: &Row<L>, seats: Vec<Seat<'_>>) -> Comparison {
        Comparison {
            stem: row.stem.clone(),
            take: row.take,
            name: row.name.clone(),
            description: row.load.describe(),
            load: serde_json::to_value(&row.load).unwrap_or_default(),
            targets: row.targets.clone(),
            sides: seats.into_iter().map(Seat::side).collect(),
        }
    }

    /// Whether every count on every side was right.
    pub(crate) fn is_sound(&self) -> bool {
        self.sides.iter().all(|side| side.outcome.faults.is_empty())
    }
}

/// Carries the load out once on one broker.
pub(crate) type CarryOut<'a> = Box<dyn FnMut() -> Result<Outcome> + 'a>;

/// One broker that takes its turns, and where its runs are gathered.
pub(crate) struct Seat<'a> {
    role: Role,
    uri: String,
    pid: Option<u32>,
    spawned: bool,
    times: usize,
    carry_out: CarryOut<'a>,
    runs: Vec<Outcome>,
}

impl<'a> Seat<'a> {
    /// A broker that runs anyhow; it gets the load at most `times`.
    pub(crate) fn given(role: Role, uri: String, pid: Option<u32>, times: usize, carry_out: CarryOut<'a>) -> Seat<'a> {
        Seat { role, uri, pid, spawned: false, times, carry_out, runs: Vec::new() }
    }

    /// A broker that `carry_out` starts itself for each run.
    pub(crate) fn spawned(times: usize, carry_out: CarryOut<'a>) -> Seat<'a> {
        let uri = "spawned".to_owned();
        Seat { role: Role::Broker, uri, pid: None, spawned: true, times, carry_out, runs: Vec::new() }
    }

    /// Carries the load out once. In a table a failure is a fault of this run: the other rows go on.
    fn take(&mut self, in_table: bool) -> Result<()> {
        self.runs.push(match (self.carry_out)() {
            Ok(outcome) => outcome,
            Err(error) if in_table => Outcome { faults: vec![error.to_string()], ..Outcome::default() },
            Err(error) => return Err(Error::new(format!("{}: {error}", self.uri))),
        });
        Ok(())
    }

    /// The side all its runs make.
    fn side(self) -> Side {
        let Seat { role, uri, pid, spawned, runs, .. } = self;
        Side { role, uri, pid, spawned, outcome: median(&runs), runs }
    }
}

/// Lets every seat carry the load out, one after the other, so often as asked for; `after` each round. Before that the
/// brokers that run anyhow warm up, if that is asked for.
pub(crate) fn take_turns(
    seats: &mut [Seat<'_>],
    options: &Options,
    mut after: impl FnMut() -> Result<()>,
) -> Result<()> {
    for seat in seats.iter_mut().filter(|seat| !seat.spawned && seat.role != Role::Limit) {
        for _ in 0..options.warm_up {
            seat.take(options.table)?;
        }
        seat.runs.clear();
    }
    for run in 0..options.runs() {
        for seat in seats.iter_mut().filter(|seat| run < seat.times) {
            seat.take(options.table)?;
        }
        after()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat<'a>(times: usize, turns: &'a std::cell::RefCell<String>, name: char) -> Seat<'a> {
        let carry_out = move || {
            turns.borrow_mut().push(name);
            if name == 'x' { Err(Error::new("gone")) } else { Ok(Outcome::default()) }
        };
        Seat::given(Role::Broker, name.to_string(), None, times, Box::new(carry_out))
    }

    fn options(line: &str) -> Options {
        #[derive(clap::Parser)]
        struct Cli {
            #[command(flatten)]
            options: Options,
        }
        let cli: Cli = clap::Parser::parse_from(["bench"].into_iter().chain(line.split_whitespace()));
        cli.options
    }

    #[test]
    fn seats_take_turns_until_each_had_its_own() {
        for (line, expected) in [("--runs 3", "ab.a.a."), ("--runs 2 --warm-up 2", "aabbab.a.")] {
            let turns = std::cell::RefCell::default();
            let mut seats = [seat(3, &turns, 'a'), seat(1, &turns, 'b')];
            take_turns(&mut seats, &options(line), || {
                turns.borrow_mut().push('.');
                Ok(())
            })
            .unwrap();
            assert_eq!(seats[1].runs.len(), 1, "warming up does not count");
            drop(seats);
            assert_eq!(turns.into_inner(), expected);
        }
    }

    #[test]
    fn a_failure_ends_a_single_load_and_is_a_fault_in_a_table() {
        let turns = std::cell::RefCell::default();
        let mut seats = [seat(1, &turns, 'x')];
        let error = take_turns(&mut seats, &options(""), || Ok(())).unwrap_err();
        assert_eq!(error.to_string(), "x: gone");
        take_turns(&mut seats, &options("--table --runs 1"), || Ok(())).unwrap();
        let [seat] = seats;
        assert_eq!(seat.side().outcome.faults, ["gone"]);
    }
}
