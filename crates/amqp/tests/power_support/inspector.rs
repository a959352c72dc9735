//! A client that looks at all there is after a start: declares passively, fetches, sends probes along bindings.

use super::driver::Stop;
use super::ledger::{Found, reached};
use super::site::Site;
use super::universe::{EXCHANGES, QUEUES, WAYS, dead_letters};
use super::wire::{Answer, Content, answers, body, properties};
use crate::session_support::{Message, capabilities, login};
use narumq_amqp::codec::*;
use std::collections::BTreeSet;

/// Probes have numbers from here on.
const PROBES: u64 = 1 << 60;
/// Messages that are sent after the dead, by the queues in which a start may find what is to die.
const MARKS: [(u64, &str); 2] = [(1 << 61, "short"), ((1 << 61) + 1, "aging")];

/// What was found, and what of it was not marked as delivered before.
pub struct Sight {
    pub found: Found,
    pub fresh: Vec<(String, Content)>,
}

struct Inspector<'a> {
    site: &'a mut Site,
    peer: usize,
    channel: u16,
    /// Deliveries so far.
    tag: u64,
    /// Which marks have come, and where.
    marks: BTreeSet<(u64, String)>,
}

/// Looks at everything and leaves it as it was: as things are, or `after_moves` of what has died in its queue so far.
pub fn inspect(site: &mut Site, after_moves: bool) -> Result<Sight, Stop> {
    let peer = site.dial();
    let mut bytes = PROTOCOL_HEADER.to_vec();
    write_method(&mut bytes, 0, &login(&capabilities(&mut Vec::new()), b"guest"));
    write_method(&mut bytes, 0, &ConnectionTuneOk { channel_max: 2047, frame_max: 131_072, heartbeat: 0 });
    write_method(&mut bytes, 0, &ConnectionOpen { virtual_host: b"/", ..Default::default() });
    let mut inspector = Inspector { site, peer, channel: 1, tag: 0, marks: BTreeSet::new() };
    inspector.send(&bytes)?;
    inspector.open()?;
    let mut sight = Sight { found: Found::default(), fresh: Vec::new() };
    for (exchange, _) in EXCHANGES {
        let declare = ExchangeDeclare { exchange: exchange.as_bytes(), passive: true, ..Default::default() };
        if inspector.is_there(&declare)? {
            sight.found.exchanges.insert(exchange.to_owned());
        }
    }
    // A channel that is refused gives back what it holds, so all of that comes before anything is fetched.
    for queue in QUEUES {
        let declare = QueueDeclare { queue: queue.as_bytes(), passive: true, ..Default::default() };
        if inspector.is_there(&declare)? {
            sight.found.queues.insert(queue.to_owned(), Vec::new());
        }
    }
    // What is too much for `short` moves when its first user comes, and what has come of age: nothing else is to be looked at
    // before.
    let mut queues: Vec<_> = sight.found.queues.iter_mut().collect();
    queues.sort_by_key(|(queue, _)| (*queue != "short", *queue != "aging"));
    for (queue, contents) in queues {
        for (redelivered, content) in inspector.fetch(queue)? {
            if !redelivered {
                sight.fresh.push((queue.clone(), content.clone()));
            }
            contents.push(content);
        }
        if let Some((mark, _)) = MARKS.iter().find(|(_, from)| after_moves && from == queue) {
            inspector.follow_the_dead(queue, *mark)?;
        }
    }
    inspector.probe(&mut sight.found)?;
    sight.found.bindings = inspector.site.bindings();
    if after_moves {
        inspector.miss_no_mark(&sight.found)?;
    }
    // What comes back so does not count as returned.
    inspector.ask(&BasicRecover { requeue: true })?;
    // Without power nothing can be read, so something else may have been found.
    if site.is_dark() {
        return Err(Stop::Cut);
    }
    site.hang_up(peer);
    Ok(sight)
}

impl Inspector<'_> {
    fn send(&mut self, bytes: &[u8]) -> Result<Vec<Answer>, Stop> {
        if !self.site.bytes(self.peer, bytes) {
            return Err(Stop::Cut);
        }
        let told = answers(&self.site.seen(self.peer));
        if self.site.is_dark() {
            return Err(Stop::Cut);
        }
        Ok(told.map_err(Stop::Wrong)?.into_iter().map(|(_, answer)| answer).collect())
    }

    fn ask(&mut self, method: &impl WireMethod) -> Result<Answer, Stop> {
        let mut bytes = Vec::new();
        write_method(&mut bytes, self.channel, method);
        let told = self.send(&bytes)?;
        let [answer] =
            <[Answer; 1]>::try_from(told).map_err(|told| Stop::Wrong(format!("one answer, not {told:?}")))?;
        Ok(answer)
    }

    fn open(&mut self) -> Result<(), Stop> {
        self.ask(&ChannelOpen::default()).map(drop)
    }

    /// Whether what is declared passively is there.
    fn is_there(&mut self, declare: &impl WireMethod) -> Result<bool, Stop> {
        match self.ask(declare)? {
            Answer::Plain(_) => Ok(true),
            Answer::Closed(404) => {
                self.channel += 1;
                self.open()?;
                Ok(false)
            }
            other => Err(Stop::Wrong(format!("a passive declare was answered by {other:?}"))),
        }
    }

    /// What has died in this queue, from which all was fetched, is where the dead go when this returns: the broker's threads
    /// move it, one message after the other and behind the answers to whoever fetches, and what is rejected now goes last.
    fn follow_the_dead(&mut self, queue: &str, mark: u64) -> Result<(), Stop> {
        let (properties, body) = (properties(mark, false), body(mark));
        let message = Message { exchange: "", key: queue, mandatory: false, properties: &properties, body: &body };
        let mut bytes = Vec::new();
        message.write(self.channel, &mut bytes);
        self.send(&bytes)?;
        match self.ask(&BasicGet { ticket: 0, queue: queue.as_bytes(), no_ack: false })? {
            Answer::Got { content, .. } if content.id == mark => {}
            other => return Err(Stop::Wrong(format!("all of {queue} was fetched, then came {other:?}"))),
        }
        self.tag += 1;
        bytes.clear();
        write_method(&mut bytes, self.channel, &BasicReject { delivery_tag: self.tag, requeue: false });
        self.send(&bytes).map(drop)
    }

    /// Every mark has come to where the dead of its queue go.
    fn miss_no_mark(&self, found: &Found) -> Result<(), Stop> {
        for (mark, from) in MARKS.iter().filter(|(_, from)| found.queues.contains_key(*from)) {
            let graves = match dead_letters(from) {
                Some(("", Some(queue))) => [queue.to_owned()].into(),
                Some((exchange, None)) => reached(&found.bindings, (exchange, from)),
                other => unreachable!("the dead of {from} go to {other:?}"),
            };
            for grave in graves.into_iter().filter(|grave| found.queues.contains_key(grave)) {
                if !self.marks.contains(&(*mark, grave.clone())) {
                    return Err(Stop::Wrong(format!("what was rejected in {from} has not come to {grave}")));
                }
            }
        }
        Ok(())
    }

    /// Fetches all that is ready: whether each is marked as delivered before, and what it is. Only probes do not come back,
    /// and marks, which are not told either.
    fn fetch(&mut self, queue: &str) -> Result<Vec<(bool, Content)>, Stop> {
        let mut all = Vec::new();
        loop {
            match self.ask(&BasicGet { ticket: 0, queue: queue.as_bytes(), no_ack: false })? {
                Answer::Got { redelivered, content } => {
                    self.tag += 1;
                    if content.id >= PROBES {
                        let mut bytes = Vec::new();
                        let ack = BasicAck { delivery_tag: self.tag, multiple: false };
                        write_method(&mut bytes, self.channel, &ack);
                        self.send(&bytes)?;
                    }
                    if content.id >= MARKS[0].0 {
                        self.marks.insert((content.id, queue.to_owned()));
                        continue;
                    }
                    all.push((redelivered, content.in_queue(queue)));
                }
                Answer::Empty => return Ok(all),
                other => return Err(Stop::Wrong(format!("a get from {queue} was answered by {other:?}"))),
            }
        }
    }

    /// Where messages go now: all others are in our hands.
    fn probe(&mut self, found: &mut Found) -> Result<(), Stop> {
        let mut ways = WAYS.to_vec();
        ways.retain(|(exchange, _)| found.exchanges.contains(*exchange));
        let mut bytes = Vec::new();
        for (at, (exchange, key)) in ways.iter().enumerate() {
            let id = PROBES + at as u64;
            let (properties, body) = (properties(id, false), body(id));
            let message = Message { exchange, key, mandatory: false, properties: &properties, body: &body };
            message.write(self.channel, &mut bytes);
        }
        self.send(&bytes)?;
        for (queue, contents) in &mut found.queues {
            for (_, content) in self.fetch(queue)? {
                let way = content.id.checked_sub(PROBES).and_then(|at| ways.get(at as usize));
                let Some((exchange, key)) = way else {
                    // It has come meanwhile: either it is still moving, or there was never such a moment.
                    contents.push(content);
                    continue;
                };
                found.reach.insert(((*exchange).to_owned(), (*key).to_owned(), queue.clone()));
            }
        }
        Ok(())
    }
}
