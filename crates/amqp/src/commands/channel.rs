//! Class channel: channels open and close, from either end.

use crate::channel::Channel;
use crate::codec::{
    ChannelClose, ChannelCloseOk, ChannelFlow, ChannelFlowOk, ChannelOpen, ChannelOpenOk, Method, MethodId,
    write_method,
};
use crate::error::{Code, Refused};
use crate::link::hold;
use crate::session::AmqpSession;
use narumq_door::Context;
use narumq_model::Lsn;

/// `channel.flow`: whether the client wants deliveries. Stopping them is what prefetch is for.
pub(super) fn flow(channel: &mut Channel, method: ChannelFlow, cx: &mut Context<'_>) -> Result<(), Refused> {
    if !method.active {
        return Err(Refused::new(Code::NotImplemented, "active=false"));
    }
    channel.answer(Lsn(0), &ChannelFlowOk { active: true }, cx);
    Ok(())
}

impl AmqpSession {
    /// `channel.open`
    pub(crate) fn open_channel(&mut self, number: u16, cx: &mut Context<'_>) -> Result<(), Refused> {
        let (open, max) = (self.channels.len(), usize::from(self.channel_max));
        if open >= max {
            let text = format!("number of channels opened ({open}) has reached the negotiated channel_max ({max})");
            return Err(Refused::new(Code::NotAllowed, text));
        }
        self.channels.insert(Channel::new(number));
        cx.turn.counts.channels_opened += 1;
        if let Some(link) = &mut self.link {
            link.changed = true;
        }
        write_method(cx.out.lane(number.into()), number, &ChannelOpenOk { channel_id: b"" });
        Ok(())
    }

    /// The client closes a channel. Confirms that wait for the disk go with the answer, which waits for it, too.
    pub(crate) fn close_channel(&mut self, number: u16, cx: &mut Context<'_>) {
        self.settle_gathered(cx);
        let (Some(link), Some(mut channel)) = (&mut self.link, self.channels.remove(number)) else { return };
        channel.end(link, cx);
        cx.turn.counts.channels_closed += 1;
        link.changed = true;
        if channel.tell_confirms(cx.broker.durable(), cx) || channel.last_lsn > Lsn(0) {
            hold(cx, number, channel.last_lsn);
            channel.keep_order(cx.out);
            channel.tell_confirms(channel.last_lsn, cx);
        }
        write_method(cx.out.lane(number.into()), number, &ChannelCloseOk);
    }

    /// We close a channel: what comes on it is thrown away until the client has said so, too.
    pub(crate) fn refuse_channel(&mut self, number: u16, refused: &Refused, method: MethodId, cx: &mut Context<'_>) {
        self.settle_gathered(cx);
        let (Some(link), Some(channel)) = (&mut self.link, self.channels.get_mut(number)) else { return };
        channel.end(link, cx);
        cx.turn.counts.channels_closed += 1;
        link.changed = true;
        channel.tell_confirms(cx.broker.durable(), cx);
        channel.confirms = None;
        channel.closing = true;
        let (method, text) = (refused.method().unwrap_or(method), refused.text());
        let close = ChannelClose {
            reply_code: refused.code() as u16,
            reply_text: text.as_bytes(),
            class_id: method.class,
            method_id: method.method,
        };
        write_method(cx.out.lane(number.into()), number, &close);
    }

    /// A method of class channel that opens, closes, or speaks of a channel that is closing. True if that is all.
    pub(crate) fn serve_channel_class(
        &mut self,
        number: u16,
        method: &Method<'_>,
        cx: &mut Context<'_>,
    ) -> Result<bool, Refused> {
        let channel = self.channels.get(number).map(|channel| channel.closing);
        match (channel, method) {
            (None, Method::ChannelOpen(_)) => self.open_channel(number, cx)?,
            // Late words about a channel that both ends have closed.
            (None, Method::ChannelCloseOk(_)) => {}
            (None, _) => return Err(Refused::new(Code::ChannelError, "expected 'channel.open'")),
            (Some(false), Method::ChannelOpen(ChannelOpen { .. })) => {
                return Err(Refused::new(Code::ChannelError, "second 'channel.open' seen"));
            }
            (Some(false), Method::ChannelClose(_)) => self.close_channel(number, cx),
            (Some(true), Method::ChannelCloseOk(_)) => drop(self.channels.remove(number)),
            // Both ends close at once: each answers the other.
            (Some(true), Method::ChannelClose(_)) => {
                write_method(cx.out.lane(number.into()), number, &ChannelCloseOk);
            }
            (Some(true), _) => {}
            (Some(false), _) => return Ok(false),
        }
        Ok(true)
    }
}
