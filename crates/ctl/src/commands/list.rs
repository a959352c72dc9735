//! The listings: which columns there are, where their values come from, and what is asked of the broker.

use super::{Failure, Run};
use crate::cell::Cell;
use crate::client::escape;
use crate::error::DATA;
use crate::format::Listing;
use crate::options::Options;
use crate::usage::Command;
use serde_json::Value;

/// How a column's cells are made of the broker's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The value under the path.
    Plain,
    /// A table of arguments.
    Arguments,
    /// A network address.
    Address,
    /// A protocol by the numbers of its version.
    Protocol,
    /// Always this text.
    Constant,
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    path: &'static str,
    kind: Kind,
}

const fn column(name: &'static str) -> Column {
    Column { name, path: name, kind: Kind::Plain }
}

const fn of(name: &'static str, path: &'static str) -> Column {
    Column { name, path, kind: Kind::Plain }
}

const fn arguments(name: &'static str) -> Column {
    Column { name, path: name, kind: Kind::Arguments }
}

const fn address(name: &'static str) -> Column {
    Column { name, path: name, kind: Kind::Address }
}

const QUEUES: &[Column] = &[
    column("name"),
    column("messages"),
    column("durable"),
    column("auto_delete"),
    arguments("arguments"),
    column("policy"),
    column("pid"),
    column("owner_pid"),
    column("exclusive"),
    column("exclusive_consumer_pid"),
    column("exclusive_consumer_tag"),
    column("messages_ready"),
    column("messages_unacknowledged"),
    column("messages_ready_ram"),
    column("messages_unacknowledged_ram"),
    column("messages_ram"),
    column("messages_persistent"),
    column("message_bytes"),
    column("message_bytes_ready"),
    column("message_bytes_unacknowledged"),
    column("message_bytes_ram"),
    column("message_bytes_persistent"),
    column("head_message_timestamp"),
    column("disk_reads"),
    column("disk_writes"),
    column("consumers"),
    column("consumer_utilisation"),
    column("consumer_capacity"),
    column("memory"),
    column("slave_pids"),
    column("synchronised_slave_pids"),
    column("state"),
    column("type"),
    column("leader"),
    column("members"),
    column("online"),
];
const EXCHANGES: &[Column] = &[
    column("name"),
    column("type"),
    column("durable"),
    column("auto_delete"),
    column("internal"),
    arguments("arguments"),
    column("policy"),
];
const BINDINGS: &[Column] = &[
    of("source_name", "source"),
    Column { name: "source_kind", path: "exchange", kind: Kind::Constant },
    of("destination_name", "destination"),
    of("destination_kind", "destination_type"),
    column("routing_key"),
    arguments("arguments"),
];
const CONNECTIONS: &[Column] = &[
    column("user"),
    address("peer_host"),
    column("peer_port"),
    column("state"),
    of("pid", "name"),
    column("name"),
    column("port"),
    address("host"),
    column("ssl"),
    column("ssl_protocol"),
    column("ssl_key_exchange"),
    column("ssl_cipher"),
    column("ssl_hash"),
    column("peer_cert_subject"),
    column("peer_cert_issuer"),
    column("peer_cert_validity"),
    column("channels"),
    Column { name: "protocol", path: "protocol", kind: Kind::Protocol },
    column("auth_mechanism"),
    column("vhost"),
    column("timeout"),
    column("frame_max"),
    column("channel_max"),
    arguments("client_properties"),
    column("recv_oct"),
    column("recv_cnt"),
    column("send_oct"),
    column("send_cnt"),
    column("send_pend"),
    column("connected_at"),
];
const CHANNELS: &[Column] = &[
    of("pid", "name"),
    column("user"),
    column("consumer_count"),
    column("messages_unacknowledged"),
    of("connection", "connection_details.name"),
    column("name"),
    column("number"),
    column("vhost"),
    column("transactional"),
    column("confirm"),
    column("messages_uncommitted"),
    column("acks_uncommitted"),
    column("messages_unconfirmed"),
    column("prefetch_count"),
    column("global_prefetch_count"),
];
const CONSUMERS: &[Column] = &[
    of("queue_name", "queue.name"),
    of("channel_pid", "channel_details.name"),
    column("consumer_tag"),
    column("ack_required"),
    column("prefetch_count"),
    column("active"),
    column("activity_status"),
    arguments("arguments"),
];
const USERS: &[Column] = &[of("user", "name"), column("tags")];
const VHOSTS: &[Column] = &[
    column("name"),
    column("description"),
    column("tags"),
    column("default_queue_type"),
    column("tracing"),
    column("cluster_state"),
];
const PERMISSIONS: &[Column] = &[column("user"), column("configure"), column("write"), column("read")];

/// All columns of a listing; none for a command that is no listing.
pub(crate) fn columns(command: &str) -> &'static [Column] {
    match command {
        "list_queues" => QUEUES,
        "list_exchanges" => EXCHANGES,
        "list_bindings" => BINDINGS,
        "list_connections" => CONNECTIONS,
        "list_channels" => CHANNELS,
        "list_consumers" => CONSUMERS,
        "list_users" => USERS,
        "list_vhosts" => VHOSTS,
        "list_permissions" => PERMISSIONS,
        _ => &[],
    }
}

/// The columns shown when none are named.
fn default_columns(command: &str) -> Vec<Column> {
    let all = columns(command);
    match command {
        "list_queues" | "list_exchanges" => all[..2].to_vec(),
        "list_connections" | "list_channels" => all[..4].to_vec(),
        "list_vhosts" => all[..1].to_vec(),
        "list_consumers" => all.iter().copied().filter(|column| column.name != "activity_status").collect(),
        _ => all.to_vec(),
    }
}

/// The columns that the words of a call name, each once; a word may name several with commas between them.
pub(crate) fn chosen(command: &Command, options: &Options, args: &[String]) -> Result<Vec<Column>, Failure> {
    let all = columns(command.name);
    if all.is_empty() || options.words.is_empty() {
        return Ok(default_columns(command.name));
    }
    let words = options.words.iter().flat_map(|word| word.split(',')).map(str::trim).filter(|word| !word.is_empty());
    let (mut columns, mut unknown) = (Vec::new(), Vec::new());
    for word in words {
        match all.iter().find(|column| column.name == word) {
            Some(column) if !columns.contains(column) => columns.push(*column),
            Some(_) => {}
            None => unknown.push(word),
        }
    }
    if !unknown.is_empty() {
        return Err(command.invalid(&format!("Info key(s) {} are not supported", unknown.join(",")), args));
    }
    if command.name == "list_consumers" {
        // Always in the listing's own order.
        columns.sort_by_key(|column| all.iter().position(|other| other == column));
    }
    Ok(columns)
}

/// Runs a listing.
pub(crate) fn run(command: &str, columns: &[Column], run: &mut Run<'_>) -> Result<(), Failure> {
    let vhost = run.vhost();
    let of_vhost = |kind: &str| format!("/api/{kind}/{}", escape(&vhost));
    let (banner, path) = match command {
        "list_queues" => {
            let seconds = run.options.timeout_seconds.unwrap_or(super::DEFAULT_TIMEOUT_SECONDS);
            run.banner(&format!("Timeout: {seconds}.0 seconds ..."))?;
            (format!("Listing queues for vhost {vhost} ..."), of_vhost("queues"))
        }
        "list_exchanges" => (format!("Listing exchanges for vhost {vhost} ..."), of_vhost("exchanges")),
        "list_bindings" => (format!("Listing bindings for vhost {vhost}..."), of_vhost("bindings")),
        "list_consumers" => (format!("Listing consumers in vhost {vhost} ..."), of_vhost("consumers")),
        "list_permissions" => {
            let path = format!("/api/vhosts/{}/permissions", escape(&vhost));
            (format!("Listing permissions for vhost \"{vhost}\" ..."), path)
        }
        "list_connections" => ("Listing connections ...".into(), "/api/connections".into()),
        "list_channels" => ("Listing channels ...".into(), "/api/channels".into()),
        "list_users" => ("Listing users ...".into(), "/api/users".into()),
        _ => ("Listing vhosts ...".into(), "/api/vhosts".into()),
    };
    run.banner(&banner)?;
    // One node, which is reachable, or there would be no answer: nothing lies offline.
    let none = run.options.has("offline");
    let found = if none { Some(Value::Array(Vec::new())) } else { run.get(&path)? };
    let objects = match found {
        None if command == "list_permissions" => {
            let text = format!("Virtual host '{vhost}' does not exist\n");
            return Err(Failure { code: DATA, text });
        }
        None => Vec::new(),
        Some(Value::Array(objects)) => objects,
        Some(_) => return Err(Failure::new(crate::error::SOFTWARE, "the broker's answer is no list")),
    };
    let rows = objects.iter().map(|object| columns.iter().map(|column| column.cell(object)).collect()).collect();
    let listing = Listing { columns: columns.iter().map(|column| column.name).collect(), rows };
    let headers = !run.options.has("silent") && !run.options.has("no-table-headers");
    Ok(listing.write(run.format, headers, run.out)?)
}

impl Column {
    fn cell(&self, object: &Value) -> Cell {
        let value = self.path.split('.').fold(object, |value, key| &value[key]);
        match self.kind {
            Kind::Plain => Cell::plain(value),
            Kind::Arguments => Cell::arguments(value),
            Kind::Address => Cell::address(value),
            Kind::Constant => Cell::Text(self.path.to_owned()),
            Kind::Protocol => protocol(value),
        }
    }
}

/// `AMQP 0-9-1` is shown by its numbers, other protocols by their names.
fn protocol(value: &Value) -> Cell {
    let version = value.as_str().and_then(|text| text.strip_prefix("AMQP "));
    let numbers = version.and_then(|version| version.split('-').map(|n| n.parse().ok()).collect::<Option<Vec<u64>>>());
    numbers.map_or_else(|| Cell::plain(value), Cell::Numbers)
}
