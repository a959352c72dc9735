//! What the commands of one connection share: its user's vhost, the topics it used last, how it answers.

use crate::Settings;
use crate::codec::{Cut, Message, encode_response};
use crate::commands::fetch::sessions::FetchSession;
use crate::login::Login;
use crate::topics::Topics;
use bytes::Bytes;
use narumq_broker::Vhost;
use narumq_door::{ConnInfo, Context};
use narumq_model::{Lsn, Time};
use std::sync::Arc;

/// The one lane of a connection: its answers leave in the order of its requests.
pub(crate) const LANE: u32 = 0;
/// Shared bytes up to this length are copied into the answer.
const COPIED: usize = 2 << 10;

/// A request as far as its answer must know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) correlation: i32,
    pub(crate) version: i16,
}

/// What the commands of one connection share.
pub(crate) struct Link {
    pub(crate) settings: Arc<Settings>,
    pub(crate) info: ConnInfo,
    pub(crate) login: Login,
    pub(crate) vhost: Option<Vhost>,
    pub(crate) topics: Topics,
    /// Random numbers given so far.
    given: u64,
    pub(crate) fetch_session: Option<FetchSession>,
    /// Requests that groups have answered or will.
    requests: u64,
}

impl Link {
    pub(crate) fn new(settings: Arc<Settings>, info: ConnInfo, now: Time) -> Self {
        let login = Login::new(settings.sasl, comes_over_loopback(&info), now);
        let topics = Topics::default();
        Self { settings, info, login, vhost: None, topics, given: 0, fetch_session: None, requests: 0 }
    }

    /// Whether the client is on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        comes_over_loopback(&self.info)
    }

    /// 128 bits that no one can guess, other ones each time.
    pub(crate) fn unique(&mut self) -> u128 {
        self.given += 1;
        // An odd factor: no two numbers of a connection are the same.
        (self.info.seed ^ u128::from(self.given)).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
    }

    /// A number for a request that a group answers.
    pub(crate) fn next_request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    /// Where this client reaches this broker: host and port.
    pub(crate) fn address(&self) -> (String, i32) {
        match &self.settings.advertised {
            Some(advertised) => (advertised.host.clone(), advertised.port.into()),
            None => self.dialled(),
        }
    }

    /// What this client dialled: host and port.
    pub(crate) fn dialled(&self) -> (String, i32) {
        (self.info.local.ip().to_canonical().to_string(), self.info.local.port().into())
    }
}

fn comes_over_loopback(info: &ConnInfo) -> bool {
    info.peer.ip().to_canonical().is_loopback()
}

/// Answers a request.
pub(crate) fn answer<'a, M: Message<'a>>(call: Call, body: &M, cx: &mut Context<'_>) {
    let mut cuts = Vec::new();
    encode_response(call.correlation, call.version, body, cx.out.lane(LANE), &mut cuts);
}

/// Answers a request with bytes that are shared with others: `records` by index of the cuts.
pub(crate) fn answer_with<'a, M: Message<'a>>(
    call: Call,
    body: &M,
    records: &[impl AsRef<[Bytes]>],
    cx: &mut Context<'_>,
) {
    let (mut encoded, mut cuts): (Vec<u8>, Vec<Cut>) = (Vec::new(), Vec::new());
    encode_response(call.correlation, call.version, body, &mut encoded, &mut cuts);
    let mut at = 0;
    for cut in cuts {
        cx.out.lane(LANE).extend_from_slice(&encoded[at..cut.position]);
        at = cut.position;
        for bytes in records.get(cut.index as usize).map_or(&[][..], AsRef::as_ref) {
            if bytes.len() <= COPIED {
                cx.out.lane(LANE).extend_from_slice(bytes);
            } else {
                cx.out.push_shared_to(LANE, bytes.clone());
            }
        }
    }
    cx.out.lane(LANE).extend_from_slice(&encoded[at..]);
}

/// What is answered from now on waits until `lsn` is durable.
pub(crate) fn hold(lsn: Lsn, cx: &mut Context<'_>) {
    if lsn > cx.broker.durable() {
        cx.out.hold_on(LANE, lsn);
        cx.turn.want_sync(lsn);
    }
}
