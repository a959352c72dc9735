//! Emptying and deleting one queue.

use super::{Failure, Run, reason, unexpected};
use crate::cell::json_text;
use crate::client::escape;
use crate::error::{UNAVAILABLE, USAGE};
use crate::format::Format;

/// Drops the ready messages of a queue.
pub(crate) fn purge(run: &mut Run<'_>) -> Result<(), Failure> {
    let (vhost, queue) = (run.vhost(), run.options.words[0].clone());
    run.banner(&format!("Purging queue '{queue}' in vhost '{vhost}' ..."))?;
    let reply = run.request("DELETE", &format!("/api/queues/{}/{}/contents", escape(&vhost), escape(&queue)))?;
    match reply.status {
        200..=299 => {}
        404 => return Err(Failure::block(UNAVAILABLE, "not_found")),
        _ => return Err(unexpected(&reply)),
    }
    if run.format == Format::Json {
        let mut node = String::new();
        json_text(&run.node()?, &mut node);
        writeln!(run.out, "{{\"node\":{node},\"result\":\"ok\"}}")?;
    }
    Ok(())
}

/// Deletes a queue.
pub(crate) fn delete(run: &mut Run<'_>) -> Result<(), Failure> {
    let (vhost, queue) = (run.vhost(), run.options.words[0].clone());
    let (if_empty, if_unused) = (run.options.has("if-empty"), run.options.has("if-unused"));
    let condition = match (if_empty, if_unused) {
        (true, true) => "if queue is empty and if queue is unused ",
        (true, false) => "if queue is empty ",
        (false, true) => "if queue is unused ",
        (false, false) => "",
    };
    run.banner(&format!("Deleting queue '{queue}' on vhost '{vhost}' {condition}..."))?;
    let path = format!("/api/queues/{}/{}", escape(&vhost), escape(&queue));
    let not_found = || Failure::block(USAGE, "Queue not found");
    let before = run.get(&path)?.ok_or_else(not_found)?;
    let messages = before["messages_ready"].as_u64().unwrap_or(0);
    let reply = run.request("DELETE", &format!("{path}?if-empty={if_empty}&if-unused={if_unused}"))?;
    match (reply.status, reason(&reply)) {
        (200..=299, _) => {}
        (404, _) => return Err(not_found()),
        (400, Some(reason)) if reason.ends_with(" in use") => {
            return Err(Failure::block(USAGE, "Queue is in use"));
        }
        (400, Some(reason)) if reason.ends_with(" not empty") => {
            return Err(Failure::block(USAGE, "Queue is not empty"));
        }
        (400, Some(reason)) => return Err(Failure::block(USAGE, reason)),
        _ => return Err(unexpected(&reply)),
    }
    let text = format!("Queue was successfully deleted with {messages} ready messages");
    match run.format {
        Format::Json => writeln!(run.out, "{{\"message\":\"{text}\"}}")?,
        _ => writeln!(run.out, "{text}")?,
    }
    Ok(())
}
