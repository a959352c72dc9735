//! Consumer groups: listing, looking at one, deleting.

use super::{Call, Outcome, done, seek};
use crate::error::Problem;
use crate::mapping::topics as objects;
use narumq_broker::group::{GroupRefusal, GroupSnapshot};
use serde_json::Value;
use std::collections::HashMap;

/// The groups of all vhosts, or of one, by name, with how far they are behind.
pub(super) fn list(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let mut items = Vec::new();
    for vhost in call.vhosts(path.get(1))? {
        let groups: HashMap<_, GroupSnapshot> = call.cx.broker.groups(&vhost).into_iter().collect();
        let now = call.cx.turn.now;
        let shown = call.cx.broker.all_cursors(&vhost).into_iter().filter_map(|(name, cursors)| {
            let group = groups.get(&name)?;
            Some(objects::group(&name, vhost.name(), group, &cursors, now))
        });
        items.extend(shown);
    }
    call.listing(items)
}

/// One group, with its members and how far it has read each partition.
pub(super) fn show(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let vhost = call.vhost(path[1])?;
    let group = call.cx.broker.describe_group(&vhost, path[2]).ok_or(Problem::NotFound)?;
    let cursors = call.cx.broker.cursors(&vhost, path[2]).ok_or(Problem::NotFound)?;
    let now = call.cx.turn.now;
    let mut object = objects::group(path[2], vhost.name(), &group, &cursors, now);
    let formats = &call.shared.config.topics;
    object["member_details"] = group.members.iter().map(|member| objects::member(member, formats)).collect();
    object["cursors"] = cursors.iter().map(|cursor| objects::cursor(cursor, now)).collect::<Vec<Value>>().into();
    call.object(&object)
}

/// Deletes a group that nobody is in, and what it has committed.
pub(super) fn delete(call: &mut Call<'_, '_>, path: &[&str]) -> Result<Outcome, Problem> {
    let vhost = call.vhost(path[1])?;
    match call.cx.broker.delete_group(&vhost, path[2], call.cx.turn) {
        Ok(lsn) => done(204, lsn),
        Err(GroupRefusal::NotEmpty) => Err(seek::in_use(path[2], &vhost)),
        Err(_) => Err(Problem::NotFound),
    }
}
