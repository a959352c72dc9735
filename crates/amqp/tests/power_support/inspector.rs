//! A client that looks at all there is after a start: declares passively, fetches, sends probes along bindings.

use super::driver::Stop;
use super::ledger::Found;
use super::site::Site;
use super::universe::{EXCHANGES, QUEUES, WAYS};
use super::wire::{Answer, Content, answers, body, properties};
use crate::session_support::{Message, capabilities, login};
use narumq_amqp::codec::*;

/// Probes have numbers from here on.
const PROBES: u64 = 1 << 60;

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
}

/// Looks at everything and leaves it as it was.
pub fn inspect(site: &mut Site) -> Result<Sight, Stop> {
    let peer = site.dial();
    let mut bytes = PROTOCOL_HEADER.to_vec();
    write_method(&mut bytes, 0, &login(&capabilities(&mut Vec::new()), b"guest"));
    write_method(&mut bytes, 0, &ConnectionTuneOk { channel_max: 2047, frame_max: 131_072, heartbeat: 0 });
    write_method(&mut bytes, 0, &ConnectionOpen { virtual_host: b"/", ..Default::default() });
    let mut inspector = Inspector { site, peer, channel: 1, tag: 0 };
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
    }
    inspector.probe(&mut sight.found)?;
    sight.found.bindings = inspector.site.bindings();
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

    /// Fetches all that is ready: whether each is marked as delivered before, and what it is. Only probes do not come back.
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
