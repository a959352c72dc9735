//! How a stage waits: for time to pass, for the disk, for the broker's own threads.

use super::{Answer, PATIENCE, Peer, Stage};
use narumq_broker::{Event, Turn};
use narumq_model::Lsn;
use std::time::Duration;

impl Stage {
    /// Time passes; ticks come at their instants.
    pub fn pass(&mut self, millis: u64) {
        let until = self.now.plus(millis);
        loop {
            let tick = |peer: &Peer| peer.session.as_ref().and_then(|session| session.next_tick());
            let next = (0..self.peers.len()).filter_map(|at| Some((tick(&self.peers[at])?, at))).min();
            let Some((time, at)) = next.filter(|(time, _)| *time <= until) else { break };
            self.now = self.now.max(time);
            self.turn(at, |session, cx| session.on_tick(cx));
            self.run();
            if tick(&self.peers[at]).is_some_and(|again| again <= self.now) {
                self.now = self.now.plus(1);
            }
        }
        self.now = until;
        let mut turn = Turn::new(self.now, Some(0));
        self.broker.advance(&mut turn);
        self.broker.end_turn(&mut turn);
        self.run();
    }

    /// Waits until nobody waits for the disk any more.
    pub fn sync(&mut self) {
        while let Some(waiting) = self.waiting() {
            if !waiting.iter().any(|(_, lsn)| *lsn <= self.broker.durable()) {
                self.bell.recv_timeout(PATIENCE).expect("the log syncs");
            }
            self.tell_durable(&waiting);
        }
    }

    /// The next answer to a client, or none if the log ends before it comes.
    pub fn answer_or_end(&mut self, peer: usize, version: i16) -> Option<Answer> {
        for _ in 0..4_000 {
            if let Some(waiting) = self.waiting() {
                self.tell_durable(&waiting);
            }
            if let Some(answer) = self.heard(peer, version) {
                return Some(answer);
            }
            if self.broker.failed().is_some() {
                return None;
            }
            self.rest();
        }
        panic!("neither an answer nor an end");
    }

    /// Waits for the broker to do something on its own threads.
    pub fn rest(&mut self) {
        let _ = self.bell.recv_timeout(Duration::from_millis(5));
        self.run();
    }

    /// Clients that wait for the disk, and for which entry, if there are any.
    fn waiting(&mut self) -> Option<Vec<(usize, Lsn)>> {
        self.run();
        let waits = |peer: &Peer| {
            let session = peer.session.as_ref().and_then(|session| session.waits_for());
            session.max(peer.out.held_until())
        };
        let all = self.peers.iter().enumerate();
        let waiting: Vec<(usize, Lsn)> = all.filter_map(|(at, peer)| Some((at, waits(peer)?))).collect();
        (!waiting.is_empty()).then_some(waiting)
    }

    fn tell_durable(&mut self, waiting: &[(usize, Lsn)]) {
        for (at, _) in waiting {
            let durable = self.broker.durable();
            self.peers[*at].out.release(durable);
            self.turn(*at, |session, cx| session.on_event(Event::Durable(durable), cx));
            self.turn(*at, |session, cx| session.on_batch_end(cx));
        }
        self.run();
    }
}
