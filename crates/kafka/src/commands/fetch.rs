//! Fetch: what is there at once, or as soon as enough of it is.

mod partitions;
pub(crate) mod sessions;

use crate::codec::Records;
use crate::codec::messages::fetch::{FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData};
use crate::error;
use crate::link::{Call, Link, answer, answer_with};
use bytes::Bytes;
use narumq_broker::{FetchError, Fetched};
use narumq_door::Context;
use narumq_model::{Lsn, SessionId, Time};
use partitions::Asked;
use sessions::Plan;
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
    /// It follows partitions that are not those of a session.
    follows: bool,
}

/// What a look at one partition gave.
#[derive(Debug)]
struct Looked {
    place: u32,
    fetched: Result<Fetched, FetchError>,
    /// Its records have been told.
    carried: bool,
    /// It has been told: with high watermark and first offset, unless something is wrong.
    told: Option<Option<(i64, i64)>>,
}

impl Looked {
    /// Whether the topic has been deleted.
    fn is_gone(&self) -> bool {
        matches!(self.fetched, Err(FetchError::Deleted))
    }

    /// Whether there is nothing more, now or once it is durable or read, and the client knows all of it.
    fn is_at_rest(&self, asked: &Asked) -> bool {
        let Ok(fetched) = &self.fetched else { return false };
        let reads_on = u64::try_from(asked.offset).is_ok_and(|offset| offset >= fetched.high);
        let rests = reads_on && !fetched.reading && fetched.pending == Lsn(0);
        rests && asked.told == Some((fetched.high as i64, fetched.start as i64))
    }
}

/// What a look at all that is due gave.
struct Found {
    /// In the order in which they were looked at.
    looked: Vec<Looked>,
    bytes: u64,
    /// It must be answered now: something is wrong, or enough is there.
    now: bool,
    pending: Lsn,
}

impl Found {
    fn look(&mut self, place: u32, asked: &Asked, max: u64, session: SessionId, cx: &mut Context<'_>) {
        let left = max.saturating_sub(self.bytes);
        let offset = u64::try_from(asked.offset).unwrap_or(u64::MAX);
        let what = (offset, asked.max.min(left), self.bytes == 0);
        let fetched = match &asked.partition {
            Ok(partition) => cx.broker.fetch(partition, what, session, cx.turn),
            Err(_) => Err(FetchError::Deleted),
        };
        match &fetched {
            Ok(fetched) => {
                self.bytes += fetched.len() as u64;
                self.pending = self.pending.max(fetched.pending);
            }
            Err(_) => self.now = true,
        }
        self.looked.push(Looked { place, fetched, carried: false, told: None });
    }

    /// Whether nothing is there yet and something is on its way from the disk.
    fn is_reading(&self) -> bool {
        self.bytes == 0 && self.looked.iter().any(|one| one.fetched.as_ref().is_ok_and(|fetched| fetched.reading))
    }
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
    if request.max_wait_ms <= 0 || request.min_bytes <= 0 {
        // It will not wait for what it has not been told of yet.
        if let Some(session) = link.fetch_session.as_mut().filter(|_| plan.alone.is_none()) {
            session.partitions.all_ready();
        }
    }
    let fetching = Fetching {
        call,
        plan,
        min: u64::try_from(request.min_bytes).unwrap_or(0),
        max: u64::try_from(request.max_bytes).unwrap_or(0).min(ANSWER_MAX),
        deadline: cx.turn.now.plus(u64::try_from(request.max_wait_ms).unwrap_or(0)),
        pending: Lsn(0),
        follows: false,
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
        let mut found = self.look(link, cx);
        let answers = found.now || self.deadline <= cx.turn.now;
        if answers {
            self.answer(&mut found, link, cx);
        }
        match (&self.plan.alone, &mut link.fetch_session) {
            (None, Some(session)) => session.partitions.settle(&found.looked, cx.broker),
            (Some(alone), _) if !answers && !self.follows => {
                self.follows = true;
                let there = alone.iter().filter_map(|asked| asked.partition.as_ref().ok());
                there.for_each(|partition| cx.broker.follow(partition, link.info.id));
                // What comes between the look and this is seen by looking again.
                return self.again(link, cx);
            }
            _ => {}
        }
        if answers {
            self.forget(link, cx);
            return None;
        }
        self.pending = found.pending;
        Some(self)
    }

    /// It waits no more.
    pub(crate) fn forget(&self, link: &Link, cx: &mut Context<'_>) {
        if let Some(alone) = self.plan.alone.as_ref().filter(|_| self.follows) {
            let there = alone.iter().filter_map(|asked| asked.partition.as_ref().ok());
            there.for_each(|partition| cx.broker.unfollow(partition, link.info.id));
        }
    }

    /// Looks at all that may have something: of a session what is due, else everything.
    fn look(&self, link: &mut Link, cx: &mut Context<'_>) -> Found {
        let mut found = Found { looked: Vec::new(), bytes: 0, now: self.max == 0, pending: Lsn(0) };
        let session = link.info.id;
        if let Some(alone) = &self.plan.alone {
            (0..).zip(alone).for_each(|(place, asked)| found.look(place, asked, self.max, session, cx));
        } else if let (Some(of), Some(vhost)) = (&mut link.fetch_session, &link.vhost) {
            of.partitions.look_for_missing(&mut link.topics, vhost, cx.broker);
            for place in of.partitions.due() {
                if let Some(asked) = of.partitions.get(place) {
                    found.look(place, asked, self.max, session, cx);
                }
            }
        }
        found.now |= found.bytes >= self.min && (self.min == 0 || found.bytes > 0) && !found.is_reading();
        found
    }

    fn answer(&self, found: &mut Found, link: &Link, cx: &mut Context<'_>) {
        let mut records: Vec<SmallVec<[Bytes; 2]>> = Vec::new();
        let mut response = FetchResponse { session_id: self.plan.session, ..Default::default() };
        let mut last = None;
        for looked in &mut found.looked {
            let asked = match (&self.plan.alone, &link.fetch_session) {
                (Some(alone), _) => alone.get(looked.place as usize),
                (None, session) => session.as_ref().and_then(|session| session.partitions.get(looked.place)),
            };
            let Some(asked) = asked else { continue };
            let one = partition_data(asked, looked, &mut records);
            if self.plan.incremental && !sessions::is_news(asked, &one) {
                continue;
            }
            looked.told = Some((one.error_code == 0).then_some((one.high_watermark, one.log_start_offset)));
            let (topic, topic_id) = (&*asked.key.topic, asked.key.id);
            if last != Some((topic, topic_id)) {
                response.responses.push(FetchableTopicResponse { topic, topic_id, ..Default::default() });
                last = Some((topic, topic_id));
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
    looked: &mut Looked,
    records: &mut Vec<SmallVec<[Bytes; 2]>>,
) -> PartitionData<'static> {
    let mut one =
        PartitionData { partition_index: asked.key.number, records: Records::Here(&[]), ..Default::default() };
    match (&asked.partition, &mut looked.fetched) {
        (Ok(_), Ok(fetched)) => {
            one.high_watermark = fetched.high as i64;
            one.last_stable_offset = fetched.high as i64;
            one.log_start_offset = fetched.start as i64;
            if !fetched.is_empty() {
                let (length, index) = (fetched.len() as u32, records.len() as u32);
                one.records = Records::Elsewhere { length, index };
                records.push(std::mem::take(&mut fetched.bytes));
                looked.carried = true;
            }
        }
        (Ok(_), Err(refused)) => {
            one.error_code = error::fetch(*refused).code();
            one.high_watermark = -1;
            if let FetchError::OutOfRange { start, high } = *refused {
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
