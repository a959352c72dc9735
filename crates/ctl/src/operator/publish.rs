//! `narumq pub`: messages to a topic, a queue or an exchange, answered when they are durable.

use super::Screen;
use super::access::{Client, Output};
use super::message_args::PubArgs;
use super::subscribe::{Kind, kind_of};
use crate::error::{DATA, Failure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Records and payload bytes of one request.
const RECORDS: usize = 500;
const BYTES: usize = 1 << 20;

/// Runs it.
pub(crate) fn run(args: &PubArgs, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let client = Client::new(&args.access, "`narumq topics list` and `narumq ctl list_queues` show what there is.")?;
    let mut publisher = Publisher::new(args, client)?;
    for _ in 0..args.count {
        publisher.all()?;
        publisher.flush()?;
    }
    publisher.say(screen)
}

struct Publisher<'a> {
    args: &'a PubArgs,
    client: Client,
    kind: Kind,
    waiting: Vec<Value>,
    waiting_bytes: usize,
    sent: u64,
    unrouted: u64,
    /// First and last offset by partition.
    places: BTreeMap<u64, (u64, u64)>,
    begun: Instant,
    told: Instant,
}

impl<'a> Publisher<'a> {
    fn new(args: &'a PubArgs, mut client: Client) -> Result<Self, Failure> {
        let kind = match (&args.exchange, &args.name) {
            (Some(_), _) => Kind::Queue,
            (None, name) => kind_of(&mut client, name.as_deref().unwrap_or_default())?,
        };
        let wrong = match kind {
            Kind::Topic if !args.property.is_empty() => {
                Some("properties are for queues and exchanges; a record has headers")
            }
            Kind::Queue if args.key.is_some() || args.partition.is_some() || args.tombstone => {
                Some("keys, partitions and tombstones are for topics; this is a queue")
            }
            _ => None,
        };
        if let Some(wrong) = wrong {
            return Err(Failure::new(DATA, format!("cannot publish: {wrong}\nSee narumq pub --help.")));
        }
        let now = instant();
        let (waiting, places) = (Vec::new(), BTreeMap::new());
        Ok(Self { args, client, kind, waiting, waiting_bytes: 0, sent: 0, unrouted: 0, places, begun: now, told: now })
    }

    /// Everything once.
    fn all(&mut self) -> Result<(), Failure> {
        if self.args.tombstone {
            return self.add(None);
        }
        for message in &self.args.message {
            self.add(Some(message.as_bytes()))?;
        }
        for path in &self.args.file {
            let failed =
                |error| Failure::new(DATA, format!("cannot read {}: {error}\nNothing of it was sent.", path.display()));
            let file = std::fs::File::open(path).map_err(failed)?;
            self.source(&mut io::BufReader::new(file)).map_err(|f| f.map_or_else(|e| e, failed))?;
        }
        if self.args.message.is_empty() && self.args.file.is_empty() {
            let failed =
                |error| Failure::new(DATA, format!("cannot read the standard input: {error}\nUse -m or --file."));
            self.source(&mut io::stdin().lock()).map_err(|f| f.map_or_else(|e| e, failed))?;
        }
        Ok(())
    }

    /// One message, or one for each line.
    fn source(&mut self, from: &mut dyn BufRead) -> Result<(), Result<io::Error, Failure>> {
        let mut bytes = Vec::new();
        if !self.args.lines {
            from.read_to_end(&mut bytes).map_err(Ok)?;
            return self.add(Some(&bytes)).map_err(Err);
        }
        while from.read_until(b'\n', &mut bytes).map_err(Ok)? > 0 {
            let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            self.add(Some(line)).map_err(Err)?;
            bytes.clear();
        }
        Ok(())
    }

    fn add(&mut self, body: Option<&[u8]>) -> Result<(), Failure> {
        if let Some(rate) = self.args.rate {
            self.flush()?;
            let due = Duration::from_secs_f64(self.sent as f64 / f64::from(rate));
            #[allow(clippy::disallowed_methods, reason = "a rate was asked for: nothing but time is waited for")]
            std::thread::sleep(due.saturating_sub(self.begun.elapsed()));
        }
        match self.kind {
            Kind::Topic => {
                self.waiting.push(self.record(body));
                self.waiting_bytes += body.map_or(0, <[u8]>::len);
                if self.waiting.len() >= RECORDS || self.waiting_bytes >= BYTES {
                    self.flush()?;
                }
            }
            Kind::Queue => self.publish(body.unwrap_or_default())?,
        }
        self.progress();
        Ok(())
    }

    fn record(&self, body: Option<&[u8]>) -> Value {
        let headers: Vec<Value> = self.args.header.iter().map(|(name, value)| json!([name, value])).collect();
        let payload = body.map(|body| match std::str::from_utf8(body) {
            Ok(text) => Value::from(text),
            Err(_) => json!({ "base64": STANDARD.encode(body) }),
        });
        let mut record = json!({ "key": self.args.key, "payload": payload, "headers": headers });
        if let Some(partition) = self.args.partition {
            record["partition"] = partition.into();
        }
        record
    }

    /// Sends the records that wait.
    fn flush(&mut self) -> Result<(), Failure> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let name = self.args.name.as_deref().unwrap_or_default();
        let path = self.client.path("topics", &[name, "publish"]);
        let body = json!({ "records": std::mem::take(&mut self.waiting) });
        self.waiting_bytes = 0;
        let what = format!("publish to topic '{name}' ({} records are there already)", self.sent);
        let places = self.client.send(&what, ("POST", &path), Some(&body))?;
        for place in super::values::items(&places) {
            let (partition, offset) = (place["partition"].as_u64().unwrap_or(0), place["offset"].as_u64().unwrap_or(0));
            let range = self.places.entry(partition).or_insert((offset, offset));
            *range = (range.0.min(offset), range.1.max(offset));
            self.sent += 1;
        }
        Ok(())
    }

    /// Sends one message through an exchange.
    fn publish(&mut self, body: &[u8]) -> Result<(), Failure> {
        let (exchange, key) = match (&self.args.exchange, &self.args.name) {
            (Some(exchange), _) => (exchange.as_str(), self.args.routing_key.as_str()),
            (None, name) => ("amq.default", name.as_deref().unwrap_or_default()),
        };
        let mut properties = Map::from_iter([("delivery_mode".to_owned(), json!(2))]);
        for (name, value) in &self.args.property {
            let number = ["delivery_mode", "priority", "timestamp"].contains(&name.as_str());
            let value = value.parse::<u64>().ok().filter(|_| number).map_or_else(|| value.as_str().into(), Value::from);
            properties.insert(name.clone(), value);
        }
        if !self.args.header.is_empty() {
            let headers = self.args.header.iter().map(|(name, value)| (name.clone(), value.as_str().into()));
            properties.insert("headers".into(), Value::Object(headers.collect()));
        }
        let (payload, encoding) = match std::str::from_utf8(body) {
            Ok(text) => (text.to_owned(), "string"),
            Err(_) => (STANDARD.encode(body), "base64"),
        };
        let body = json!({
            "routing_key": key, "properties": properties, "payload": payload, "payload_encoding": encoding,
        });
        let path = self.client.path("exchanges", &[exchange, "publish"]);
        let what =
            format!("publish to exchange '{exchange}' with key '{key}' ({} messages are there already)", self.sent);
        let answer = self.client.send(&what, ("POST", &path), Some(&body))?;
        self.sent += 1;
        self.unrouted += u64::from(answer["routed"] == false);
        Ok(())
    }

    /// Tells a terminal now and then how far it is.
    fn progress(&mut self) {
        let now = instant();
        if now.duration_since(self.told) >= Duration::from_secs(1) && io::stderr().is_terminal() {
            self.told = now;
            let _ = write!(io::stderr(), "\r{} sent", self.sent);
        }
    }

    /// What was sent, and where it went.
    fn say(&self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        if self.told != self.begun {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
        let places = self.places.iter().map(
            |(partition, (first, last))| json!({ "partition": partition, "first_offset": first, "last_offset": last }),
        );
        if self.args.access.output == Output::Json {
            let places: Vec<Value> = places.collect();
            let object = json!({ "sent": self.sent, "unrouted": self.unrouted, "places": places });
            writeln!(screen.out, "{object}")?;
        } else {
            let plural = if self.sent == 1 { "" } else { "s" };
            writeln!(screen.out, "{} message{plural} sent.", self.sent)?;
            for (partition, (first, last)) in &self.places {
                writeln!(screen.out, "partition {partition}: offsets {first} to {last}")?;
            }
        }
        if self.unrouted > 0 {
            let text = format!(
                "{} of {} messages were dropped: no queue is bound for them\n`narumq ctl list_bindings` shows what is.",
                self.unrouted, self.sent
            );
            return Err(Failure::new(DATA, text));
        }
        Ok(())
    }
}

fn instant() -> Instant {
    #[allow(clippy::disallowed_methods, reason = "the command line keeps a rate and tells how far it is")]
    Instant::now()
}
