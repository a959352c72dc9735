//! `narumq topics`: listing, describing, creating, altering, deleting, more partitions, fewer records.

use super::Screen;
use super::access::{Client, Output};
use super::table::{Table, plain};
use super::topics_args::{TopicsArgs, TopicsCommand};
use super::values::{bytes, cell, instant, items};
use crate::error::Failure;
use serde_json::{Map, Value, json};

/// Runs it.
pub(crate) fn run(args: &TopicsArgs, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let client = Client::new(&args.access, "`narumq topics list` shows which topics there are.")?;
    let mut topics = Topics { client, json: args.access.output == Output::Json, screen };
    match &args.command {
        TopicsCommand::List => topics.list(),
        TopicsCommand::Describe { names, all } => topics.describe(names, *all),
        TopicsCommand::Create { names, partitions, set } => topics.create(names, *partitions, set),
        TopicsCommand::Alter { name, set, reset } => topics.alter(name, set, reset),
        TopicsCommand::Delete { names } => topics.delete(names),
        TopicsCommand::AddPartitions { name, partitions } => topics.add_partitions(name, *partitions),
        TopicsCommand::Trim { name, before, partition } => topics.trim(name, &before.json(), partition),
    }
}

struct Topics<'s, 'o> {
    client: Client,
    json: bool,
    screen: &'s mut Screen<'o>,
}

impl Topics<'_, '_> {
    /// What was done, in words, or as an object.
    fn done(&mut self, text: &str, object: &Value) -> Result<(), Failure> {
        match self.json {
            true => writeln!(self.screen.out, "{object}")?,
            false => writeln!(self.screen.out, "{}", plain(text))?,
        }
        // Of several, each is told when it is done.
        Ok(self.screen.out.flush()?)
    }

    fn list(&mut self) -> Result<(), Failure> {
        let topics = self.client.get("list topics", &self.client.path("topics", &[]))?;
        if self.json {
            return Ok(writeln!(self.screen.out, "{topics}")?);
        }
        let mut table = Table::new(&["NAME", ">PARTITIONS", ">RECORDS", ">BYTES", "DURABILITY", "SETTINGS"]);
        for topic in items(&topics) {
            let settings = topic["settings"].as_object().into_iter().flatten();
            let settings: Vec<String> = settings.map(|(name, value)| format!("{name}={}", cell(value))).collect();
            table.row(vec![
                cell(&topic["name"]),
                cell(&topic["partitions"]),
                cell(&topic["records"]),
                bytes(&topic["bytes"]),
                cell(&topic["durability"]),
                settings.join(" "),
            ]);
        }
        Ok(table.write(self.screen)?)
    }

    fn describe(&mut self, names: &[String], all: bool) -> Result<(), Failure> {
        for (at, name) in names.iter().enumerate() {
            let topic = self.client.get(&format!("show topic '{name}'"), &self.client.path("topics", &[name]))?;
            if self.json {
                writeln!(self.screen.out, "{topic}")?;
                continue;
            }
            if at > 0 {
                writeln!(self.screen.out)?;
            }
            self.describe_one(&topic, all)?;
        }
        Ok(())
    }

    fn describe_one(&mut self, topic: &Value, all: bool) -> Result<(), Failure> {
        for (title, value) in [
            ("Topic", cell(&topic["name"])),
            ("Id", cell(&topic["id"])),
            ("Created", instant(&topic["created"])),
            ("Durability", cell(&topic["durability"])),
            ("Records", cell(&topic["records"])),
            ("Bytes", bytes(&topic["bytes"])),
        ] {
            writeln!(self.screen.out, "{title:<11} {value}")?;
        }
        writeln!(self.screen.out)?;
        let mut table = Table::new(&[">PARTITION", ">START", ">END", ">RECORDS", ">BYTES"]);
        for partition in items(&topic["partition_details"]) {
            table.row(vec![
                cell(&partition["partition"]),
                cell(&partition["start_offset"]),
                cell(&partition["end_offset"]),
                cell(&partition["records"]),
                bytes(&partition["bytes"]),
            ]);
        }
        table.write(self.screen)?;
        let given = |setting: &&Value| all || setting["default"] == false;
        let settings: Vec<&Value> = items(&topic["setting_details"]).filter(given).collect();
        if settings.is_empty() {
            return Ok(());
        }
        writeln!(self.screen.out)?;
        let headings = ["SETTING", "VALUE", "FROM", "WHAT IT DOES"];
        let mut table = Table::new(if all { &headings } else { &headings[..2] });
        for setting in settings {
            let mut row = vec![cell(&setting["name"]), cell(&setting["value"])];
            if all {
                row.push(if setting["default"] == true { "default" } else { "topic" }.into());
                row.push(cell(&setting["about"]));
            }
            table.row(row);
        }
        Ok(table.write(self.screen)?)
    }

    fn create(&mut self, names: &[String], partitions: u32, set: &[(String, String)]) -> Result<(), Failure> {
        let settings: Map<String, Value> =
            set.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        let body = json!({ "partitions": partitions, "settings": settings });
        for name in names {
            let path = self.client.path("topics", &[name]);
            self.client.send(&format!("create topic '{name}'"), ("PUT", &path), Some(&body))?;
            let plural = if partitions == 1 { "" } else { "s" };
            let object = json!({ "topic": name, "partitions": partitions, "done": "created" });
            self.done(&format!("Topic '{name}' is there, with {partitions} partition{plural}."), &object)?;
        }
        Ok(())
    }

    fn alter(&mut self, name: &str, set: &[(String, String)], reset: &[String]) -> Result<(), Failure> {
        let mut changes: Map<String, Value> = reset.iter().map(|name| (name.clone(), Value::Null)).collect();
        changes.extend(set.iter().map(|(name, value)| (name.clone(), value.as_str().into())));
        let count = changes.len();
        let path = self.client.path("topics", &[name, "settings"]);
        let changes = Value::Object(changes);
        self.client.send(&format!("alter topic '{name}'"), ("POST", &path), Some(&changes))?;
        let object = json!({ "topic": name, "settings": changes, "done": "altered" });
        self.done(&format!("Topic '{name}': {count} setting{} changed.", if count == 1 { "" } else { "s" }), &object)
    }

    fn delete(&mut self, names: &[String]) -> Result<(), Failure> {
        for name in names {
            let path = self.client.path("topics", &[name]);
            self.client.send(&format!("delete topic '{name}'"), ("DELETE", &path), None)?;
            self.done(&format!("Topic '{name}' is deleted."), &json!({ "topic": name, "done": "deleted" }))?;
        }
        Ok(())
    }

    fn add_partitions(&mut self, name: &str, partitions: u32) -> Result<(), Failure> {
        let path = self.client.path("topics", &[name, "partitions"]);
        let body = json!({ "count": partitions });
        self.client.send(&format!("add partitions to topic '{name}'"), ("POST", &path), Some(&body))?;
        let object = json!({ "topic": name, "partitions": partitions, "done": "altered" });
        self.done(&format!("Topic '{name}' has {partitions} partitions now."), &object)
    }

    fn trim(&mut self, name: &str, before: &Value, partitions: &[u32]) -> Result<(), Failure> {
        let path = self.client.path("topics", &[name, "trim"]);
        let mut body = json!({ "before": before });
        if !partitions.is_empty() {
            body["partitions"] = partitions.into();
        }
        let rows = self.client.send(&format!("trim topic '{name}'"), ("POST", &path), Some(&body))?;
        if self.json {
            return Ok(writeln!(self.screen.out, "{rows}")?);
        }
        let mut table = Table::new(&[">PARTITION", ">START BEFORE", ">START NOW", ">RECORDS REMOVED"]);
        for row in items(&rows) {
            let of = |name: &str| row[name].as_u64().unwrap_or(0);
            let removed = of("start_offset").saturating_sub(of("before"));
            table.row(vec![
                cell(&row["partition"]),
                cell(&row["before"]),
                cell(&row["start_offset"]),
                removed.to_string(),
            ]);
        }
        Ok(table.write(self.screen)?)
    }
}
