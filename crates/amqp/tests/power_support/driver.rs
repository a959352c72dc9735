//! Clients that send commands, and compare what they are told with what they must be told.

use super::ledger::Ledger;
use super::model::{At, Model};
use super::site::Site;
use super::wire::{Answer, Content, answers};
use crate::session_support::{capabilities, login};
use narumq_amqp::codec::*;
use std::collections::{BTreeMap, VecDeque};

/// What comes next on a channel as an answer.
#[derive(Debug)]
pub enum Expect {
    Method(MethodId),
    /// The answer to a `get` from this queue.
    Get(&'static str, Option<Content>),
    /// The broker closes the channel.
    Closed,
}

#[derive(Debug, Default)]
struct Lane {
    /// With the number of effects that each answer speaks for.
    expected: VecDeque<(Expect, usize)>,
    /// Number of the publish, effects that its confirm speaks for, `None` if it is refused.
    confirms: VecDeque<(u64, Option<usize>)>,
    published: u64,
    /// Tag → queue.
    consumers: BTreeMap<String, String>,
    /// Deliveries by their tags, and whose they are.
    consumed: BTreeMap<u64, String>,
}

/// Something was found that must not be, or the power has gone.
#[derive(Debug)]
pub enum Stop {
    Cut,
    Wrong(String),
}

/// All goes on, or not.
pub type Going = Result<(), Stop>;

/// The clients of a site.
pub struct Driver {
    pub site: Site,
    pub model: Model,
    /// Which peer each connection is.
    peers: Vec<usize>,
    lanes: BTreeMap<At, Lane>,
    /// What the clients have been told and have not taken in yet: an answer to it may bring more.
    unheard: VecDeque<(At, Answer)>,
}

/// The channels of every connection: one with confirms, one with transactions, one for consumers.
pub const CHANNELS: [u16; 3] = [1, 2, 3];

impl Driver {
    pub fn new(site: Site, model: Model) -> Self {
        Self { site, model, peers: Vec::new(), lanes: BTreeMap::new(), unheard: VecDeque::new() }
    }

    /// A connection with its channels, in the place of an earlier one or as a new one.
    pub fn connect(&mut self, connection: usize) -> Going {
        let peer = self.site.dial();
        let mut bytes = PROTOCOL_HEADER.to_vec();
        write_method(&mut bytes, 0, &login(&capabilities(&mut Vec::new()), b"guest"));
        write_method(&mut bytes, 0, &ConnectionTuneOk { channel_max: 2047, frame_max: 131_072, heartbeat: 0 });
        write_method(&mut bytes, 0, &ConnectionOpen { virtual_host: b"/", ..Default::default() });
        self.site.bytes(peer, &bytes);
        let told = answers(&self.site.seen(peer)).map_err(Stop::Wrong)?;
        assert!(matches!(told.last(), Some((0, Answer::Plain(ConnectionOpenOk::ID)))), "{told:?}");
        if connection == self.peers.len() {
            self.peers.push(peer);
        } else {
            self.peers[connection] = peer;
        }
        CHANNELS.iter().try_for_each(|channel| self.open((connection, *channel)))
    }

    /// Opens a channel for what its number means.
    pub fn open(&mut self, at: At) -> Going {
        self.lanes.insert(at, Lane::default());
        self.ask(at, &ChannelOpen::default(), ChannelOpenOk::ID, 0)?;
        match at.1 {
            1 => self.ask(at, &ConfirmSelect { nowait: false }, ConfirmSelectOk::ID, 0),
            2 => {
                self.model.begin(at);
                self.ask(at, &TxSelect, TxSelectOk::ID, 0)
            }
            _ => Ok(()),
        }
    }

    /// Sends a method that is answered by this one, which speaks for so many effects.
    pub fn ask(&mut self, at: At, method: &impl WireMethod, answer: MethodId, speaks: usize) -> Going {
        self.expect(at, Expect::Method(answer), speaks);
        self.tell(at, method)
    }

    pub fn expect(&mut self, at: At, expect: Expect, speaks: usize) {
        self.lanes.entry(at).or_default().expected.push_back((expect, speaks));
    }

    /// Sends a method that is not answered, or whose answer is expected already.
    pub fn tell(&mut self, at: At, method: &impl WireMethod) -> Going {
        let mut bytes = Vec::new();
        write_method(&mut bytes, at.1, method);
        self.bytes(at.0, &bytes)
    }

    /// Sends whole frames. The broker has looked at them when this returns.
    pub fn bytes(&mut self, connection: usize, bytes: &[u8]) -> Going {
        let done = self.site.bytes(self.peers[connection], bytes);
        self.hear()?;
        if done { Ok(()) } else { Err(Stop::Cut) }
    }

    /// A publish on a channel with confirms is to be confirmed, which speaks for so many effects, or refused.
    pub fn confirms(&mut self, at: At, speaks: Option<usize>) {
        let lane = self.lanes.entry(at).or_default();
        lane.published += 1;
        lane.confirms.push_back((lane.published, speaks));
    }

    pub fn add_consumer(&mut self, at: At, tag: &str, queue: &str) {
        self.lanes.entry(at).or_default().consumers.insert(tag.to_owned(), queue.to_owned());
    }

    pub fn forget_consumer(&mut self, at: At, tag: &str) {
        self.lanes.entry(at).or_default().consumers.remove(tag);
    }

    /// The consumers of a channel: tag and queue.
    pub fn consumers(&self, at: At) -> Vec<(String, String)> {
        let all = self.lanes.get(&at).into_iter().flat_map(|lane| lane.consumers.iter());
        all.map(|(tag, queue)| (tag.clone(), queue.clone())).collect()
    }

    /// The consumer that a delivery was for; empty for an answer to `get`.
    pub fn consumer_of(&self, at: At, tag: u64) -> String {
        self.lanes.get(&at).and_then(|lane| lane.consumed.get(&tag)).cloned().unwrap_or_default()
    }

    fn waits(&self, at: At) -> bool {
        self.lanes.get(&at).is_some_and(|lane| !lane.expected.is_empty() || !lane.confirms.is_empty())
    }

    /// Waits for all answers and deliveries.
    pub fn settle(&mut self) -> Going {
        loop {
            self.hear()?;
            if !self.lanes.keys().any(|at| self.waits(*at)) && self.model.is_served() {
                return Ok(());
            }
            if !self.site.listen() {
                self.hear()?;
                return Err(Stop::Cut);
            }
        }
    }

    /// The connection is gone, with or without a word.
    pub fn hang_up(&mut self, connection: usize) {
        self.site.hang_up(self.peers[connection]);
        CHANNELS.iter().for_each(|channel| drop(self.lanes.remove(&(connection, *channel))));
        self.lanes.remove(&(connection, 0));
    }

    /// Takes in all that the clients have been told.
    pub fn hear(&mut self) -> Going {
        for connection in 0..self.peers.len() {
            let seen = self.site.seen(self.peers[connection]);
            let answers = answers(&seen).map_err(Stop::Wrong)?;
            self.unheard.extend(answers.into_iter().map(|(channel, answer)| ((connection, channel), answer)));
        }
        while let Some((at, answer)) = self.unheard.pop_front() {
            self.heard(at, answer)?;
        }
        Ok(())
    }

    fn heard(&mut self, at: At, answer: Answer) -> Going {
        let lane = self.lanes.entry(at).or_default();
        match answer {
            Answer::Ack { tag, multiple } | Answer::Nack { tag, multiple } => {
                let refused = matches!(answer, Answer::Nack { .. });
                while let Some((number, speaks)) = lane.confirms.pop_front_if(|(number, _)| *number <= tag) {
                    if !multiple && number != tag || refused != speaks.is_none() {
                        return Err(Stop::Wrong(format!("{at:?}: {answer:?} and {number} speaks for {speaks:?}")));
                    }
                    self.model.ledger.answer(speaks.unwrap_or(0), || format!("{at:?}: confirm {number}"));
                }
                Ok(())
            }
            Answer::Delivery { consumer, tag, content } => {
                let queue = lane.consumers.get(&consumer).cloned().unwrap_or_default();
                let content = content.in_queue(&queue);
                lane.consumed.insert(tag, consumer);
                if self.model.delivered(at, &queue, tag, &content) {
                    return Ok(());
                }
                Err(Stop::Wrong(format!("{at:?}: {content:?} was delivered and is not in {queue}")))
            }
            Answer::Cancelled { consumer } => {
                lane.consumers.remove(&consumer);
                Ok(())
            }
            Answer::Returned => Ok(()),
            answer => match lane.expected.pop_front() {
                Some((expected, speaks)) => self.answered(at, &answer, &expected, speaks),
                None => Err(Stop::Wrong(format!("{at:?}: {answer:?} was not asked for"))),
            },
        }
    }

    fn answered(&mut self, at: At, answer: &Answer, expected: &Expect, speaks: usize) -> Going {
        let same = match (answer, expected) {
            (Answer::Plain(id), Expect::Method(expected)) => id == expected,
            // Without power nothing can be read, so something else may be found.
            (Answer::Got { .. } | Answer::Empty, Expect::Get(..)) if self.site.is_dark() => true,
            (Answer::Got { content, .. }, Expect::Get(queue, Some(expected))) => {
                content.clone().in_queue(queue) == *expected
            }
            (Answer::Empty, Expect::Get(_, None)) => true,
            (Answer::Closed(404), Expect::Closed) => {
                self.lanes.remove(&at);
                return self.tell(at, &ChannelCloseOk);
            }
            _ => false,
        };
        if !same {
            return Err(Stop::Wrong(format!("{at:?}: {answer:?} where {expected:?} was to come")));
        }
        self.model.ledger.answer(speaks, || format!("{at:?}: {answer:?}"));
        Ok(())
    }
}

/// Ends all connections and the broker in order; all that happened is on the disk then, if the power stays.
pub fn finish(mut driver: Driver) -> Ledger {
    for connection in 0..driver.peers.len() {
        driver.model.end_connection(connection, &CHANNELS);
        driver.hang_up(connection);
    }
    let Driver { site, mut model, .. } = driver;
    model.ledger.closing = true;
    if site.close() {
        model.ledger.answer_all();
    }
    model.ledger
}
