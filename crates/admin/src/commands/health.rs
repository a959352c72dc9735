//! Health, readiness and metrics, which need no login, and the alarms, which do.

use super::{Answer, Call, Outcome, metrics};
use crate::Shared;
use crate::error::Problem;
use narumq_door::Context;
use serde_json::json;
use std::sync::atomic::Ordering;

/// The answer to a path that is open to everyone; `None` for all other paths.
pub(crate) fn anonymous(
    path: &[&str],
    method: &str,
    shared: &Shared,
    cx: &Context<'_>,
) -> Result<Option<Answer>, Problem> {
    let answer: fn(&Shared, &Context<'_>) -> Answer = match path {
        ["healthz"] => healthz,
        ["readyz"] => readyz,
        ["metrics"] => metrics::metrics,
        _ => return Ok(None),
    };
    match method {
        "GET" | "HEAD" => Ok(Some(answer(shared, cx))),
        _ => Err(Problem::Method(&["HEAD", "GET"])),
    }
}

fn healthz(_: &Shared, cx: &Context<'_>) -> Answer {
    health(cx.broker.failed())
}

fn health(failed: Option<String>) -> Answer {
    match failed {
        None => Answer::json(&json!({ "status": "ok" })),
        Some(reason) => Answer { status: 503, ..Answer::json(&json!({ "status": "failed", "reason": reason })) },
    }
}

fn readyz(shared: &Shared, _: &Context<'_>) -> Answer {
    match shared.config.ready.load(Ordering::Acquire) {
        true => Answer::json(&json!({ "status": "ok" })),
        false => Answer { status: 503, ..Answer::json(&json!({ "status": "failed", "reason": "not ready" })) },
    }
}

/// Whether memory or disk are short.
pub(crate) fn alarms(call: &mut Call<'_, '_>, _: &[&str]) -> Result<Outcome, Problem> {
    let pressure = call.cx.broker.pressure();
    let node = &call.shared.config.node;
    let alarms: Vec<_> = [("memory", pressure.memory), ("disk", pressure.disk)]
        .into_iter()
        .filter(|(_, short)| *short)
        .map(|(resource, _)| json!({ "node": node, "resource": resource }))
        .collect();
    Ok(Outcome::Answer(if alarms.is_empty() {
        Answer::json(&json!({ "status": "ok" }))
    } else {
        let body = json!({ "status": "failed", "reason": "There are alarms in effect", "alarms": alarms });
        Answer { status: 503, ..Answer::json(&body) }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_log_is_no_health() {
        assert_eq!(health(None).status, 200);
        let failed = health(Some("disk gone".into()));
        assert_eq!((failed.status, failed.body.as_slice()), (503, &br#"{"status":"failed","reason":"disk gone"}"#[..]));
    }
}
