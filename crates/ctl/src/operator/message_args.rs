//! What `narumq pub` and `narumq sub` take.

use super::access::Access;
use super::position::{self, FORMS, Position};
use super::topics_args::setting;
use std::path::PathBuf;

const PUB: &str = "\
Without -m and --file the message comes from the standard input. A name is a topic's or a queue's; --exchange routes.
Everything is answered when it is durable. Keys and partitions are for topics, properties for queues and exchanges.";

/// Arguments of `narumq pub`.
#[derive(clap::Args, Debug)]
#[command(after_help = PUB)]
pub struct PubArgs {
    #[command(flatten)]
    pub(crate) access: Access,
    /// A topic or a queue
    #[arg(value_name = "NAME", required_unless_present = "exchange", conflicts_with = "exchange")]
    pub(crate) name: Option<String>,
    /// An exchange that routes the messages
    #[arg(short, long, value_name = "NAME")]
    pub(crate) exchange: Option<String>,
    /// The routing key
    #[arg(short, long, value_name = "KEY", requires = "exchange", default_value = "")]
    pub(crate) routing_key: String,
    /// A message; repeatable
    #[arg(short, long, value_name = "TEXT", conflicts_with = "file")]
    pub(crate) message: Vec<String>,
    /// A file that is one message; repeatable
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
    /// Each line of the files or of the standard input is a message
    #[arg(short, long, conflicts_with = "message")]
    pub(crate) lines: bool,
    /// A record without a value: what the key names is gone
    #[arg(long, conflicts_with_all = ["message", "file", "lines", "exchange"], requires = "key")]
    pub(crate) tombstone: bool,
    /// The key of the records
    #[arg(short, long, conflicts_with = "exchange")]
    pub(crate) key: Option<String>,
    /// The partition of the records
    #[arg(short, long, value_name = "N", conflicts_with = "exchange")]
    pub(crate) partition: Option<u32>,
    /// A header; repeatable
    #[arg(short = 'H', long, value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) header: Vec<(String, String)>,
    /// A property, such as content_type or priority; repeatable
    #[arg(short = 'P', long, value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) property: Vec<(String, String)>,
    /// Send all of it so many times
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1)]
    pub(crate) count: u64,
    /// At most so many messages a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: Option<u32>,
}

/// Arguments of `narumq sub`.
#[derive(clap::Args, Debug)]
#[command(after_help = FORMS)]
pub struct SubArgs {
    #[command(flatten)]
    pub(crate) access: Access,
    /// A topic or a queue. What is shown of a queue is acknowledged, and gone
    #[arg(value_name = "NAME", required_unless_present = "exchange", conflicts_with = "exchange")]
    pub(crate) name: Option<String>,
    /// An exchange: what it routes from now on, through a queue that is there for so long only
    #[arg(short, long, value_name = "NAME")]
    pub(crate) exchange: Option<String>,
    /// The key that the queue is bound with
    #[arg(short, long, value_name = "KEY", requires = "exchange", default_value = "#")]
    pub(crate) routing_key: String,
    /// Where to begin in a topic
    #[arg(long, value_name = "POSITION", value_parser = position::absolute, conflicts_with = "exchange")]
    #[arg(default_value = "latest")]
    pub(crate) from: Position,
    /// Only this partition of the topic; repeatable
    #[arg(short, long, value_name = "N", conflicts_with = "exchange")]
    pub(crate) partition: Vec<u32>,
    /// End after so many messages
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// End at what is the end of the topic now, instead of following
    #[arg(long, conflicts_with = "exchange")]
    pub(crate) until_end: bool,
    /// Leave messages in the queue: they are given back at the end
    #[arg(long, conflicts_with = "exchange")]
    pub(crate) keep: bool,
    /// Where AMQP clients connect, for queues and exchanges: host:port
    #[arg(id = "access-amqp", long = "amqp", value_name = "ADDR", env = "NARUMQ_AMQP")]
    #[arg(default_value = "127.0.0.1:5672", hide_env_values = true, help_heading = "Broker")]
    pub(crate) amqp: String,
}
