//! Class confirm: publishes are confirmed from now on.

use crate::channel::Channel;
use crate::codec::{ConfirmSelect, ConfirmSelectOk};
use crate::error::Refused;
use narumq_door::Context;

/// `confirm.select`
pub(super) fn select(channel: &mut Channel, method: ConfirmSelect, cx: &mut Context<'_>) -> Result<(), Refused> {
    if channel.transaction.is_some() {
        return Err(Refused::failed("cannot switch from tx to confirm mode"));
    }
    channel.confirms.get_or_insert_default();
    if !method.nowait {
        channel.answer_first(&ConfirmSelectOk, cx);
    }
    Ok(())
}
