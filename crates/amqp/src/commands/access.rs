//! Class access: tickets, which mean nothing since AMQP 0-9 but are still asked for.

use crate::channel::Channel;
use crate::codec::AccessRequestOk;
use narumq_door::Context;
use narumq_model::Lsn;

/// `access.request`: rights are looked at where they are used.
pub(super) fn request(channel: &mut Channel, cx: &mut Context<'_>) {
    channel.answer(Lsn(0), &AccessRequestOk { ticket: 1 }, cx);
}
