//! `narumq sub`: follows a topic over the management API, a queue or an exchange over AMQP.

use super::Screen;
use super::access::{Client, Output};
use super::amqp::{Connection, Delivery, Failed};
use super::message_args::SubArgs;
use super::position::Position;
use super::table::plain;
use super::values::{cell, instant, items};
use crate::error::{DATA, Failure, SOFTWARE, UNAVAILABLE};
use serde_json::{Map, Value, json};

/// Records of one request, and how long it waits for some.
const RECORDS: u64 = 1_000;
const WAIT_MS: u64 = 10_000;
/// Messages on their way from a queue.
const PREFETCH: u64 = 100;

/// What a name belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Topic,
    Queue,
}

/// Asks the broker what the name belongs to.
pub(crate) fn kind_of(client: &mut Client, name: &str) -> Result<Kind, Failure> {
    let what = format!("find '{name}'");
    if client.find(&what, &(client.path("topics", &[name]) + "?columns=name"))?.is_some() {
        return Ok(Kind::Topic);
    }
    if client.find(&what, &(client.path("queues", &[name]) + "?columns=name"))?.is_some() {
        return Ok(Kind::Queue);
    }
    let text = format!(
        "there is no topic and no queue '{name}'\n`narumq topics create {name}` makes a topic; exchanges are named with \
         --exchange."
    );
    Err(Failure::new(UNAVAILABLE, text))
}

/// Runs it.
pub(crate) fn run(args: &SubArgs, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let mut client =
        Client::new(&args.access, "`narumq topics list` and `narumq ctl list_queues` show what there is.")?;
    if args.count == Some(0) {
        return Ok(());
    }
    match (&args.exchange, args.name.as_deref().unwrap_or_default()) {
        (Some(exchange), _) => queue(args, &format!("exchange '{exchange}'"), screen),
        (None, name) => match kind_of(&mut client, name)? {
            Kind::Topic if args.keep => {
                let text = "--keep is for queues: a topic keeps its records anyway\nLeave it out.";
                Err(Failure::new(DATA, text))
            }
            Kind::Topic => topic(args, name, &mut client, screen),
            Kind::Queue if args.from != Position::Latest || args.until_end || !args.partition.is_empty() => {
                let text = format!(
                    "'{name}' is a queue: it has no places and no partitions\nLeave out --from, --partition and --until-end."
                );
                Err(Failure::new(DATA, text))
            }
            Kind::Queue => queue(args, &format!("queue '{name}'"), screen),
        },
    }
}

fn topic(args: &SubArgs, name: &str, client: &mut Client, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let what = format!("read topic '{name}'");
    let places = |client: &mut Client, at: Position| -> Result<Map<String, Value>, Failure> {
        let mut body = json!({ "at": at.json() });
        if !args.partition.is_empty() {
            body["partitions"] = args.partition.as_slice().into();
        }
        let rows = client.send(&what, ("POST", &client.path("topics", &[name, "offsets"])), Some(&body))?;
        Ok(items(&rows).map(|row| (row["partition"].to_string(), row["offset"].clone())).collect())
    };
    let end = if args.until_end { Some(places(client, Position::Latest)?) } else { None };
    let mut next = places(client, args.from)?;
    let mut left = args.count.unwrap_or(u64::MAX);
    // Asked so that the answer comes before the request's own time is up.
    let wait_ms = WAIT_MS.min(u64::from(args.access.timeout) * 500);
    loop {
        if let Some(end) = &end {
            next.retain(|partition, offset| offset.as_u64() < end.get(partition).and_then(Value::as_u64));
        }
        if next.is_empty() || left == 0 {
            return Ok(());
        }
        let body = json!({ "offsets": next, "count": left.min(RECORDS), "wait_ms": wait_ms });
        let path = client.path("topics", &[name, "get"]);
        let mut answer = client.send(&what, ("POST", &path), Some(&body))?;
        for record in items(&answer["records"]) {
            let before_end = end.as_ref().is_none_or(|end| {
                record["offset"].as_u64() < end.get(&record["partition"].to_string()).and_then(Value::as_u64)
            });
            if before_end {
                show_record(args, name, record, screen)?;
                left -= 1;
            }
        }
        screen.out.flush()?;
        match answer["next"].take() {
            Value::Object(object) => next = object,
            _ => return Err(Failure::new(SOFTWARE, format!("cannot {what}: the broker does not say where to go on"))),
        }
    }
}

fn show_record(args: &SubArgs, topic: &str, record: &Value, screen: &mut Screen<'_>) -> Result<(), Failure> {
    if args.access.output == Output::Json {
        return Ok(writeln!(screen.out, "{record}")?);
    }
    let mut heading = format!("{}/{}@{}", plain(topic), record["partition"], record["offset"]);
    if record["timestamp"].is_u64() {
        heading += &format!(" {}", instant(&record["timestamp"]));
    }
    if !record["key"].is_null() {
        heading += &format!(" key={}", text(&record["key"]));
    }
    for header in items(&record["headers"]) {
        heading += &format!(" {}={}", text(&header[0]), text(&header[1]));
    }
    show(&heading, &record["payload"], screen)
}

fn show(heading: &str, body: &Value, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let (on, off) = if screen.colour { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
    writeln!(screen.out, "{on}{heading}{off}")?;
    // On a terminal a body cannot move the cursor; elsewhere it is as it came.
    match body {
        Value::String(body) if screen.colour => {
            let lines: Vec<String> = body.split('\n').map(plain).collect();
            Ok(writeln!(screen.out, "{}", lines.join("\n"))?)
        }
        Value::String(body) => Ok(writeln!(screen.out, "{body}")?),
        Value::Null => Ok(writeln!(screen.out, "(no value)")?),
        other => Ok(writeln!(screen.out, "base64:{}", cell(&other["base64"]))?),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Object(object) if object.contains_key("base64") => format!("base64:{}", cell(&object["base64"])),
        other => cell(other),
    }
}

fn queue(args: &SubArgs, what: &str, screen: &mut Screen<'_>) -> Result<(), Failure> {
    follow(args, screen).map_err(|failed| match failed {
        Ended::Output(failure) => failure,
        Ended::Link(Failed::Refused(why)) => {
            Failure::new(DATA, format!("cannot follow {what}: {why}\n`narumq ctl list_queues` and `list_exchanges` show what there is."))
        }
        Ended::Link(Failed::Broken(error)) => {
            let text = format!(
                "cannot follow {what}: {error} at {}\nIs the broker running? Where AMQP clients connect is said with --amqp.",
                args.amqp
            );
            Failure::new(UNAVAILABLE, text)
        }
        Ended::Link(Failed::Malformed) => {
            let text = format!("cannot follow {what}: what listens at {} does not speak AMQP 0-9-1\nUse --amqp.", args.amqp);
            Failure::new(SOFTWARE, text)
        }
    })
}

/// Why following ended.
enum Ended {
    Link(Failed),
    Output(Failure),
}

impl From<Failed> for Ended {
    fn from(failed: Failed) -> Self {
        Self::Link(failed)
    }
}

fn follow(args: &SubArgs, screen: &mut Screen<'_>) -> Result<(), Ended> {
    let access = &args.access;
    let mut link = Connection::open(&args.amqp, (&access.user, &access.password), &access.vhost)?;
    let queue = match &args.exchange {
        Some(exchange) => link.bind_own(exchange, &args.routing_key)?,
        None => args.name.clone().unwrap_or_default(),
    };
    let mut left = args.count.unwrap_or(u64::MAX);
    // No more than are wanted: others may want the rest. Those that are kept must all fit.
    let prefetch = match args.keep {
        true => args.count.unwrap_or(0),
        false => left.min(PREFETCH),
    };
    link.consume(&queue, u16::try_from(prefetch).unwrap_or(0))?;
    while left > 0 {
        let delivery = link.next()?;
        left -= 1;
        show_delivery(args, &delivery, screen).map_err(Ended::Output)?;
        if left == 0 || !link.has_more() {
            // What is acknowledged has been shown.
            screen.out.flush().map_err(|error| Ended::Output(error.into()))?;
            if !args.keep {
                link.acknowledge(delivery.tag)?;
            }
        }
    }
    Ok(link.settle()?)
}

fn show_delivery(args: &SubArgs, delivery: &Delivery, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let Delivery { redelivered, exchange, routing_key, properties, body, .. } = delivery;
    if args.access.output == Output::Json {
        let object = json!({
            "exchange": exchange, "routing_key": routing_key, "redelivered": redelivered, "properties": properties,
            "payload": body,
        });
        return Ok(writeln!(screen.out, "{object}")?);
    }
    let exchange = if exchange.is_empty() { "(default)" } else { exchange };
    let mut heading = format!("{} {}", plain(exchange), plain(routing_key));
    if *redelivered {
        heading += " redelivered";
    }
    for (name, value) in properties.iter().filter(|(name, _)| *name != "headers") {
        heading += &format!(" {name}={}", cell(value));
    }
    for (name, value) in properties.get("headers").and_then(Value::as_object).into_iter().flatten() {
        heading += &format!(" {}={}", plain(name), text(value));
    }
    show(&heading, body, screen)
}
