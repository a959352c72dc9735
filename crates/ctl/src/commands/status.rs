//! The node as a whole, and the version of this command line.

use super::{Failure, Run};
use crate::cell::json_text;
use crate::error::SOFTWARE;
use crate::float;
use crate::format::Format;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// The version, with the node's name around it, as JSON.
pub(crate) fn version(run: &mut Run<'_>) -> Result<(), Failure> {
    let mut node = String::new();
    json_text(&run.node()?, &mut node);
    let version = env!("CARGO_PKG_VERSION");
    Ok(writeln!(run.out, "{{\"node\":{node},\"result\":\"ok\",\"value\":{{\"version\":\"{version}\"}}}}")?)
}

/// What the overview and the node say.
pub(crate) fn status(run: &mut Run<'_>) -> Result<(), Failure> {
    let missing = || Failure::new(SOFTWARE, "the broker does not say how it is");
    let overview = run.get("/api/overview")?.ok_or_else(missing)?;
    let nodes = run.get("/api/nodes")?.ok_or_else(missing)?;
    let vhosts = run.get("/api/vhosts?columns=name")?.ok_or_else(missing)?;
    let node = &nodes[0];
    let facts = json!({
        "pid": node["os_pid"].as_str().and_then(|pid| pid.parse::<u64>().ok()),
        "uptime": node["uptime"].as_u64().map(|millis| millis / 1000),
        "product_name": overview["product_name"],
        "product_version": overview["product_version"],
        "node": overview["node"],
        "alarms": alarms(node),
        "memory": node["mem_used"],
        "vm_memory_high_watermark_limit": node["mem_limit"],
        "disk_free": node["disk_free"],
        "disk_free_limit": node["disk_free_limit"],
        "file_descriptors": { "total_used": node["fd_used"], "total_limit": node["fd_total"] },
        "totals": {
            "virtual_host_count": vhosts.as_array().map_or(0, Vec::len),
            "connection_count": overview["object_totals"]["connections"],
            "queue_count": overview["object_totals"]["queues"],
        },
        "listeners": overview["listeners"],
    });
    if run.format == Format::Json {
        return Ok(writeln!(run.out, "{facts}")?);
    }
    run.banner(&format!("Status of node {} ...", show(&facts["node"])))?;
    Ok(run.out.write_all(text(&facts).as_bytes())?)
}

fn alarms(node: &Value) -> Vec<&'static str> {
    let all = [("mem_alarm", "memory"), ("disk_free_alarm", "disk")];
    all.iter().filter(|(field, _)| node[*field] == true).map(|(_, name)| *name).collect()
}

fn show(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A heading and its lines; what is not known is left out, and a section of nothing else with it.
fn section(text: &mut String, title: &str, lines: &[(&str, &Value)]) {
    if lines.iter().all(|(_, value)| value.is_null()) {
        return;
    }
    let _ = write!(text, "\x1b[1m{title}\x1b[0m\n\n");
    for (name, value) in lines.iter().filter(|(_, value)| !value.is_null()) {
        let _ = writeln!(text, "{name}: {}", show(value));
    }
    text.push('\n');
}

/// Bytes as decimal gigabytes with four places.
fn gigabytes(value: &Value) -> Value {
    let rounded = |bytes: f64| (bytes / 1e9 * 1e4).round() / 1e4;
    value.as_f64().map_or(Value::Null, |bytes| format!("{} gb", float::show(rounded(bytes))).into())
}

fn text(facts: &Value) -> String {
    let mut text = String::new();
    let product = format!("{} version", show(&facts["product_name"]));
    let runtime = [
        ("OS PID", &facts["pid"]),
        ("Uptime (seconds)", &facts["uptime"]),
        (&product, &facts["product_version"]),
        ("Node name", &facts["node"]),
    ];
    section(&mut text, "Runtime", &runtime);
    let alarms: Vec<String> = facts["alarms"].as_array().into_iter().flatten().map(show).collect();
    let alarms = if alarms.is_empty() { "(none)".to_owned() } else { alarms.join(", ") };
    let _ = write!(text, "\x1b[1mAlarms\x1b[0m\n\n{alarms}\n\n");
    let (used, high) = (gigabytes(&facts["memory"]), gigabytes(&facts["vm_memory_high_watermark_limit"]));
    section(&mut text, "Memory", &[("Total memory used", &used), ("Memory high watermark", &high)]);
    let descriptors = &facts["file_descriptors"];
    let lines = [("Total", &descriptors["total_used"]), ("Limit", &descriptors["total_limit"])];
    section(&mut text, "File Descriptors", &lines);
    let (low, free) = (gigabytes(&facts["disk_free_limit"]), gigabytes(&facts["disk_free"]));
    let lines = [("Low free disk space watermark", &low), ("Free disk space", &free)];
    section(&mut text, "Free Disk Space", &lines);
    let totals = &facts["totals"];
    let lines = [
        ("Connection count", &totals["connection_count"]),
        ("Queue count", &totals["queue_count"]),
        ("Virtual host count", &totals["virtual_host_count"]),
    ];
    section(&mut text, "Totals", &lines);
    text += "\x1b[1mListeners\x1b[0m\n\n";
    for listener in facts["listeners"].as_array().into_iter().flatten() {
        let address = show(&listener["ip_address"]);
        let address = if address.contains(':') { format!("[{address}]") } else { address };
        let (port, protocol) = (&listener["port"], show(&listener["protocol"]));
        let _ = writeln!(text, "Interface: {address}, port: {port}, protocol: {protocol}");
    }
    text
}
