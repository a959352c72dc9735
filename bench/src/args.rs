//! The command line, and the load it asks for.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::kafka::args::KafkaArgs;
use crate::load::{Load, QueueType, Scenario};
use crate::options::Options;
use crate::scenario::Task;
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
    /// Drive any broker that speaks Kafka's protocol: produce, consume, catch up, latency, many topics
    Kafka(Box<KafkaArgs>),
    /// The least server, as a child process
    #[command(hide = true)]
    LimitServer {
        /// Where its prefilled file goes
        #[arg(long)]
        dir: PathBuf,
    },
    /// The least server of Kafka's protocol, as a child process
    #[command(hide = true)]
    KafkaLimitServer {
        /// Where its files go
        #[arg(long)]
        dir: PathBuf,
    },
    /// Spin at nice 19 until standard input closes
    #[command(hide = true)]
    Spin,
    /// Become another program, which is killed when the parent ends
    #[command(hide = true)]
    Become {
        /// The program and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },
}

/// Arguments of `bench amqp`. What is not given follows the scenario.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct AmqpArgs {
    /// The broker
    #[arg(long, default_value = "amqp://guest:guest@127.0.0.1:5672/%2f")]
    pub(crate) uri: Uri,
    /// Start the broker itself, anew and on a fresh data directory for every run: this program, or
    /// another that takes `narumq`'s options
    #[arg(long, value_name = "PROGRAM", num_args = 0..=1, conflicts_with_all = ["uri", "pid"])]
    pub(crate) spawn: Option<Option<PathBuf>>,
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
    #[arg(long, value_name = "N")]
    pub(crate) messages: Option<u64>,
    /// Publish for so long; with --messages, no longer than that
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
    /// Wait until all is consumed (always so with --messages)
    #[arg(long)]
    pub(crate) drain: bool,
    /// Wait until the broker's work afterwards ends (CPU and writes quiet), and bill it
    #[arg(long)]
    pub(crate) settle: bool,
    #[command(flatten)]
    pub(crate) options: Options,
}

impl AmqpArgs {
    /// The load with the scenario's own values where nothing was said, or what is wrong with it.
    pub(crate) fn load(&self) -> Result<Load, String> {
        let scenario = self.scenario;
        let backlog = matches!(scenario, Scenario::Backlog | Scenario::Restart);
        let latency = scenario == Scenario::Latency;
        let queues = match scenario {
            Scenario::Fanout => self.fanout,
            Scenario::Queues => self.queues.unwrap_or(10_000),
            _ => self.queues.unwrap_or(1),
        };
        let seconds = self.seconds.or(match scenario {
            Scenario::Latency if self.messages.is_none() => Some(10.0),
            Scenario::Start => Some(5.0),
            _ => None,
        });
        let consumers = if scenario == Scenario::Fanout { queues } else { 1 };
        let size = match scenario {
            Scenario::Backlog | Scenario::Restart | Scenario::Latency => 1024,
            Scenario::Fanout => 100,
            _ => 16,
        };
        let load = Load {
            scenario,
            messages: self.messages.or(seconds.is_none().then_some(1_000_000)),
            seconds,
            size: self.size.unwrap_or(size),
            persistent: self.persistent || scenario == Scenario::Restart,
            durable: self.durable
                || matches!(scenario, Scenario::Queues | Scenario::Restart)
                || self.queue_type == Some(QueueType::Quorum),
            queue_type: self.queue_type,
            confirm: self.confirm.unwrap_or(if backlog { 1000 } else { 0 }),
            ack: self.ack.unwrap_or(if backlog || latency { 100 } else { 0 }),
            prefetch: self.prefetch.unwrap_or(if backlog || latency { 1000 } else { 0 }),
            rate: self.rate.or(latency.then_some(20_000.0)),
            producers: self.producers,
            consumers: self.consumers.unwrap_or(consumers),
            queues,
            connections: self.connections,
            drain: self.drain || seconds.is_none() || self.messages.is_some() || backlog,
            settle: self.settle,
        };
        load.check()?;
        if self.spawn.is_none() && matches!(scenario, Scenario::Restart) {
            return Err("a broker can be killed and restarted only with --spawn".to_owned());
        }
        self.options.check()?;
        Ok(load)
    }
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
        let load = parse("--messages 5 --seconds 2").unwrap().load().unwrap();
        assert_eq!((load.messages, load.seconds, load.drain), (Some(5), Some(2.0), true), "whichever ends first");
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
        for line in ["--spawn --uri amqp://h", "--uri http://h", "--against-pid 5", "--scenario dance"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
