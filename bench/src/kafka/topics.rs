//! The topics of one run, under names nobody else has.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::answer::Listed;
use super::client::Client;
use super::code::check;
use super::load::Load;
use super::{answer, request};
use crate::error::{Error, Result};

/// Topics that one request names at most.
const AT_ONCE: usize = 100;
/// How long partitions may be without a leader.
const LED_WITHIN: Duration = Duration::from_secs(120);
/// From one look for leaders to the next: little beside what a broker takes, and no load on it.
const ASK_AGAIN: Duration = Duration::from_millis(5);

/// Topics of one number of partitions and one configuration, all names of one length.
pub(crate) struct Topics {
    pub(crate) names: Vec<String>,
    pub(crate) partitions: usize,
    /// Keys and values that stand over the broker's own.
    pub(crate) configs: Vec<(String, String)>,
}

impl Topics {
    /// Names for the topics of a load.
    pub(crate) fn new(load: &Load, configs: &[(String, String)]) -> Topics {
        static RUN: AtomicU64 = AtomicU64::new(0);
        let stem = format!("narumq-bench-topic-{}-{}", std::process::id(), RUN.fetch_add(1, Ordering::Relaxed));
        let names = (0..load.topics).map(|index| format!("{stem}-{index:06}")).collect();
        Topics { names, partitions: load.partitions, configs: configs.to_vec() }
    }

    /// Creates all and waits until each partition can be used.
    pub(crate) fn create(&self, control: &mut Client) -> Result<()> {
        for names in self.names.chunks(AT_ONCE) {
            self.create_these(names, control)?;
        }
        self.await_led(control)
    }

    /// Creates some of them, which [`Topics::await_led`] waits for.
    pub(crate) fn create_these(&self, names: &[String], control: &mut Client) -> Result<()> {
        control.call(request::create_topics(names, self.partitions, &self.configs), answer::create_topics)
    }

    /// Waits until each partition has a leader and it answers: a broker may have created it and not know yet.
    pub(crate) fn await_led(&self, control: &mut Client) -> Result<()> {
        let begun = Instant::now();
        for names in self.names.chunks(AT_ONCE) {
            let wanted = names.len() * self.partitions;
            loop {
                let led = control.call(request::metadata(names), answer::metadata)?;
                if led.brokers > 1 {
                    return Err(Error::new(format!("a cluster of {} brokers: only one can be driven", led.brokers)));
                }
                let listed = control.call(request::list_ends(names, self.partitions), answer::list_offsets)?;
                if led.partitions == wanted && listed.iter().filter(|listed| listed.code == 0).count() == wanted {
                    break;
                }
                if begun.elapsed() > LED_WITHIN {
                    return Err(Error::new(format!("{} of {wanted} partitions have a leader", led.partitions)));
                }
                // No answer waits for it, so it is asked for again and again.
                std::thread::sleep(ASK_AGAIN);
            }
        }
        Ok(())
    }

    /// The offset after the last record of each partition of the first topic.
    pub(crate) fn ends(&self, control: &mut Client) -> Result<Vec<i64>> {
        let listed = self.listed(&self.names[..1], control)?;
        let end = |index: usize| {
            let found = listed.iter().find(|listed| listed.partition == index as i32);
            found.map(|listed| listed.offset).ok_or_else(|| Error::new(format!("partition {index} has no end")))
        };
        (0..self.partitions).map(end).collect()
    }

    /// Records in all partitions of all topics.
    pub(crate) fn held(&self, control: &mut Client) -> Result<u64> {
        let mut held = 0;
        for names in self.names.chunks(AT_ONCE) {
            let listed = self.listed(names, control)?;
            held += listed.iter().map(|listed| u64::try_from(listed.offset).unwrap_or(0)).sum::<u64>();
        }
        Ok(held)
    }

    fn listed(&self, names: &[String], control: &mut Client) -> Result<Vec<Listed>> {
        let listed = control.call(request::list_ends(names, self.partitions), answer::list_offsets)?;
        for Listed { topic, partition, code, .. } in &listed {
            check(*code, &format!("partition {partition} of {topic} has no end"))?;
        }
        Ok(listed)
    }

    /// Lets a load run on the topics, which it may have to create first, and deletes them whatever came of it.
    pub(crate) fn deleted_after<T>(
        &self,
        control: &mut Client,
        load: impl FnOnce(&mut Client) -> Result<T>,
    ) -> Result<T> {
        let result = load(control);
        // After a failure the control connection may be gone as well; the first error is the one to tell.
        let deleted = self.delete(control);
        let value = result?;
        deleted?;
        Ok(value)
    }

    /// Deletes all.
    pub(crate) fn delete(&self, control: &mut Client) -> Result<()> {
        for names in self.names.chunks(AT_ONCE) {
            control.call(request::delete_topics(names), answer::delete_topics)?;
        }
        Ok(())
    }
}
