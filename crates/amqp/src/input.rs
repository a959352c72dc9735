//! Frames in: the protocol header, commands and content, each to who serves it.

use crate::codec::{
    BasicPublish, CodecError, ConnectionCloseOk, FrameKind, Method, MethodId, PROTOCOL_HEADER, Parsed,
    Published as WholeMessage, parse_frame, parse_protocol_header, parse_published, write_method,
};
use crate::commands;
use crate::content::Expected;
use crate::error::{Code, Refused};
use crate::publish;
use crate::session::{AmqpSession, Phase};
use narumq_door::Context;

/// What became of the front of the input.
pub(crate) enum Step {
    /// So many bytes are done with.
    Done(usize),
    /// So many bytes must lie there.
    Need(usize),
    /// Nothing more is looked at for now.
    Wait,
}

/// What a close is blamed on that no method caused.
pub(crate) const NO_METHOD: MethodId = MethodId { class: 0, method: 0 };

impl AmqpSession {
    /// Looks at the front of the input.
    #[inline]
    pub(crate) fn step(&mut self, input: &[u8], cx: &mut Context<'_>) -> Step {
        if self.phase == Phase::Running
            && let Some(message) = parse_published(input, self.frame_max)
            && let Some(step) = self.publish_whole(&message, cx)
        {
            return step;
        }
        if self.phase == Phase::Header { self.protocol_header(input, cx) } else { self.frame(input, cx) }
    }

    fn protocol_header(&mut self, input: &[u8], cx: &mut Context<'_>) -> Step {
        match parse_protocol_header(input) {
            Ok(Some(_)) => {
                self.start(cx);
                Step::Done(PROTOCOL_HEADER.len())
            }
            Ok(None) => Step::Need(PROTOCOL_HEADER.len()),
            Err(_) => {
                cx.out.main().extend_from_slice(&PROTOCOL_HEADER);
                cx.out.close();
                self.phase = Phase::Closed;
                Step::Done(input.len())
            }
        }
    }

    /// Takes a whole message, unless its channel expects something else.
    #[inline]
    fn publish_whole(&mut self, message: &WholeMessage<'_>, cx: &mut Context<'_>) -> Option<Step> {
        let link = self.link.as_mut()?;
        let channel = self.channels.get_mut(message.publish.channel)?;
        if channel.closing || channel.content.expected != Expected::Method || message.publish.immediate {
            return None;
        }
        if !link.may_publish(cx) {
            return Some(Step::Wait);
        }
        if let Err(refused) = publish::whole(link, channel, message, cx) {
            self.refuse(message.publish.channel, &refused, BasicPublish::ID, cx);
        }
        Some(Step::Done(message.wire_len))
    }

    fn frame(&mut self, input: &[u8], cx: &mut Context<'_>) -> Step {
        let frame = match parse_frame(input, self.frame_max) {
            Ok(Parsed::Frame(frame)) => frame,
            Ok(Parsed::NeedMore(needed)) => return Step::Need(needed),
            Err(error) => return self.broken(error, input, cx),
        };
        let done = Step::Done(frame.wire_len());
        match (frame.kind, self.phase) {
            (FrameKind::Heartbeat, _) | (_, Phase::Silent | Phase::Closed) => {}
            (FrameKind::Method, _) => return self.method(frame.channel, frame.payload, cx).unwrap_or(done),
            (FrameKind::Header | FrameKind::Body, Phase::Running) => {
                self.content(frame.kind, frame.channel, frame.payload, cx);
            }
            (FrameKind::Header | FrameKind::Body, Phase::Closing) => {}
            (FrameKind::Header | FrameKind::Body, _) => {
                let refused = publish::unexpected("expected method frame, got non method frame instead");
                self.refuse_connection(&refused, NO_METHOD, cx);
            }
        }
        done
    }

    /// The bytes make no sense any more: nothing that follows can be trusted.
    fn broken(&mut self, error: CodecError, input: &[u8], cx: &mut Context<'_>) -> Step {
        if matches!(self.phase, Phase::Closing | Phase::Silent | Phase::Closed) {
            cx.out.close();
            self.phase = Phase::Closed;
        } else {
            self.refuse_connection(&error.into(), NO_METHOD, cx);
        }
        Step::Done(input.len())
    }

    /// Serves a method; `Some` if it is not done with.
    fn method(&mut self, number: u16, payload: &[u8], cx: &mut Context<'_>) -> Option<Step> {
        let id = MethodId::of_payload(payload).unwrap_or(NO_METHOD);
        let method = match Method::decode(payload) {
            Ok(method) => method,
            Err(_) if self.ignores(number) => return None,
            Err(error) => {
                self.refuse_connection(&error.into(), id, cx);
                return None;
            }
        };
        if self.phase == Phase::Closing {
            self.closing(&method, cx);
            return None;
        }
        let served = match (number, id.class) {
            (0, 10) => self.serve_connection(&method, cx),
            (0, _) => Err(Refused::new(Code::ChannelError, "channel 0 is for the connection alone")),
            (_, 10) => Err(Refused::new(Code::CommandInvalid, "unimplemented method")),
            _ if self.phase != Phase::Running => {
                let text = format!("unexpected method in connection state {}", self.phase.name());
                Err(Refused::new(Code::ChannelError, text))
            }
            _ => match self.channel_method(number, &method, cx) {
                Ok(true) => Ok(()),
                Ok(false) => return Some(Step::Wait),
                Err(refused) => Err(refused),
            },
        };
        if let Err(refused) = served {
            self.refuse(number, &refused, id, cx);
        }
        None
    }

    /// Whether frames of a channel are thrown away.
    fn ignores(&self, number: u16) -> bool {
        self.phase == Phase::Closing || self.channels.get(number).is_some_and(|channel| channel.closing)
    }

    /// We have closed the connection: only the end of it is of interest.
    fn closing(&mut self, method: &Method<'_>, cx: &mut Context<'_>) {
        match method {
            Method::ConnectionCloseOk(_) => {}
            Method::ConnectionClose(_) => write_method(cx.out.lane(0), 0, &ConnectionCloseOk),
            _ => return,
        }
        cx.out.close();
        self.phase = Phase::Closed;
    }

    /// Serves a method of a channel; false if it must wait.
    fn channel_method(&mut self, number: u16, method: &Method<'_>, cx: &mut Context<'_>) -> Result<bool, Refused> {
        if let Some(channel) = self.channels.get(number).filter(|channel| !channel.closing) {
            publish::check_no_content(channel)?;
        }
        if self.serve_channel_class(number, method, cx)? {
            return Ok(true);
        }
        let (Some(link), Some(channel)) = (&mut self.link, self.channels.get_mut(number)) else { return Ok(true) };
        if matches!(method, Method::BasicPublish(_)) && !link.may_publish(cx) {
            return Ok(false);
        }
        commands::serve(link, channel, method, cx).map(|()| true)
    }

    fn content(&mut self, kind: FrameKind, number: u16, payload: &[u8], cx: &mut Context<'_>) {
        let Some(link) = &mut self.link else { return };
        let served = match self.channels.get_mut(number) {
            Some(channel) if channel.closing => return,
            Some(channel) if kind == FrameKind::Header => publish::header(link, channel, payload, cx),
            Some(channel) => publish::body(link, channel, payload, cx),
            None => Err(publish::unexpected("expected method frame, got non method frame instead")),
        };
        if let Err(refused) = served {
            self.refuse(number, &refused, NO_METHOD, cx);
        }
    }

    pub(crate) fn refuse(&mut self, number: u16, refused: &Refused, method: MethodId, cx: &mut Context<'_>) {
        if refused.ends_connection() || number == 0 {
            self.refuse_connection(refused, method, cx);
        } else {
            self.refuse_channel(number, refused, method, cx);
        }
    }
}
