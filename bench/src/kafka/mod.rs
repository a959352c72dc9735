//! `bench kafka`: replays record batches encoded beforehand and drains fetches without looking into them.

mod answer;
pub(crate) mod args;
mod batch;
mod broker;
mod client;
mod code;
mod cold;
mod consume;
mod crew;
mod drain;
mod drainer;
mod interference;
mod latency;
pub(crate) mod limit;
mod load;
mod population;
mod produce;
mod request;
mod restart;
mod sender;
mod template;
mod topics;
mod versions;
mod wire;

use std::path::Path;

use crate::child::Itself;
use crate::comparison::{Comparison, Role, Seat, take_turns};
use crate::error::{Error, Result};
use crate::kafka::args::KafkaArgs;
use crate::kafka::broker::Broker;
use crate::kafka::crew::{CALM, Crew};
use crate::kafka::load::{Load, Scenario};
use crate::kafka::topics::Topics;
use crate::outcome::Outcome;
use crate::scenario::{self, Row};
use crate::screen::Screen;
use crate::spawned::Program;
use crate::start;

/// The standard loads, by name.
const STANDARD: [scenario::File; 11] = [
    ("01-produce-1-kib", include_str!("../../scenarios-kafka/01-produce-1-kib.toml")),
    ("02-produce-100-b", include_str!("../../scenarios-kafka/02-produce-100-b.toml")),
    ("03-single-records", include_str!("../../scenarios-kafka/03-single-records.toml")),
    ("04-consume", include_str!("../../scenarios-kafka/04-consume.toml")),
    ("05-consume-single-records", include_str!("../../scenarios-kafka/05-consume-single-records.toml")),
    ("06-catch-up", include_str!("../../scenarios-kafka/06-catch-up.toml")),
    ("07-interference", include_str!("../../scenarios-kafka/07-interference.toml")),
    ("08-end-to-end", include_str!("../../scenarios-kafka/08-end-to-end.toml")),
    ("09-topics", include_str!("../../scenarios-kafka/09-topics.toml")),
    ("10-restart", include_str!("../../scenarios-kafka/10-restart.toml")),
    ("11-start", include_str!("../../scenarios-kafka/11-start.toml")),
];

/// The standard loads that can be carried out as asked for.
pub(crate) fn standard(args: &KafkaArgs) -> Result<Vec<Row<Load>>> {
    let mut rows = scenario::rows(&STANDARD, args.options.scenarios.as_deref(), args.options.scale)?;
    // A broker that runs anyhow is not to be killed.
    rows.retain(|row: &Row<Load>| args.spawn.is_some() || row.load.scenario != Scenario::Restart);
    Ok(rows)
}

/// How a load is carried out on any broker.
struct Runner<'a> {
    load: &'a Load,
    configs: &'a [(String, String)],
    screen: &'a Screen,
}

/// Runs a load on the broker, on the other one and on the least server, as asked for.
pub(crate) fn compare(row: &Row<Load>, args: &KafkaArgs, itself: &Itself, screen: &Screen) -> Result<Comparison> {
    let (load, directory) = (&row.load, args.options.directory());
    let runs = args.options.runs();
    let given_times = runs.min(row.runs_against);
    let runner = &Runner { load, configs: &args.topic_config, screen };
    let given = |role, broker: Broker, times| {
        let (uri, pid) = (broker.address.to_string(), broker.pid);
        Seat::given(role, uri, pid, times, Box::new(move || runner.on_given(&broker)))
    };
    let mut seats = vec![match &args.spawn {
        Some(program) => {
            let program = program_of(program.as_deref(), args, itself, &directory)?;
            Seat::spawned(runs, Box::new(move || runner.on_own(&program)))
        }
        None => {
            let mut broker = Broker::find(&args.broker, args.pid, args.product.as_deref())?;
            broker.data.clone_from(&args.broker_data);
            broker.amqp = args.amqp.as_ref().map(|uri| crate::broker::Broker::find(uri, args.pid)).transpose()?;
            given(Role::Broker, broker, given_times)
        }
    }];
    // Only a broker of one's own can be killed.
    let anyones = load.scenario != Scenario::Restart;
    if let Some(address) = args.against.as_ref().filter(|_| row.against && anyones) {
        let mut broker = Broker::find(address, args.against_pid, args.against_product.as_deref())?;
        broker.data.clone_from(&args.against_data);
        seats.push(given(Role::Against, broker, given_times));
    }
    // The child lives until all runs are over.
    let child =
        if args.limit && row.limit && load.has_limit() { Some(limit::start(itself, &directory)?) } else { None };
    if let Some((child, address)) = &child {
        let product = format!("limit {}", env!("CARGO_PKG_VERSION"));
        let broker = Broker::find(address, Some(child.pid()), Some(&product))?;
        seats.push(given(Role::Limit, broker, runs));
    }
    take_turns(&mut seats, &args.options, || Ok(()))?;
    Ok(Comparison::of(row, seats))
}

/// The program to be spawned, reached by Kafka's protocol.
fn program_of(told: Option<&Path>, args: &KafkaArgs, itself: &Itself, directory: &Path) -> Result<Program<Broker>> {
    let doors = ["--amqp", "127.0.0.1:0", "--http", "127.0.0.1:0", "--kafka", "127.0.0.1:0"];
    let options = doors.into_iter().chain(args.broker_option.iter().map(String::as_str)).map(Into::into).collect();
    Program::find(told, itself, directory, options, Broker::serving)
}

impl Runner<'_> {
    /// On a broker that runs; its topics are deleted afterwards even if the load failed.
    fn on_given(&self, broker: &Broker) -> Result<Outcome> {
        let Runner { load, configs, screen } = *self;
        let mut control = broker.connect()?;
        let mut outcome = Outcome { peer: broker.peer(&control), ..Outcome::default() };
        if load.scenario == Scenario::Start {
            drop(control);
            start::watch(&mut outcome, broker.meter()?, CALM, load.seconds.unwrap_or(1.0), screen);
            return Ok(outcome);
        }
        let topics = Topics::new(load, configs);
        let result = topics.deleted_after(&mut control, |control| {
            if load.scenario != Scenario::Topics {
                topics.create(control)?;
            }
            let crew = &mut Crew::new(broker, screen)?;
            match load.scenario {
                Scenario::Produce => produce::run(load, &topics, control, crew),
                Scenario::Consume | Scenario::CatchUp => consume::run(load, &topics, control, crew),
                Scenario::Latency => latency::run(load, &topics, control, crew),
                Scenario::Topics => population::run(load, &topics, control, crew),
                Scenario::Interference => interference::run(load, &topics, control, crew),
                Scenario::Start | Scenario::Restart => Err(Error::new("only a broker of one's own can be restarted")),
            }
        });
        screen.clear();
        Ok(Outcome { peer: outcome.peer, ..result? })
    }

    /// On a fresh process with a fresh data directory.
    fn on_own(&self, program: &Program<Broker>) -> Result<Outcome> {
        let spawned = program.start()?;
        let (outcome, spawned) = match self.load.scenario {
            Scenario::Restart => restart::run(spawned, self.load, self.configs, self.screen)?,
            Scenario::Start => {
                let mut outcome =
                    Outcome { peer: spawned.broker.peer(&spawned.broker.connect()?), ..Outcome::default() };
                let (meter, seconds) = (spawned.broker.meter()?, self.load.seconds.unwrap_or(1.0));
                start::put_ready(&mut outcome, Some(spawned.ready));
                start::watch(&mut outcome, meter, CALM, seconds, self.screen);
                (outcome, spawned)
            }
            _ => (self.on_given(&spawned.broker)?, spawned),
        };
        spawned.stop()?;
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tests::the_files_built_in_are_all_there_are;

    #[test]
    fn the_standard_loads_are_the_files_of_their_directory() {
        the_files_built_in_are_all_there_are::<Load>(&STANDARD, "scenarios-kafka");
    }
}
