//! Fetch: what is there at once, or as soon as enough of it is.

pub(crate) mod sessions;

use crate::codec::Records;
use crate::codec::messages::fetch::{FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData};
use crate::error;
use crate::link::{Call, Link, answer, answer_with};
use bytes::Bytes;
use narumq_broker::{FetchError, Fetched};
use narumq_door::Context;
use narumq_model::{Lsn, ObjectId, Time};
use sessions::{Asked, Plan};
use smallvec::SmallVec;

/// Bytes of one answer at most, whatever the client allows; one batch may be larger.
const ANSWER_MAX: u64 = 64 << 20;

/// A fetch that waits for more.
#[derive(Debug)]
pub(crate) struct Fetching {
    call: Call,
    plan: Plan,
    min: u64,
    max: u64,
    deadline: Time,
    /// What must be durable before there is more.
    pending: Lsn,
    watched: bool,
}

/// What a look at all partitions gave.
struct Found {
    /// By partition, in the order of the request.
    partitions: Vec<Result<Fetched, FetchError>>,
    bytes: u64,
    /// It must be answered now: something is wrong, or enough is there.
    now: bool,
    pending: Lsn,
}

/// `Fetch`
pub(super) fn fetch(link: &mut Link, request: &FetchRequest<'_>, call: Call, cx: &mut Context<'_>) -> Option<Fetching> {
    let plan = match sessions::plan(link, request, call.version, cx) {
        Ok(plan) => plan,
        Err(code) => {
            answer(call, &FetchResponse { error_code: code.code(), ..Default::default() }, cx);
            return None;
        }
    };
    let fetching = Fetching {
        call,
        plan,
        min: u64::try_from(request.min_bytes).unwrap_or(0),
        max: u64::try_from(request.max_bytes).unwrap_or(0).min(ANSWER_MAX),
        deadline: cx.turn.now.plus(u64::try_from(request.max_wait_ms).unwrap_or(0)),
        pending: Lsn(0),
        watched: false,
    };
    fetching.again(link, cx)
}

impl Fetching {
    /// When it is answered whatever there is.
    pub(crate) fn deadline(&self) -> Time {
        self.deadline
    }

    /// What must be durable before there is more.
    pub(crate) fn waits_for(&self) -> Option<Lsn> {
        (self.pending > Lsn(0)).then_some(self.pending)
    }

    /// Answers if it can be, else gives itself back.
    pub(crate) fn again(mut self, link: &mut Link, cx: &mut Context<'_>) -> Option<Self> {
        let found = self.look(link, cx);
        if found.now || self.deadline <= cx.turn.now {
            self.answer(found, link, cx);
            self.forget(link, cx);
            return None;
        }
        self.pending = found.pending;
        if !self.watched {
            self.watched = true;
            // What comes between the look and the watch is seen by looking again.
            self.each(|asked| {
                if let Ok(partition) = &asked.partition {
                    cx.broker.watch(partition, link.info.id);
                }
            });
            return self.again(link, cx);
        }
        Some(self)
    }

    /// It has been told of this partition, and watches it on: what came may not be enough.
    pub(crate) fn watch_again(&self, id: ObjectId, link: &Link, cx: &mut Context<'_>) {
        self.each(|asked| match &asked.partition {
            Ok(partition) if partition.id() == id => cx.broker.watch(partition, link.info.id),
            _ => {}
        });
    }

    /// It waits no more.
    pub(crate) fn forget(&self, link: &Link, cx: &mut Context<'_>) {
        if self.watched {
            self.each(|asked| {
                if let Ok(partition) = &asked.partition {
                    cx.broker.unwatch(partition, link.info.id);
                }
            });
        }
    }

    fn each(&self, mut look: impl FnMut(&Asked)) {
        self.plan.asked.iter().for_each(&mut look);
    }

    fn look(&self, link: &Link, cx: &mut Context<'_>) -> Found {
        let mut found = Found { partitions: Vec::new(), bytes: 0, now: self.max == 0, pending: Lsn(0) };
        for asked in &self.plan.asked {
            let Ok(partition) = &asked.partition else {
                found.now = true;
                found.partitions.push(Err(FetchError::Deleted));
                continue;
            };
            let left = self.max.saturating_sub(found.bytes);
            let offset = u64::try_from(asked.offset).unwrap_or(u64::MAX);
            let what = (offset, asked.max.min(left), found.bytes == 0);
            let fetched = cx.broker.fetch(partition, what, link.info.id, cx.turn);
            match &fetched {
                Ok(fetched) => {
                    found.bytes += fetched.len() as u64;
                    found.pending = found.pending.max(fetched.pending);
                }
                Err(_) => found.now = true,
            }
            found.partitions.push(fetched);
        }
        found.now |= found.bytes >= self.min && (self.min == 0 || found.bytes > 0) && !self.is_reading(&found);
        found
    }

    /// Whether nothing is there yet and something is on its way from the disk.
    fn is_reading(&self, found: &Found) -> bool {
        found.bytes == 0 && found.partitions.iter().flatten().any(|fetched| fetched.reading)
    }

    fn answer(&self, found: Found, link: &mut Link, cx: &mut Context<'_>) {
        let mut records: Vec<SmallVec<[Bytes; 2]>> = Vec::new();
        let mut told: Vec<(usize, PartitionData<'_>)> = Vec::new();
        for (at, (asked, fetched)) in self.plan.asked.iter().zip(found.partitions).enumerate() {
            let one = partition_data(asked, fetched, &mut records);
            if !self.plan.incremental || sessions::is_news(asked, &one) {
                told.push((at, one));
            }
        }
        sessions::note(link, &self.plan, &told);
        let mut response = FetchResponse { session_id: self.plan.session, ..Default::default() };
        let mut last = None;
        for (at, one) in told {
            let Asked { topic, id, .. } = &self.plan.asked[at];
            if last != Some((topic, id)) {
                let topic_told = FetchableTopicResponse { topic, topic_id: *id, ..Default::default() };
                response.responses.push(topic_told);
                last = Some((topic, id));
            }
            if let Some(topic) = response.responses.last_mut() {
                topic.partitions.push(one);
            }
        }
        answer_with(self.call, &response, &records, cx);
    }
}

/// What is told of one partition; its records go to `records`.
fn partition_data(
    asked: &Asked,
    fetched: Result<Fetched, FetchError>,
    records: &mut Vec<SmallVec<[Bytes; 2]>>,
) -> PartitionData<'static> {
    let mut one = PartitionData { partition_index: asked.number, records: Records::Here(&[]), ..Default::default() };
    match (&asked.partition, fetched) {
        (Ok(_), Ok(fetched)) => {
            one.high_watermark = fetched.high as i64;
            one.last_stable_offset = fetched.high as i64;
            one.log_start_offset = fetched.start as i64;
            if !fetched.is_empty() {
                let (length, index) = (fetched.len() as u32, records.len() as u32);
                one.records = Records::Elsewhere { length, index };
                records.push(fetched.bytes);
            }
        }
        (Ok(_), Err(refused)) => {
            one.error_code = error::fetch(refused).code();
            one.high_watermark = -1;
            if let FetchError::OutOfRange { start, high } = refused {
                one.high_watermark = high as i64;
                one.log_start_offset = start as i64;
            }
        }
        (Err(code), _) => {
            one.error_code = code.code();
            one.high_watermark = -1;
        }
    }
    one
}
