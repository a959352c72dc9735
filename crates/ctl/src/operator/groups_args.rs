//! What `narumq groups` takes.

use super::access::Access;
use super::position::{self, Position};
use clap::builder::PossibleValuesParser;

/// Arguments of `narumq groups`.
#[derive(clap::Args, Debug)]
pub struct GroupsArgs {
    #[command(flatten)]
    pub(crate) access: Access,
    #[command(subcommand)]
    pub(crate) command: GroupsCommand,
}

const CURSORS: &str = "\
A queue reads what is published to it as a group reads its topics: its lag is what waits and what is handed over and not
acknowledged; its age is not told. An age with ~ is estimated: the record lies on the disk only.";

/// What is done with groups.
#[derive(clap::Subcommand, Debug)]
pub(crate) enum GroupsCommand {
    /// List groups, and queues as the cursors that they are, with lag and age of the oldest
    #[command(after_help = CURSORS)]
    List {
        /// Only these
        #[arg(long, value_parser = PossibleValuesParser::new(["group", "queue"]))]
        kind: Option<String>,
    },
    /// Show the lag of every cursor: each partition of each group, and each queue
    #[command(after_help = CURSORS)]
    Lag {
        /// Only of this group or queue
        #[arg(value_name = "NAME")]
        name: Option<String>,
        /// Only these
        #[arg(long, value_parser = PossibleValuesParser::new(["group", "queue"]))]
        kind: Option<String>,
        /// Only those that are behind
        #[arg(long)]
        behind: bool,
    },
    /// Show groups: state, members with their partitions, and how far each partition is read
    Describe {
        /// Groups
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Delete groups that nobody is in, with what they have committed
    Delete {
        /// Groups
        #[arg(value_name = "NAME", required = true)]
        names: Vec<String>,
    },
    /// Set where a group goes on; only while nobody is in it
    #[command(after_help = RESET)]
    Reset {
        /// The group; it comes to be if topics are named
        #[arg(value_name = "NAME")]
        name: String,
        /// Where it goes on
        #[arg(long, value_name = "POSITION", value_parser = position::with_shift)]
        to: Position,
        /// Only this topic, or only these partitions of it; repeatable. Otherwise all that the group has committed
        #[arg(long, value_name = "TOPIC[:0,1,...]", value_parser = partitions)]
        topic: Vec<(String, Option<Vec<u32>>)>,
        /// Only show what would be done
        #[arg(long)]
        dry_run: bool,
    },
}

const RESET: &str = "\
A POSITION is earliest, latest, offset:N, shift:N (so many records on or, if negative, back), or time:T, which is the first
record of that time or later. T is a date (2026-11-21, 2026-11-21T10:00, with seconds, fraction and offset if wanted; UTC
without one), milliseconds since 1970, or how long ago: -15m, -2h, -7d. What lies outside of a partition is brought inside.";

/// A topic, and partitions if not all.
fn partitions(text: &str) -> Result<(String, Option<Vec<u32>>), String> {
    match text.split_once(':') {
        None => Ok((text.to_owned(), None)),
        Some((topic, list)) => {
            let number = |n: &str| n.trim().parse().map_err(|_| format!("'{n}' is no partition's number"));
            let list = list.split(',').map(number).collect::<Result<Vec<u32>, String>>()?;
            Ok((topic.to_owned(), Some(list)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_may_name_partitions() {
        assert_eq!(partitions("t"), Ok(("t".into(), None)));
        assert_eq!(partitions("t:0, 2"), Ok(("t".into(), Some(vec![0, 2]))));
        assert!(partitions("t:").is_err() && partitions("t:x").is_err());
    }
}
