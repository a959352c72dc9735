//! Users, vhosts, and who may enter which.

use super::{Call, Outcome};
use crate::auth::{Level, level, require};
use crate::error::Problem;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use narumq_broker::{User, Vhost};
use serde_json::{Value, json};

/// All users.
pub(super) fn users(call: &mut Call<'_, '_>, _: &[&str]) -> Result<Outcome, Problem> {
    require(call.user, Level::Administrator)?;
    let users = call.cx.broker.users();
    call.listing(users.iter().map(|user| user_object(call, user)).collect())
}

/// One user.
pub(super) fn user(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    require(call.user, Level::Administrator)?;
    let user = call.cx.broker.user(path[1]).ok_or(Problem::NotFound)?;
    call.object(&user_object(call, &user))
}

/// A user with the salted hash of its password, empty if it has none.
pub(super) fn user_object(call: &Call<'_, '_>, user: &User) -> Value {
    let hash = call.cx.broker.user_hash(&user.name).unwrap_or_default();
    json!({
        "name": &*user.name,
        "password_hash": STANDARD.encode(&hash),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": user.tags.iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
        "limits": {},
    })
}

/// The vhosts that the user may see.
pub(super) fn vhosts(call: &mut Call<'_, '_>, _: &[&str]) -> Result<Outcome, Problem> {
    let all = level(call.user) >= Some(Level::Monitoring);
    let vhosts = if all { call.cx.broker.vhosts() } else { call.vhosts(None)? };
    call.listing(vhosts.iter().map(|vhost| vhost_object(call, vhost)).collect())
}

/// One vhost.
pub(super) fn vhost(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let vhost = call.vhost(path[1])?;
    call.object(&vhost_object(call, &vhost))
}

fn vhost_object(call: &Call<'_, '_>, vhost: &Vhost) -> Value {
    let (mut ready, mut unsettled) = (0, 0);
    for queue in call.queues(vhost) {
        let counts = call.cx.broker.counts(&queue);
        ready += counts.ready;
        unsettled += counts.unsettled;
    }
    json!({
        "name": &**vhost.name(),
        "description": "",
        "tags": [],
        "metadata": { "description": "", "tags": [] },
        "tracing": false,
        "cluster_state": { &*call.shared.config.node: "running" },
        "messages": ready + unsettled,
        "messages_ready": ready,
        "messages_unacknowledged": unsettled,
    })
}

/// Who may enter: all pairs, or those of one vhost.
pub(super) fn permissions(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    require(call.user, Level::Administrator)?;
    let permissions = match path {
        ["vhosts", vhost, ..] => permissions_of(call, &[call.vhost(vhost)?]),
        _ => permissions_of(call, &call.cx.broker.vhosts()),
    };
    call.listing(permissions)
}

/// Whether one user may enter one vhost.
pub(super) fn permission(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    require(call.user, Level::Administrator)?;
    let permissions = permissions_of(call, &[call.vhost(path[1])?]);
    let permission = permissions.into_iter().find(|permission| permission["user"] == path[2]);
    call.object(&permission.ok_or(Problem::NotFound)?)
}

/// A user may do everything in a vhost that it may enter, which is what the patterns say.
pub(super) fn permissions_of(call: &Call<'_, '_>, vhosts: &[Vhost]) -> Vec<Value> {
    let users = call.cx.broker.users();
    let mut permissions = Vec::new();
    for vhost in vhosts {
        for user in &users {
            if call.cx.broker.open_vhost(vhost.name(), user).is_ok() {
                let names = (&*user.name, &**vhost.name());
                permissions.push(json!({
                    "user": names.0, "vhost": names.1, "configure": ".*", "write": ".*", "read": ".*",
                }));
            }
        }
    }
    permissions
}
