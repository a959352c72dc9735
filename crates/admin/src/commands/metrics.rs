//! `/metrics`: the broker in Prometheus' text format, under the names that existing dashboards query.

use super::{Answer, cursor_metrics};
use crate::Shared;
use narumq_door::Context;
use std::fmt::{Display, Write};

pub(super) struct Exposition(pub(super) String);

impl Exposition {
    fn metric(&mut self, kind: &str, name: &str, help: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels.iter().map(|(n, v)| format!("{n}=\"{}\"", escape(v))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name}{labels} {value}");
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.metric("gauge", name, help, &[], value);
    }
}

/// Label values escape backslash, quote and line feed.
pub(super) fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Everything, summed over all objects.
pub(super) fn metrics(shared: &Shared, cx: &Context<'_>) -> Answer {
    let (config, broker) = (&shared.config, cx.broker);
    let mut out = Exposition(String::new());
    let endpoint = config.listeners.iter().find(|listener| listener.protocol == "admin");
    let endpoint = endpoint.map_or_else(String::new, |listener| format!("{}:{}", listener.address, listener.port));
    let identity =
        [("rabbitmq_node", &*config.node), ("rabbitmq_cluster", &config.node), ("rabbitmq_endpoint", &endpoint)];
    out.metric("untyped", "rabbitmq_identity_info", "Node and cluster.", &identity, 1);
    let build = [
        ("rabbitmq_version", &*config.compatible_version),
        ("product_name", &config.product),
        ("product_version", &config.version),
    ];
    out.metric("untyped", "rabbitmq_build_info", "Product and version.", &build, 1);

    let (mut queues, mut ready, mut unsettled, mut consumers, mut ready_bytes) = (0u64, 0, 0, 0u64, 0);
    for queue in broker.vhosts().iter().flat_map(|vhost| shared.queues(broker, vhost)) {
        let counts = broker.counts(&queue);
        queues += 1;
        ready += counts.ready;
        unsettled += counts.unsettled;
        consumers += u64::from(counts.consumers);
        ready_bytes += counts.ready_bytes;
    }
    out.gauge("rabbitmq_queues", "Queues.", queues);
    out.gauge("rabbitmq_queue_messages_ready", "Messages ready to be delivered.", ready);
    out.gauge("rabbitmq_queue_messages_unacked", "Messages delivered and not yet settled.", unsettled);
    out.gauge("rabbitmq_queue_messages", "Messages ready and not yet settled.", ready + unsettled);
    out.gauge("rabbitmq_queue_messages_ready_bytes", "Payload bytes of ready messages.", ready_bytes);
    out.gauge("rabbitmq_consumers", "Consumers.", consumers);
    out.gauge("rabbitmq_queue_consumers", "Consumers of queues.", consumers);
    out.gauge("rabbitmq_global_consumers", "Consumers.", consumers);

    let connections = config.directory.connections();
    out.gauge("rabbitmq_connections", "Connections.", connections.len());
    out.gauge("rabbitmq_channels", "Channels.", connections.iter().map(|c| c.channels.len()).sum::<usize>());
    for (name, help, value) in config.directory.totals().metrics() {
        out.metric("counter", name, help.trim(), &[], value);
    }

    topics(&mut out, cx);
    cursor_metrics::cursors(&mut out, shared, cx);
    process(&mut out, shared, cx);
    Answer::text("text/plain; version=0.0.4; charset=utf-8", out.0.into_bytes())
}

/// What becomes of topics behind the scenes.
fn topics(out: &mut Exposition, cx: &Context<'_>) {
    let done = cx.broker.compactions();
    out.gauge("narumq_compactions_pending", "Compactions that wait or are under way.", done.pending);
    for (name, help, value) in [
        (
            "narumq_batches_broken_total",
            "Batches that cannot be read and were passed over.",
            cx.broker.broken_batches(),
        ),
        ("narumq_compactions_total", "Compactions that came to their end.", done.done),
        ("narumq_compactions_failed_total", "Compactions that failed.", done.failed),
        ("narumq_compaction_read_bytes_total", "Bytes looked through for what stays.", done.bytes_read),
        ("narumq_compaction_replaced_bytes_total", "Bytes that gave way to fewer.", done.bytes_replaced),
        ("narumq_compaction_written_bytes_total", "Bytes that took their place.", done.bytes_written),
    ] {
        out.metric("counter", name, help, &[], value);
    }
}

fn process(out: &mut Exposition, shared: &Shared, cx: &Context<'_>) {
    let process = shared.config.directory.process();
    for (name, help, value) in [
        ("rabbitmq_process_open_fds", "Open file descriptors.", process.open_fds),
        ("rabbitmq_process_max_fds", "File descriptors at most.", process.max_fds),
        ("rabbitmq_process_resident_memory_bytes", "Resident memory.", process.resident_bytes),
        ("rabbitmq_resident_memory_limit_bytes", "Memory at which publishers wait.", process.resident_limit_bytes),
        ("rabbitmq_disk_space_available_bytes", "Free disk space.", process.disk_free_bytes),
        (
            "rabbitmq_disk_space_available_limit_bytes",
            "Disk space below which publishers wait.",
            process.disk_limit_bytes,
        ),
    ] {
        if let Some(value) = value {
            out.gauge(name, help, value);
        }
    }
    let pressure = cx.broker.pressure();
    let disk = u8::from(pressure.disk);
    out.gauge("rabbitmq_alarms_memory_used_watermark", "1 while memory is short.", u8::from(pressure.memory));
    out.gauge("rabbitmq_alarms_free_disk_space_watermark", "1 while disk space is short.", disk);
    let uptime = cx.turn.now.since(shared.config.started) / 1000;
    out.gauge("rabbitmq_erlang_uptime_seconds", "Seconds since the start.", uptime);
    out.gauge("process_start_time_seconds", "Start, in seconds since 1970.", shared.config.started.0 / 1000);
    let failed = u8::from(cx.broker.failed().is_some());
    out.gauge("narumq_log_failed", "1 once the log takes no more entries.", failed);
    out.gauge("narumq_log_durable_lsn", "The last entry of the log that is durable.", cx.broker.durable().0);
    out.gauge("narumq_congested", "1 while too much is on its way to the disk.", u8::from(cx.broker.congested()));
}
