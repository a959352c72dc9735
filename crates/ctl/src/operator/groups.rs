//! `narumq groups`: how far readers are, groups and queues alike; and where groups go on.

use super::Screen;
use super::access::{Client, Output};
use super::groups_args::{GroupsArgs, GroupsCommand};
use super::position::Position;
use super::table::{Table, plain};
use super::values::{cell, items, oldest};
use crate::error::Failure;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Runs it.
pub(crate) fn run(args: &GroupsArgs, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let client = Client::new(
        &args.access,
        "`narumq groups list` shows which groups there are, `narumq topics list` which topics.",
    )?;
    let mut groups = Groups { client, json: args.access.output == Output::Json, screen };
    match &args.command {
        GroupsCommand::List { kind } => groups.list(kind.as_deref()),
        GroupsCommand::Lag { name, kind, behind } => groups.lag(name.as_deref(), kind.as_deref(), *behind),
        GroupsCommand::Describe { names } => groups.describe(names),
        GroupsCommand::Delete { names } => groups.delete(names),
        GroupsCommand::Reset { name, to, topic, dry_run } => groups.reset(name, *to, topic, *dry_run),
    }
}

struct Groups<'s, 'o> {
    client: Client,
    json: bool,
    screen: &'s mut Screen<'o>,
}

impl Groups<'_, '_> {
    /// One row for each group, then one for each queue.
    fn list(&mut self, kind: Option<&str>) -> Result<(), Failure> {
        let mut rows = Vec::new();
        if kind != Some("queue") {
            let groups = self.client.get("list groups", &self.client.path("groups", &[]))?;
            for group in items(&groups) {
                let mut row = group.clone();
                row["kind"] = "group".into();
                rows.push(row);
            }
        }
        if kind != Some("group") {
            let path = self.client.path("cursors", &[]) + "?kind=queue";
            let queues = self.client.get("list queues", &path)?;
            rows.extend(items(&queues).cloned());
        }
        if self.json {
            return Ok(writeln!(self.screen.out, "{}", Value::Array(rows))?);
        }
        let mut table = Table::new(&["KIND", "NAME", "STATE", ">READERS", ">LAG", ">OLDEST"]);
        for row in rows {
            let readers = if row["kind"] == "queue" { &row["consumers"] } else { &row["members"] };
            let cells = [&row["kind"], &row["name"], &row["state"], readers, &row["lag"]];
            table.row(cells.into_iter().map(cell).chain([oldest(&row)]).collect());
        }
        Ok(table.write(self.screen)?)
    }

    /// One row for each cursor.
    fn lag(&mut self, name: Option<&str>, kind: Option<&str>, behind: bool) -> Result<(), Failure> {
        let kind = kind.map_or_else(String::new, |kind| format!("?kind={kind}"));
        let path = self.client.path("cursors", &[]) + &kind;
        let cursors = self.client.get("list cursors", &path)?;
        let of_name = |cursor: &&Value| name.is_none_or(|name| cursor["name"] == name);
        if let Some(name) = name
            && !items(&cursors).any(|cursor| of_name(&cursor))
        {
            let text = format!(
                "cannot show the lag of '{name}': no group with commits and no queue has this name\n\
                `narumq groups list` shows which there are."
            );
            return Err(Failure::new(crate::error::UNAVAILABLE, text));
        }
        let wanted = items(&cursors).filter(of_name).filter(|cursor| !behind || cursor["lag"] != 0);
        if self.json {
            let wanted: Vec<Value> = wanted.cloned().collect();
            return Ok(writeln!(self.screen.out, "{}", Value::Array(wanted))?);
        }
        let headings = ["KIND", "NAME", "TOPIC", ">PARTITION", ">READ TO", ">END", ">LAG", ">OLDEST"];
        let mut table = Table::new(&headings);
        for cursor in wanted {
            let columns = ["kind", "name", "topic", "partition", "committed_offset", "end_offset", "lag"];
            table.row(columns.iter().map(|column| cell(&cursor[*column])).chain([oldest(cursor)]).collect());
        }
        Ok(table.write(self.screen)?)
    }

    fn describe(&mut self, names: &[String]) -> Result<(), Failure> {
        for (at, name) in names.iter().enumerate() {
            let group = self.client.get(&format!("show group '{name}'"), &self.client.path("groups", &[name]))?;
            if self.json {
                writeln!(self.screen.out, "{group}")?;
                continue;
            }
            if at > 0 {
                writeln!(self.screen.out)?;
            }
            self.describe_one(&group)?;
        }
        Ok(())
    }

    fn describe_one(&mut self, group: &Value) -> Result<(), Failure> {
        for (title, value) in [
            ("Group", cell(&group["name"])),
            ("State", cell(&group["state"])),
            ("Protocol", cell(&group["protocol"])),
            ("Generation", cell(&group["generation"])),
            ("Members", cell(&group["members"])),
            ("Lag", cell(&group["lag"])),
            ("Oldest", oldest(group)),
        ] {
            writeln!(self.screen.out, "{title:<11} {value}")?;
        }
        let mut holders: HashMap<(String, u64), String> = HashMap::new();
        let mut members = Table::new(&["MEMBER", "INSTANCE", "CLIENT", "HOST", "PARTITIONS"]);
        for member in items(&group["member_details"]) {
            let mut has = Vec::new();
            for topic in items(&member["assignment"]) {
                let numbers: Vec<u64> = items(&topic["partitions"]).filter_map(Value::as_u64).collect();
                let text = numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
                has.push(format!("{}:{text}", cell(&topic["topic"])));
                let holder = cell(&member["member_id"]);
                holders.extend(numbers.into_iter().map(|n| ((cell(&topic["topic"]), n), holder.clone())));
            }
            let cells = ["member_id", "instance_id", "client_id", "host"].map(|name| cell(&member[name]));
            let has = match member["assignment"].is_null() {
                true => format!("{} bytes", cell(&member["assignment_bytes"])),
                false => has.join(" "),
            };
            members.row(cells.into_iter().chain([has]).collect());
        }
        if group["members"] != 0 {
            writeln!(self.screen.out)?;
            members.write(self.screen)?;
        }
        self.cursors(group, holders)
    }

    /// What is committed, then what members hold and have not committed yet.
    fn cursors(&mut self, group: &Value, mut holders: HashMap<(String, u64), String>) -> Result<(), Failure> {
        let headings = ["TOPIC", ">PARTITION", ">READ TO", ">END", ">LAG", ">OLDEST", "MEMBER"];
        let mut table = Table::new(&headings);
        for cursor in items(&group["cursors"]) {
            let place = (cell(&cursor["topic"]), cursor["partition"].as_u64().unwrap_or(0));
            let columns = ["topic", "partition", "committed_offset", "end_offset", "lag"];
            let holder = holders.remove(&place).unwrap_or_else(|| "-".into());
            table.row(columns.iter().map(|c| cell(&cursor[*c])).chain([oldest(cursor), holder]).collect());
        }
        let mut rest: Vec<((String, u64), String)> = holders.into_iter().collect();
        rest.sort();
        for ((topic, partition), holder) in rest {
            let nothing = || "-".to_owned();
            table.row(vec![topic, partition.to_string(), nothing(), nothing(), nothing(), nothing(), holder]);
        }
        writeln!(self.screen.out)?;
        Ok(table.write(self.screen)?)
    }

    fn delete(&mut self, names: &[String]) -> Result<(), Failure> {
        for name in names {
            let path = self.client.path("groups", &[name]);
            self.client.send(&format!("delete group '{name}'"), ("DELETE", &path), None)?;
            match self.json {
                true => writeln!(self.screen.out, "{}", json!({ "group": name, "done": "deleted" }))?,
                false => writeln!(self.screen.out, "Group '{}' is deleted.", plain(name))?,
            }
            self.screen.out.flush()?;
        }
        Ok(())
    }

    fn reset(
        &mut self,
        name: &str,
        to: Position,
        topics: &[(String, Option<Vec<u32>>)],
        dry_run: bool,
    ) -> Result<(), Failure> {
        let mut body = json!({ "to": to.json(), "dry_run": dry_run });
        if !topics.is_empty() {
            let topic = |(name, partitions): &(String, Option<Vec<u32>>)| (name.clone(), json!(partitions));
            body["topics"] = Value::Object(topics.iter().map(topic).collect::<Map<_, _>>());
        }
        let path = self.client.path("groups", &[name, "offsets"]);
        let rows = self.client.send(&format!("reset group '{name}'"), ("POST", &path), Some(&body))?;
        if self.json {
            return Ok(writeln!(self.screen.out, "{rows}")?);
        }
        let now = if dry_run { ">WOULD BE" } else { ">NOW" };
        let mut table = Table::new(&["TOPIC", ">PARTITION", ">BEFORE", now, ">LAG"]);
        for row in items(&rows) {
            table.row(["topic", "partition", "before", "offset", "lag"].map(|column| cell(&row[column])).into());
        }
        table.write(self.screen)?;
        if dry_run {
            writeln!(self.screen.out, "Nothing was changed: without --dry-run it is.")?;
        }
        Ok(())
    }
}
