//! The command line as it is typed: every option also by environment, none with a default, for the file comes later.

mod kafka;

use crate::config::address::Listening;
use crate::config::size::Size;
use crate::report::Level;
use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::num::NonZeroU64;
use std::path::PathBuf;

pub(crate) use kafka::{KafkaArgs, KafkaSasl};

const ADDRESSES: &str = "\
An ADDR is ip:port; or a port alone (5672 or :5672), which means this machine only: 127.0.0.1
and, where there is one, ::1. Port 0 lets the system choose.
What the command line says stands over the environment, that over the file, that over defaults.
In the file options have the same names: amqp = [\"127.0.0.1:5672\"], http = \"off\", workers = 2";

/// A message broker for the clients you already have
#[derive(Debug, Parser)]
#[command(name = "narumq", version, args_conflicts_with_subcommands = true, after_help = ADDRESSES)]
pub(crate) struct Cli {
    /// Without a subcommand: serve.
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the broker (what `narumq` alone does, too)
    #[command(after_help = ADDRESSES)]
    Serve(Box<ServeArgs>),
    /// Create, show, change and delete topics
    Topics(Box<narumq_ctl::operator::TopicsArgs>),
    /// Show how far readers are behind, groups and queues alike; reset and delete groups
    Groups(Box<narumq_ctl::operator::GroupsArgs>),
    /// Publish messages to a topic, a queue or an exchange
    Pub(Box<narumq_ctl::operator::PubArgs>),
    /// Follow a topic, a queue or an exchange
    Sub(Box<narumq_ctl::operator::SubArgs>),
    /// Measure this broker, or any other, with a load
    Bench(Box<narumq_bench::Args>),
    /// Ask a running broker, in rabbitmqctl's words (`narumq ctl help`)
    #[command(disable_help_flag = true)]
    Ctl {
        /// A command and its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
        words: Vec<std::ffi::OsString>,
    },
}

/// The options of `serve`.
#[derive(Debug, Default, Args)]
pub(crate) struct ServeArgs {
    /// Where messages and definitions are kept [default: ./narumq-data]
    #[arg(long, value_name = "DIR", env = "NARUMQ_DATA_DIR", hide_env_values = true)]
    pub(crate) data_dir: Option<PathBuf>,
    /// A TOML file with any of these options
    #[arg(long, value_name = "FILE", env = "NARUMQ_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,

    /// Where AMQP 0-9-1 clients connect; repeatable [default: 5672]
    #[arg(long, value_name = "ADDR|off", env = "NARUMQ_AMQP", hide_env_values = true, value_delimiter = ',')]
    #[arg(help_heading = "Doors")]
    pub(crate) amqp: Option<Vec<Listening>>,
    /// Where the management API, health and metrics answer; repeatable [default: 15672]
    #[arg(long, value_name = "ADDR|off", env = "NARUMQ_HTTP", hide_env_values = true, value_delimiter = ',')]
    #[arg(help_heading = "Doors")]
    pub(crate) http: Option<Vec<Listening>>,
    /// Where Kafka clients connect; repeatable [default: 9092]
    #[arg(long, value_name = "ADDR|off", env = "NARUMQ_KAFKA", hide_env_values = true, value_delimiter = ',')]
    #[arg(help_heading = "Doors")]
    pub(crate) kafka: Option<Vec<Listening>>,
    #[command(flatten)]
    pub(crate) kafka_door: KafkaArgs,
    /// SQS clients: this door is not built yet, it can only be off
    #[arg(long, value_name = "off", env = "NARUMQ_SQS", hide_env_values = true, help_heading = "Doors")]
    pub(crate) sqs: Option<Off>,
    /// Redis clients: this door is not built yet, it can only be off
    #[arg(long, value_name = "off", env = "NARUMQ_REDIS", hide_env_values = true, help_heading = "Doors")]
    pub(crate) redis: Option<Off>,
    /// Which product AMQP clients are told they speak to [default: rabbitmq]
    #[arg(long, env = "NARUMQ_AMQP_PRODUCT", hide_env_values = true, help_heading = "Doors")]
    pub(crate) amqp_product: Option<AmqpProduct>,
    /// Listen beyond this machine although guest/guest is the only user
    #[arg(long, value_name = "BOOL", env = "NARUMQ_ALLOW_DEFAULT_CREDENTIALS", hide_env_values = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "Doors")]
    #[arg(value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    pub(crate) allow_default_credentials: Option<bool>,

    /// What a positive answer to a durable write promises [default: fsync]
    #[arg(long, env = "NARUMQ_DURABILITY", hide_env_values = true)]
    pub(crate) durability: Option<Durability>,
    /// Threads that serve connections, 1 to 64 [default: cores - 1]
    #[arg(long, value_name = "N", env = "NARUMQ_WORKERS", hide_env_values = true)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=64), help_heading = "Limits")]
    pub(crate) workers: Option<u16>,
    /// Memory beyond which publishers are held back, as 512MiB or 2GB [default: 40 % of what there is]
    #[arg(long, value_name = "SIZE", env = "NARUMQ_MEMORY_LIMIT", hide_env_values = true, help_heading = "Limits")]
    pub(crate) memory_limit: Option<Size>,
    /// Free disk space below which publishers are held back [default: what emptying the log needs]
    #[arg(long, value_name = "SIZE", env = "NARUMQ_DISK_RESERVE", hide_env_values = true, help_heading = "Limits")]
    pub(crate) disk_reserve: Option<Size>,
    /// Largest message body [default: 128MiB]
    #[arg(long, value_name = "SIZE", env = "NARUMQ_MESSAGE_SIZE_MAX", hide_env_values = true, help_heading = "Limits")]
    pub(crate) message_size_max: Option<Size>,
    /// How often it is looked for topics to compact, in milliseconds [default: 15000]
    #[arg(
        long,
        value_name = "MS",
        env = "NARUMQ_COMPACTION_INTERVAL",
        hide_env_values = true,
        help_heading = "Limits"
    )]
    pub(crate) compaction_interval: Option<NonZeroU64>,
    /// Heartbeat proposed to AMQP clients, in seconds; 0 = none [default: 60]
    #[arg(long, value_name = "SECONDS", env = "NARUMQ_HEARTBEAT", hide_env_values = true, help_heading = "Limits")]
    pub(crate) heartbeat: Option<u16>,
    /// How much is said on stderr [default: info]
    #[arg(long, value_name = "LEVEL", env = "NARUMQ_LOG_LEVEL", hide_env_values = true)]
    pub(crate) log_level: Option<Level>,
}

/// The durability classes by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Durability {
    /// It is on the disk and survives power loss
    Fsync,
    /// The operating system has it: it survives the process, not the machine
    Os,
}

/// The products by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AmqpProduct {
    /// RabbitMQ 3.13: clients that look at it, such as Celery, then use what is there
    Rabbitmq,
    /// NaruMQ in its own version
    Narumq,
}

/// The only word that a door which is not built yet understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Off;

impl std::str::FromStr for Off {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" { Ok(Self) } else { Err("this door is not built yet; it can only be \"off\"".into()) }
    }
}

impl TryFrom<String> for Off {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_is_what_happens_without_a_subcommand() {
        let alone = Cli::try_parse_from(["narumq", "--workers", "3"]).unwrap();
        assert_eq!(alone.serve.workers, Some(3));
        let named = Cli::try_parse_from(["narumq", "serve", "--workers", "3"]).unwrap();
        let Some(Command::Serve(args)) = named.command else { panic!("serve") };
        assert_eq!(args.workers, Some(3));
    }

    #[test]
    fn a_flag_may_be_given_alone_or_with_a_value() {
        let flag = |words: &[&str]| Cli::try_parse_from(words).unwrap().serve.allow_default_credentials;
        assert_eq!(flag(&["narumq", "--allow-default-credentials"]), Some(true));
        assert_eq!(flag(&["narumq", "--allow-default-credentials=no"]), Some(false));
        assert_eq!(flag(&["narumq", "--heartbeat", "0"]), None);
    }

    #[test]
    fn doors_that_are_not_built_can_only_be_off() {
        assert!(Cli::try_parse_from(["narumq", "--kafka", "off", "--sqs", "off", "--redis", "off"]).is_ok());
        let error = Cli::try_parse_from(["narumq", "--sqs", "9324"]).unwrap_err();
        assert!(error.to_string().contains("not built yet"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn addresses_are_repeatable_and_checked() {
        let cli = Cli::try_parse_from(["narumq", "--amqp", "5672", "--amqp", "127.0.0.1:5673,off"]).unwrap();
        assert_eq!(cli.serve.amqp.unwrap().len(), 3);
        assert!(Cli::try_parse_from(["narumq", "--amqp", "here"]).is_err());
        assert!(Cli::try_parse_from(["narumq", "--workers", "65"]).is_err());
        assert!(Cli::try_parse_from(["narumq", "--durability", "never"]).is_err());
    }
}
