//! The command line, and the load it asks for.

use std::path::PathBuf;

use crate::load::{Load, QueueType, Scenario};
use crate::uri::Uri;

/// Arguments of `bench`.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to drive.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    /// Drive any AMQP 0-9-1 broker: throughput, latency, fanout, backlog, idle queues and connections
    Amqp(Box<AmqpArgs>),
    /// The least server, as a child process
    #[command(hide = true)]
    LimitServer {
        /// Where its prefilled file goes
        #[arg(long)]
        dir: PathBuf,
    },
    /// Spin at nice 19 until standard input closes
    #[command(hide = true)]
    Spin,
}

/// How the result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    Table,
    Json,
}

/// Whether a child process spins so that no core halts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Spinner {
    On,
    Off,
    /// On where the processor says it is virtual.
    Auto,
}

/// Arguments of `bench amqp`. What is not given follows the scenario.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct AmqpArgs {
    /// The broker
    #[arg(long, default_value = "amqp://guest:guest@127.0.0.1:5672/%2f")]
    pub(crate) uri: Uri,
    /// Its process, for CPU, memory and bytes written [default: who listens on the port, if local]
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// A second broker that gets the same load in turn; the ratio is printed
    #[arg(long, value_name = "URI")]
    pub(crate) against: Option<Uri>,
    /// The second broker's process
    #[arg(long, value_name = "PID", requires = "against")]
    pub(crate) against_pid: Option<u32>,
    /// Also run on the least server that could carry the load: frames in, delivers out, one
    /// fdatasync for all that waited
    #[arg(long)]
    pub(crate) limit: bool,
    /// What to do
    #[arg(long, value_enum, default_value_t = Scenario::Throughput, conflicts_with = "table")]
    pub(crate) scenario: Scenario,
    /// Messages to publish in all
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    pub(crate) messages: Option<u64>,
    /// Publish for so long instead
    #[arg(long, value_name = "S")]
    pub(crate) seconds: Option<f64>,
    /// Bytes of a body; from 16 on, bodies are stamped: latency, gaps and duplicates are seen
    #[arg(long, value_name = "BYTES")]
    pub(crate) size: Option<usize>,
    /// delivery-mode 2
    #[arg(long)]
    pub(crate) persistent: bool,
    /// Durable queues and exchange
    #[arg(long)]
    pub(crate) durable: bool,
    /// x-queue-type
    #[arg(long, value_enum)]
    pub(crate) queue_type: Option<QueueType>,
    /// Unconfirmed publishes a producer may have; 0 publishes without confirms
    #[arg(long, value_name = "WINDOW")]
    pub(crate) confirm: Option<u32>,
    /// One multiple ack for so many deliveries; 0 consumes without acks
    #[arg(long, value_name = "N")]
    pub(crate) ack: Option<u32>,
    /// Unacked deliveries a consumer may have; 0 is no limit
    #[arg(long, value_name = "N")]
    pub(crate) prefetch: Option<u16>,
    /// Messages per second of all producers together, whatever the broker answers (open loop)
    #[arg(long, value_name = "MSG_PER_S")]
    pub(crate) rate: Option<f64>,
    /// Producers, a connection each
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) producers: usize,
    /// Consumers, a connection each [default: 1; for fanout one a queue]
    #[arg(long, value_name = "N")]
    pub(crate) consumers: Option<usize>,
    /// Queues [default: 1; for queues 10000]
    #[arg(long, value_name = "N")]
    pub(crate) queues: Option<usize>,
    /// Idle connections
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) connections: usize,
    /// Queues of the fanout exchange
    #[arg(long, value_name = "QUEUES", default_value_t = 10)]
    pub(crate) fanout: usize,
    /// A child at nice 19 that spins meanwhile, as a halted virtual core notices the disk late
    #[arg(long, value_enum, default_value_t = Spinner::Auto)]
    pub(crate) spinner: Spinner,
    /// Repeat so often, brokers in turn, and print medians
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) runs: usize,
    /// Wait until all is consumed (always so with --messages)
    #[arg(long)]
    pub(crate) drain: bool,
    /// Wait until the broker's work afterwards ends (CPU and writes quiet), and bill it
    #[arg(long)]
    pub(crate) settle: bool,
    /// The brokers' disk: the disk probe and the least server write here [default: the temporary directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Run the whole table of standard loads and write the results as JSON
    #[arg(long)]
    pub(crate) table: bool,
    /// Only the standard loads whose name contains this
    #[arg(long, value_name = "TEXT", requires = "table")]
    pub(crate) only: Option<String>,
    /// Multiply the counts of the standard loads
    #[arg(long, value_name = "FACTOR", requires = "table", default_value_t = 1.0)]
    pub(crate) scale: f64,
    /// Name of the results file [default: the broker's product, its version and the date]
    #[arg(long, requires = "table")]
    pub(crate) name: Option<String>,
    /// Where the results file goes
    #[arg(long, value_name = "DIR", requires = "table", default_value = "bench/results")]
    pub(crate) results: PathBuf,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
    /// No progress
    #[arg(long)]
    pub(crate) quiet: bool,
}

impl AmqpArgs {
    /// Where the probe and the least server write.
    pub(crate) fn directory(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(std::env::temp_dir)
    }

    /// The load with the scenario's own values where nothing was said, or what is wrong with it.
    pub(crate) fn load(&self) -> Result<Load, String> {
        let scenario = self.scenario;
        let backlog = scenario == Scenario::Backlog;
        let latency = scenario == Scenario::Latency;
        let queues = match scenario {
            Scenario::Fanout => self.fanout,
            Scenario::Queues => self.queues.unwrap_or(10_000),
            _ => self.queues.unwrap_or(1),
        };
        let seconds = self.seconds.or((latency && self.messages.is_none()).then_some(10.0));
        let consumers = if scenario == Scenario::Fanout { queues } else { 1 };
        let size = match scenario {
            Scenario::Backlog | Scenario::Latency => 1024,
            Scenario::Fanout => 100,
            _ => 16,
        };
        let load = Load {
            scenario,
            messages: self.messages.or(seconds.is_none().then_some(1_000_000)),
            seconds,
            size: self.size.unwrap_or(size),
            persistent: self.persistent,
            durable: self.durable || scenario == Scenario::Queues || self.queue_type == Some(QueueType::Quorum),
            queue_type: self.queue_type,
            confirm: self.confirm.unwrap_or(if backlog { 1000 } else { 0 }),
            ack: self.ack.unwrap_or(if backlog || latency { 100 } else { 0 }),
            prefetch: self.prefetch.unwrap_or(if backlog || latency { 1000 } else { 0 }),
            rate: self.rate.or(latency.then_some(20_000.0)),
            producers: self.producers,
            consumers: self.consumers.unwrap_or(consumers),
            queues,
            connections: self.connections,
            drain: self.drain || seconds.is_none() || backlog,
            settle: self.settle,
        };
        check(&load)?;
        if self.runs == 0 {
            return Err("--runs is at least 1".to_owned());
        }
        Ok(load)
    }
}

/// Refuses a load that could not be carried out as it reads.
fn check(load: &Load) -> Result<(), String> {
    let wrong = |text: &str| Err(text.to_owned());
    if load.is_idle() {
        return if load.queues == 0 || load.connections == 0 {
            wrong("none at all cannot be measured")
        } else {
            Ok(())
        };
    }
    if load.producers == 0 || load.consumers == 0 || load.queues == 0 {
        return wrong("at least one producer, one consumer and one queue are wanted");
    }
    if load.producers > 10_000 || load.consumers > 10_000 || load.queues > 65_535 {
        return wrong("at most 10000 producers, 10000 consumers and 65535 queues");
    }
    if load.size > 64 << 20 {
        return wrong("a body is at most 64 MiB");
    }
    if load.scenario != Scenario::Fanout && load.producers * load.queues * (load.size + 100) > 4 << 30 {
        return wrong("a message for every producer and queue is encoded beforehand: these take more than 4 GiB");
    }
    if load.messages == Some(0) || load.messages.is_some_and(|messages| messages > u64::from(u32::MAX)) {
        return wrong("--messages is from 1 to 4294967295");
    }
    if load.seconds.is_some_and(|seconds| !seconds.is_finite() || seconds <= 0.0) {
        return wrong("--seconds is above 0");
    }
    if load.rate.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
        return wrong("--rate is above 0");
    }
    if load.confirm > 1_000_000 {
        return wrong("--confirm is at most 1000000");
    }
    if load.ack > 0 && load.prefetch > 0 && load.ack > u32::from(load.prefetch) {
        return wrong("--ack is at most --prefetch, or the consumer waits for ever");
    }
    if load.scenario == Scenario::Backlog && load.seconds.is_some() {
        return wrong("a backlog is a number of --messages");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &str) -> Result<AmqpArgs, String> {
        let words = ["bench", "amqp"].into_iter().chain(line.split_whitespace());
        match Cli::try_parse_from(words).map_err(|error| error.to_string())?.args.command {
            Command::Amqp(args) => Ok(*args),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn the_scenario_fills_in_what_was_not_said() {
        let load = parse("").unwrap().load().unwrap();
        assert_eq!((load.messages, load.size, load.confirm, load.ack, load.drain), (Some(1_000_000), 16, 0, 0, true));
        let load = parse("--scenario latency").unwrap().load().unwrap();
        assert_eq!((load.messages, load.seconds, load.rate, load.ack), (None, Some(10.0), Some(20_000.0), 100));
        assert!(!load.drain);
        let load = parse("--scenario fanout --fanout 7").unwrap().load().unwrap();
        assert_eq!((load.queues, load.consumers, load.copies()), (7, 7, 7));
        let load = parse("--scenario backlog --ack 5 --prefetch 9").unwrap().load().unwrap();
        assert_eq!((load.ack, load.prefetch, load.confirm), (5, 9, 1000));
        assert!(parse("--queue-type quorum").unwrap().load().unwrap().durable);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for line in [
            "--messages 0",
            "--messages 4294967296",
            "--seconds 0",
            "--rate 0",
            "--producers 0",
            "--queues 70000",
            "--ack 10 --prefetch 5",
            "--scenario backlog --seconds 5",
            "--scenario queues --queues 0",
            "--runs 0",
            "--queues 60000 --size 1000000",
        ] {
            assert!(parse(line).unwrap().load().is_err(), "{line}");
        }
        for line in ["--messages 5 --seconds 5", "--uri http://h", "--against-pid 5", "--scenario dance"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
