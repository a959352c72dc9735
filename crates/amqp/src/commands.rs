//! The commands of a channel: one flat list of who serves what.

mod access;
pub(crate) mod basic;
mod channel;
mod confirm;
mod connection;
mod consume;
mod exchange;
mod queue;
mod stream;
pub(crate) mod tx;

use crate::channel::Channel;
use crate::codec::Method;
use crate::error::{Code, Refused};
use crate::link::Link;
use crate::publish;
use narumq_door::Context;

/// Serves one command of an open channel. Classes connection and channel, which reach beyond it, come before.
pub(crate) fn serve(
    link: &mut Link,
    channel: &mut Channel,
    method: &Method<'_>,
    cx: &mut Context<'_>,
) -> Result<(), Refused> {
    match method {
        Method::BasicPublish(method) => return publish::begin(channel, method),
        Method::BasicAck(method) => return basic::ack(link, channel, *method, cx),
        Method::BasicGet(_) | Method::BasicNack(_) | Method::BasicReject(_) => channel.pass_acks(link, cx),
        _ => {
            channel.pass_acks(link, cx);
            link.changed = true;
        }
    }
    match method {
        Method::AccessRequest(_) => access::request(channel, cx),
        Method::ExchangeDeclare(method) => exchange::declare(link, channel, method, cx)?,
        Method::ExchangeDelete(method) => exchange::delete(link, channel, method, cx)?,
        Method::ExchangeBind(method) => exchange::bind(link, channel, method, cx)?,
        Method::ExchangeUnbind(method) => exchange::unbind(link, channel, method, cx)?,
        Method::QueueDeclare(method) => queue::declare(link, channel, method, cx)?,
        Method::QueueBind(method) => queue::bind(link, channel, method, cx)?,
        Method::QueueUnbind(method) => queue::unbind(link, channel, method, cx)?,
        Method::QueuePurge(method) => queue::purge(link, channel, method, cx)?,
        Method::QueueDelete(method) => queue::delete(link, channel, method, cx)?,
        Method::BasicQos(method) => basic::qos(link, channel, *method, cx)?,
        Method::BasicConsume(method) => consume::start(link, channel, method, cx)?,
        Method::BasicCancel(method) => consume::cancel(link, channel, method, cx),
        Method::BasicGet(method) => basic::get(link, channel, method, cx)?,
        Method::BasicNack(method) => basic::nack(link, channel, *method, cx)?,
        Method::BasicReject(method) => basic::reject(link, channel, *method, cx)?,
        Method::BasicRecover(method) => basic::recover(link, channel, (method.requeue, true), cx)?,
        Method::BasicRecoverAsync(method) => basic::recover(link, channel, (method.requeue, false), cx)?,
        Method::ConfirmSelect(method) => confirm::select(channel, *method, cx)?,
        Method::TxSelect(_) => tx::select(channel, cx)?,
        Method::TxCommit(_) => tx::commit(link, channel, cx)?,
        Method::TxRollback(_) => tx::rollback(channel, cx)?,
        Method::ChannelFlow(method) => channel::flow(channel, *method, cx)?,
        // Answers to what we send without expecting one.
        Method::BasicCancelOk(_) | Method::ChannelFlowOk(_) => {}
        _ => return Err(Refused::new(Code::CommandInvalid, "unimplemented method")),
    }
    Ok(())
}
