//! What `narumq topics` takes.

use super::access::Access;
use super::position::{self, FORMS, Position};

/// Arguments of `narumq topics`.
#[derive(clap::Args, Debug)]
pub struct TopicsArgs {
    #[command(flatten)]
    pub(crate) access: Access,
    #[command(subcommand)]
    pub(crate) command: TopicsCommand,
}

const SETTINGS: &str = "\
Settings have Kafka's names (retention.ms, cleanup.policy, segment.bytes, ...), and two are our own: durability (fsync|os,
fixed when the topic is created) and validate. `narumq topics describe NAME --all` shows all of them with what they do.";

/// What is done with topics.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum TopicsCommand {
    /// List topics with their partitions, records and bytes
    List,
    /// Show topics: offsets of each partition, and settings
    Describe {
        /// Topics
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
        /// Show all settings, with defaults and what they do
        #[arg(long)]
        all: bool,
    },
    /// Create topics
    #[command(after_help = SETTINGS)]
    Create {
        /// Topics
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
        /// Partitions of each
        #[arg(short, long, value_name = "N", default_value_t = 1)]
        partitions: u32,
        /// A setting; repeatable
        #[arg(short, long, value_name = "NAME=VALUE", value_parser = setting)]
        set: Vec<(String, String)>,
    },
    /// Change settings of a topic
    #[command(after_help = SETTINGS)]
    Alter {
        /// The topic
        #[arg(value_name = "NAME")]
        name: String,
        /// A setting; repeatable
        #[arg(short, long, value_name = "NAME=VALUE", value_parser = setting, required_unless_present = "reset")]
        set: Vec<(String, String)>,
        /// A setting that goes back to its default; repeatable
        #[arg(short, long, value_name = "NAME")]
        reset: Vec<String>,
    },
    /// Delete topics and all they hold
    Delete {
        /// Topics
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Give a topic more partitions
    AddPartitions {
        /// The topic
        #[arg(value_name = "NAME")]
        name: String,
        /// How many it is to have in all
        #[arg(short, long, value_name = "N")]
        partitions: u32,
    },
    /// Remove the oldest records of a topic
    #[command(after_help = FORMS)]
    Trim {
        /// The topic
        #[arg(value_name = "NAME")]
        name: String,
        /// Records before this place go; latest removes all
        #[arg(short, long, value_name = "POSITION", value_parser = position::absolute)]
        before: Position,
        /// Only in this partition; repeatable
        #[arg(short, long, value_name = "N")]
        partition: Vec<u32>,
    },
}

/// A name and a value, which may be empty.
pub(crate) fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    if name.is_empty() {
        return Err("expected NAME=VALUE".into());
    }
    Ok((name.to_owned(), value.to_owned()))
}
