//! The partitions of a fetch session, followed from when they are named until they are forgotten, and which are due.
//!
//! ```text
//!  named by a request, or Ready ─► due ─► looked at ─► nothing more there, and all of it told ─► at rest, until Ready
//! ```
//! What is at rest costs a poll nothing. What a look leaves over (records, a failure, what is not durable or told yet) stays due.

use super::Looked;
use crate::codec::messages::fetch::FetchTopic;
use crate::codec::{ErrorCode, Uuid};
use crate::commands::epochs::check_leader_epoch;
use crate::topics::{Topics, partition_of};
use foldhash::fast::RandomState;
use narumq_broker::{Broker, PartitionHandle, TopicHandle, Vhost};
use narumq_model::{ObjectId, SessionId};
use smallvec::SmallVec;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// How a client names a partition: number, topic by name or by id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) topic: Arc<str>,
    pub(super) id: Uuid,
    pub(super) number: i32,
}

/// One partition that is asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) key: Key,
    /// Whether the topic is named by its id.
    by_id: bool,
    pub(super) partition: Result<PartitionHandle, ErrorCode>,
    pub(super) offset: i64,
    pub(super) max: u64,
    /// The leader's epoch as the client knows it.
    epoch: i32,
    /// High watermark and first offset as last told.
    pub(super) told: Option<(i64, i64)>,
    is_due: bool,
}

impl Asked {
    /// The partitions of one topic of a request.
    pub(super) fn of_topic(
        topic: &FetchTopic<'_>,
        handle: Option<&TopicHandle>,
        by_id: bool,
        broker: &Broker,
        out: &mut Vec<Self>,
    ) {
        let name: Arc<str> = topic.topic.into();
        out.extend(topic.partitions.iter().map(|asked| {
            let mut asked = Self {
                key: Key { topic: name.clone(), id: topic.topic_id, number: asked.partition },
                by_id,
                partition: Err(ErrorCode::None),
                offset: asked.fetch_offset,
                max: u64::try_from(asked.partition_max_bytes).unwrap_or(0),
                epoch: asked.current_leader_epoch,
                told: None,
                is_due: false,
            };
            asked.partition = asked.found(handle, broker);
            asked
        }));
    }

    fn found(&self, topic: Option<&TopicHandle>, broker: &Broker) -> Result<PartitionHandle, ErrorCode> {
        let unknown = match topic {
            None if self.by_id => ErrorCode::UnknownTopicId,
            _ => ErrorCode::UnknownTopicOrPartition,
        };
        let partition = partition_of(topic, self.key.number).ok_or(unknown)?;
        check_leader_epoch(self.epoch, broker)?;
        Ok(partition)
    }
}

/// The partitions of a session.
#[derive(Debug)]
pub(super) struct Partitions {
    /// Whose they are.
    session: SessionId,
    all: Vec<Option<Asked>>,
    free: Vec<u32>,
    places: HashMap<Key, u32, RandomState>,
    /// A partition may be there twice, by the name and by the id of its topic.
    objects: HashMap<ObjectId, SmallVec<[u32; 1]>, RandomState>,
    /// In the order in which they are looked at.
    due: VecDeque<u32>,
}

impl Partitions {
    pub(super) fn new(session: SessionId) -> Self {
        let (places, objects) = (HashMap::default(), HashMap::default());
        Self { session, all: Vec::new(), free: Vec::new(), places, objects, due: VecDeque::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The places of what is to be looked at.
    pub(super) fn due(&self) -> impl Iterator<Item = u32> {
        self.due.iter().copied()
    }

    pub(super) fn get(&self, place: u32) -> Option<&Asked> {
        self.all.get(place as usize)?.as_ref()
    }

    fn get_mut(&mut self, place: u32) -> Option<&mut Asked> {
        self.all.get_mut(place as usize)?.as_mut()
    }

    /// It is asked for from now on, or in another way than before.
    pub(super) fn put(&mut self, asked: Asked, broker: &Broker) {
        let place = match self.places.get(&asked.key) {
            Some(place) => *place,
            None => self.room(&asked.key),
        };
        let known = self.all[place as usize].take();
        let (told, is_due) = known.as_ref().map_or((None, false), |known| (known.told, known.is_due));
        let before = known.and_then(|known| known.partition.ok());
        let same = before.as_ref() == asked.partition.as_ref().ok();
        self.all[place as usize] = Some(Asked { told, is_due, ..asked });
        if !same {
            if let Some(before) = before {
                self.unbind(place, &before, broker);
            }
            self.bind(place, broker);
        }
        self.make_due(place);
    }

    fn room(&mut self, key: &Key) -> u32 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.all.push(None);
            self.all.len() as u32 - 1
        });
        self.places.insert(key.clone(), place);
        place
    }

    /// It is not asked for any more.
    pub(super) fn forget(&mut self, key: &Key, broker: &Broker) {
        let Some(place) = self.places.remove(key) else { return };
        let Some(known) = self.all[place as usize].take() else { return };
        if let Ok(partition) = &known.partition {
            self.unbind(place, partition, broker);
        }
        if known.is_due {
            self.due.retain(|due| *due != place);
        }
        self.free.push(place);
    }

    /// None of them is asked for any more.
    pub(super) fn end(&self, broker: &Broker) {
        let bound = self.all.iter().flatten().filter_map(|asked| asked.partition.as_ref().ok());
        bound.for_each(|partition| broker.unfollow(partition, self.session));
    }

    fn bind(&mut self, place: u32, broker: &Broker) {
        let Some(Ok(partition)) = self.get(place).map(|asked| asked.partition.clone()) else { return };
        broker.follow(&partition, self.session);
        self.objects.entry(partition.id()).or_default().push(place);
    }

    fn unbind(&mut self, place: u32, partition: &PartitionHandle, broker: &Broker) {
        broker.unfollow(partition, self.session);
        if let Some(places) = self.objects.get_mut(&partition.id()) {
            places.retain(|of| *of != place);
            if places.is_empty() {
                self.objects.remove(&partition.id());
            }
        }
    }

    fn make_due(&mut self, place: u32) {
        if let Some(asked) = self.get_mut(place)
            && !std::mem::replace(&mut asked.is_due, true)
        {
            self.due.push_back(place);
        }
    }

    /// It is not as it was.
    pub(super) fn ready(&mut self, id: ObjectId) {
        let Some(places) = self.objects.get(&id).cloned() else { return };
        places.into_iter().for_each(|place| self.make_due(place));
    }

    /// All are to be looked at.
    pub(super) fn all_ready(&mut self) {
        (0..self.all.len() as u32).for_each(|place| self.make_due(place));
    }

    /// Looks whether there is by now what was not: a partition that is missing stays due.
    pub(super) fn look_for_missing(&mut self, topics: &mut Topics, vhost: &Vhost, broker: &Broker) {
        for at in 0..self.due.len() {
            let place = self.due[at];
            let Some(asked) = self.all[place as usize].as_mut().filter(|asked| asked.partition.is_err()) else {
                continue;
            };
            let topic = topics.asked((&asked.key.topic, asked.key.id), asked.by_id, vhost, broker);
            asked.partition = asked.found(topic.as_ref(), broker);
            self.bind(place, broker);
        }
    }

    /// All that was due has been looked at, and told if it says so. What had records comes last the next time.
    pub(super) fn settle(&mut self, looked: &[Looked], broker: &Broker) {
        self.due.clear();
        for last in [false, true] {
            for one in looked.iter().filter(|one| one.carried == last) {
                if one.is_gone() {
                    self.lose(one.place, broker);
                }
                let Some(asked) = self.get_mut(one.place) else { continue };
                if let Some(news) = one.told {
                    // What was wrong is told again until it is right.
                    asked.told = news;
                }
                asked.is_due = !one.is_at_rest(asked);
                if asked.is_due {
                    self.due.push_back(one.place);
                }
            }
        }
    }

    /// The topic has been deleted: another one may have its name.
    fn lose(&mut self, place: u32, broker: &Broker) {
        let missing = Err(ErrorCode::UnknownTopicOrPartition);
        let Some(asked) = self.get_mut(place) else { return };
        if let Ok(gone) = std::mem::replace(&mut asked.partition, missing) {
            self.unbind(place, &gone, broker);
        }
    }
}
