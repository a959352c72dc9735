//! The command line of `bench kafka`, and the load it asks for.

use std::path::PathBuf;
use std::str::FromStr;

use super::broker::Address;
use super::load::{Load, Scenario};
use crate::options::Options;
use crate::scenario::Task;
use crate::uri::Uri;

/// Arguments of `bench kafka`. What is not given follows the scenario. A number of bytes may be written as 64KiB, 3GiB.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct KafkaArgs {
    /// The broker, HOST:PORT
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9092")]
    pub(crate) broker: Address,
    /// Start the broker itself, anew and on a fresh data directory for every run: this program, or
    /// another that takes `narumq`'s options
    #[arg(long, value_name = "PROGRAM", num_args = 0..=1, conflicts_with_all = ["broker", "pid"])]
    pub(crate) spawn: Option<Option<PathBuf>>,
    /// An option for the broker that is started, as --broker-option=--durability=os; repeatable
    #[arg(long, value_name = "OPTION", requires = "spawn", allow_hyphen_values = true)]
    pub(crate) broker_option: Vec<String>,
    /// Its process, for CPU, memory and bytes written [default: who listens on the port, if local]
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// Where it keeps its data, to drop it from the page cache [default: known if it is started here]
    #[arg(long, value_name = "DIR", conflicts_with = "spawn")]
    pub(crate) broker_data: Option<PathBuf>,
    /// What it is, for the tables [default: what it tells]
    #[arg(long, value_name = "NAME")]
    pub(crate) product: Option<String>,
    /// Where it speaks AMQP: interference measures confirms there too [default: known if it is started here]
    #[arg(long, value_name = "URI", conflicts_with = "spawn")]
    pub(crate) amqp: Option<Uri>,
    /// A second broker that gets the same load in turn; the ratio is printed
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) against: Option<Address>,
    /// The second broker's process
    #[arg(long, value_name = "PID", requires = "against")]
    pub(crate) against_pid: Option<u32>,
    /// Where the second broker keeps its data
    #[arg(long, value_name = "DIR", requires = "against")]
    pub(crate) against_data: Option<PathBuf>,
    /// What the second broker is
    #[arg(long, value_name = "NAME", requires = "against")]
    pub(crate) against_product: Option<String>,
    /// Also run on the least server that could carry the load: batches checked, kept, one sync for
    /// all that waited
    #[arg(long)]
    pub(crate) limit: bool,
    /// A configuration of the topics, as --topic-config flush.messages=1; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) topic_config: Vec<(String, String)>,
    /// What to do
    #[arg(long, value_enum, default_value_t = Scenario::Produce, conflicts_with = "table")]
    pub(crate) scenario: Scenario,
    /// Bytes of batches to produce, or to fetch [default: 1GiB; consume 4GiB]
    #[arg(long)]
    pub(crate) bytes: Option<Size>,
    /// Do it for so long; with --bytes, no longer than that
    #[arg(long, value_name = "S")]
    pub(crate) seconds: Option<f64>,
    /// Bytes of batches the topic is filled with beforehand [default: consume 32MiB, others 1GiB]
    #[arg(long, value_name = "BYTES")]
    pub(crate) fill: Option<Size>,
    /// Bytes of a record's value [default: 1KiB; latency and topics 100]
    #[arg(long, value_name = "BYTES")]
    pub(crate) size: Option<Size>,
    /// Bytes of a batch at most; 0 is one record a batch [default: 64KiB; latency and topics 0]
    #[arg(long, value_name = "BYTES")]
    pub(crate) batch: Option<Size>,
    /// Topics, for produce and topics [default: 1; for topics 1000]
    #[arg(long, value_name = "N")]
    pub(crate) topics: Option<usize>,
    /// Partitions of each topic [default: 1; topics, restart, catch-up and interference 4]
    #[arg(long, value_name = "N")]
    pub(crate) partitions: Option<usize>,
    /// Producers or consumers, a connection each [default: produce 4, others 1]
    #[arg(long, value_name = "N")]
    pub(crate) connections: Option<usize>,
    /// Requests that a producer's connection has in flight [default: 8, with single records 64]
    #[arg(long, value_name = "N")]
    pub(crate) in_flight: Option<usize>,
    /// acks of a produce: -1 (all) or 1
    #[arg(long, value_name = "ACKS", default_value_t = -1, allow_hyphen_values = true)]
    pub(crate) acks: i16,
    /// Bytes of one partition that a fetch asks for
    #[arg(long, value_name = "BYTES", default_value = "1MiB")]
    pub(crate) fetch: Size,
    /// Records one after the other, for latency [default: 20000]
    #[arg(long, value_name = "N")]
    pub(crate) records: Option<u64>,
    /// Requests per second of all producers together, whatever the broker answers (open loop)
    /// [default: none; for interference 500]
    #[arg(long, value_name = "REQ_PER_S")]
    pub(crate) rate: Option<f64>,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// A number of bytes, as `1000`, `64KiB`, `3GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let shift = match &text[digits.len()..] {
            "" | "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            unit => return Err(format!("{unit} is none of B, KiB, MiB, GiB")),
        };
        let number: u64 = digits.parse().map_err(|_| format!("{digits:?} is no number"))?;
        number.checked_mul(1 << shift).map(Size).ok_or_else(|| format!("{text} is too much"))
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("wanted is KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl KafkaArgs {
    /// The load with the scenario's own values where nothing was said, or what is wrong with it.
    pub(crate) fn load(&self) -> Result<Load, String> {
        use Scenario::{CatchUp, Consume, Interference, Latency, Produce, Restart, Start, Topics};
        let scenario = self.scenario;
        self.check_for(scenario)?;
        let small = matches!(scenario, Latency | Topics);
        let bytes = |size: Option<Size>, default: u64| size.map_or(default, |size| size.0);
        let batch = bytes(self.batch, if small { 0 } else { 65_536 }) as usize;
        let default_bytes = match scenario {
            Produce if self.seconds.is_none() => Some(1 << 30),
            Consume if self.seconds.is_none() => Some(4 << 30),
            _ => None,
        };
        let seconds = self.seconds.or(match scenario {
            Interference => Some(10.0),
            Start => Some(5.0),
            _ => None,
        });
        let fill = match scenario {
            Consume => 32 << 20,
            CatchUp | Interference | Restart => 1 << 30,
            _ => 0,
        };
        let four = matches!(scenario, Topics | Restart | CatchUp | Interference);
        let load = Load {
            scenario,
            size: bytes(self.size, if small { 100 } else { 1024 }) as usize,
            batch,
            bytes: self.bytes.map(|size| size.0).or(default_bytes),
            seconds,
            fill: bytes(self.fill, fill),
            topics: self.topics.unwrap_or(if scenario == Topics { 1000 } else { 1 }),
            partitions: self.partitions.unwrap_or(if four { 4 } else { 1 }),
            connections: self.connections.unwrap_or(if scenario == Produce { 4 } else { 1 }),
            in_flight: self.in_flight.unwrap_or(if batch == 0 { 64 } else { 8 }),
            acks: self.acks,
            fetch: self.fetch.0 as usize,
            records: self.records.unwrap_or(if scenario == Latency { 20_000 } else { 0 }),
            rate: self.rate.or((scenario == Interference).then_some(500.0)),
        };
        load.check()?;
        if self.spawn.is_none() && scenario == Restart {
            return Err("a broker can be killed and restarted only with --spawn".to_owned());
        }
        self.options.check()?;
        Ok(load)
    }

    /// Refuses what was said but says nothing to this scenario.
    fn check_for(&self, scenario: Scenario) -> Result<(), String> {
        use Scenario::{CatchUp, Consume, Interference, Latency, Produce, Restart, Start};
        let options: [(&str, bool, &[Scenario]); 5] = [
            ("--bytes", self.bytes.is_some(), &[Produce, Consume]),
            ("--seconds", self.seconds.is_some(), &[Produce, Consume, Interference, Start]),
            ("--fill", self.fill.is_some(), &[Consume, CatchUp, Interference, Restart]),
            ("--records", self.records.is_some(), &[Latency]),
            ("--rate", self.rate.is_some(), &[Produce, Interference]),
        ];
        // The scenarios of a table are those of its files.
        let vain = options.iter().find(|(_, said, of)| *said && !of.contains(&scenario) && !self.options.table);
        vain.map_or(Ok(()), |(option, ..)| Err(format!("{option} is not for this scenario")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Args, Command};
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn parse(line: &str) -> Result<KafkaArgs, String> {
        let words = ["bench", "kafka"].into_iter().chain(line.split_whitespace());
        match Cli::try_parse_from(words).map_err(|error| error.to_string())?.args.command {
            Command::Kafka(args) => Ok(*args),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn the_scenario_fills_in_what_was_not_said() {
        let load = parse("").unwrap().load().unwrap();
        assert_eq!((load.size, load.batch, load.bytes, load.fill), (1024, 65_536, Some(1 << 30), 0));
        assert_eq!((load.connections, load.in_flight, load.acks, load.partitions), (4, 8, -1, 1));
        let load = parse("--batch 0 --size 100 --seconds 5 --topics 250 --partitions 4").unwrap().load().unwrap();
        assert_eq!((load.bytes, load.in_flight, load.topics * load.partitions), (None, 64, 1000));
        let load = parse("--scenario consume --fetch 64KiB").unwrap().load().unwrap();
        assert_eq!((load.fill, load.bytes, load.fetch, load.connections), (32 << 20, Some(4 << 30), 65_536, 1));
        let load = parse("--scenario topics --topics 50").unwrap().load().unwrap();
        assert_eq!((load.topics, load.partitions, load.size, load.batch), (50, 4, 100, 0));
        let load = parse("--scenario interference --fill 10GiB").unwrap().load().unwrap();
        assert_eq!((load.fill, load.rate, load.seconds), (10 << 30, Some(500.0), Some(10.0)));
        let args = parse("--spawn --broker-option=--durability=os --broker-option=--workers=1").unwrap();
        assert_eq!(args.broker_option, ["--durability=os", "--workers=1"]);
        let args = parse("--topic-config flush.messages=1 --acks 1").unwrap();
        assert_eq!((args.topic_config, args.acks), (vec![("flush.messages".to_owned(), "1".to_owned())], 1));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for line in [
            "--acks 0",
            "--bytes 5 --partitions 0",
            "--scenario restart",
            "--runs 0",
            "--seconds 0",
            "--scenario latency --partitions 2",
            "--scenario latency --connections 2",
            "--scenario latency --bytes 1MiB",
            "--scenario catch-up --seconds 5",
            "--scenario consume --rate 100",
            "--fill 1GiB",
            "--records 5",
        ] {
            assert!(parse(line).unwrap().load().is_err(), "{line}");
        }
        for line in [
            "--spawn --broker h:1",
            "--broker-option=--x",
            "--bytes 5TB",
            "--bytes KiB",
            "--bytes 99999999999GiB",
            "--topic-config x",
            "--broker h",
            "--broker h:70000",
            "--against-pid 5",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
