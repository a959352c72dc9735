//! One Kafka connection: frames in, requests, events, answers in the order of the requests.

use crate::Settings;
use crate::codec::{FRAME_HEAD, Reader, RequestHeader, frame_size};
use crate::commands;
use crate::commands::Parked;
use crate::link::{Call, Link};
use narumq_broker::GroupAnswer;
use narumq_door::{Cause, ConnInfo, Context, Event, Flow, Session};
use narumq_model::{Lsn, Time};
use std::sync::Arc;

/// Output beyond which no request is looked at, in bytes.
const OUTPUT_MAX: usize = 4 << 20;
/// How often a session that waits for the disk to keep up looks again, in milliseconds.
const POLL_MS: u64 = 5;

/// The protocol state of one connection.
pub(crate) struct KafkaSession {
    link: Link,
    /// A request that waits; those behind it wait too.
    parked: Option<Parked>,
    /// Too much is on its way to the disk, or to the client: no request is looked at.
    congested: bool,
    choked: bool,
    polled: Time,
    closed: bool,
}

impl KafkaSession {
    pub(crate) fn new(settings: Arc<Settings>, info: ConnInfo, now: Time) -> Self {
        Self {
            link: Link::new(settings, info, now),
            parked: None,
            congested: false,
            choked: false,
            polled: Time(0),
            closed: false,
        }
    }

    fn close(&mut self, cx: &mut Context<'_>) {
        self.closed = true;
        cx.out.close();
    }

    /// Whether nothing that comes is looked at any more.
    fn is_over(&self) -> bool {
        self.closed || self.link.login.has_failed()
    }

    /// One request, or a token of a login that has them come by themselves. False if the connection is to be closed.
    fn request(&mut self, content: &[u8], cx: &mut Context<'_>) -> bool {
        if self.link.login.expects_bare() {
            return commands::sasl::bare_token(&mut self.link, content, cx).is_ok();
        }
        let mut reader = Reader::new(content);
        let Ok(header) = RequestHeader::read(&mut reader) else { return false };
        let call = Call { correlation: header.correlation_id, version: header.api_version };
        let Ok(done) = commands::run(&mut self.link, &header, call, &mut reader, cx) else { return false };
        self.parked = done;
        true
    }

    fn look_again(&mut self, cx: &mut Context<'_>) {
        self.congested &= cx.broker.congested();
        if !self.choked {
            self.try_parked(cx);
        }
    }

    /// Looks whether the request that waits can be answered now.
    fn try_parked(&mut self, cx: &mut Context<'_>) {
        self.parked = match self.parked.take() {
            Some(Parked::Fetch(fetching)) => fetching.again(&mut self.link, cx).map(Parked::Fetch),
            Some(Parked::Offsets(searching)) => searching.again(&mut self.link, cx).map(Parked::Offsets),
            other => other,
        };
    }

    /// A group has answered a request.
    fn told(&mut self, request: u64, answer: &GroupAnswer, after: Lsn, cx: &mut Context<'_>) {
        self.parked = match self.parked.take() {
            Some(Parked::Group(waiting)) => waiting.answered(request, answer, after, cx).map(Parked::Group),
            other => other,
        };
    }
}

impl Session for KafkaSession {
    fn on_bytes(&mut self, input: &[u8], cx: &mut Context<'_>) -> Flow {
        let (mut consumed, mut needed) = (0, 0);
        while !self.paused() && !self.is_over() {
            let largest = self.link.login.request_bytes_max(self.link.settings.request_bytes_max);
            match frame_size(&input[consumed..], largest) {
                Err(_) => {
                    self.close(cx);
                    break;
                }
                Ok(None) => break,
                Ok(Some(size)) => {
                    let begin = consumed + FRAME_HEAD;
                    let Some(content) = input.get(begin..begin + size) else {
                        needed = FRAME_HEAD + size;
                        break;
                    };
                    if !self.request(content, cx) {
                        self.close(cx);
                    }
                    consumed = begin + size;
                }
            }
            self.choked = cx.out.ready_len() > OUTPUT_MAX;
        }
        if self.is_over() {
            consumed = input.len();
        }
        self.congested = cx.broker.congested();
        self.polled = cx.turn.now;
        Flow { consumed, needed }
    }

    fn on_event(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Ready { queue } => {
                if let Some(session) = &mut self.link.fetch_session {
                    session.ready(queue);
                }
                self.look_again(cx);
            }
            Event::Durable(_) => self.look_again(cx),
            Event::Group { request, answer, after } => self.told(request, &answer, after, cx),
            Event::Kick(_) | Event::Stop => self.close(cx),
            Event::Deliver(_) | Event::Cancelled { .. } | Event::Pressure(_) => {}
        }
    }

    fn on_writable(&mut self, cx: &mut Context<'_>) {
        self.choked = false;
        self.try_parked(cx);
    }

    fn on_tick(&mut self, cx: &mut Context<'_>) {
        self.polled = cx.turn.now;
        if self.link.login.deadline().is_some_and(|deadline| deadline <= cx.turn.now) {
            self.close(cx);
        }
        self.congested &= cx.broker.congested();
        self.try_parked(cx);
    }

    fn next_tick(&self) -> Option<Time> {
        let parked = match &self.parked {
            Some(Parked::Fetch(fetching)) => Some(fetching.deadline()),
            _ => None,
        };
        let poll = self.congested.then(|| self.polled.plus(POLL_MS));
        let login = self.link.login.deadline().filter(|_| !self.closed);
        [parked, poll, login].into_iter().flatten().min()
    }

    fn paused(&self) -> bool {
        self.parked.is_some() || self.congested || self.choked
    }

    fn waits_for(&self) -> Option<Lsn> {
        match &self.parked {
            Some(Parked::Fetch(fetching)) => fetching.waits_for(),
            _ => None,
        }
    }

    fn on_close(&mut self, _: Cause, cx: &mut Context<'_>) {
        if let Some(Parked::Fetch(fetching)) = self.parked.take() {
            fetching.forget(&self.link, cx);
        }
        commands::fetch::sessions::end(&mut self.link, cx.broker);
    }
}
