//! The turns of a stage: input is fed, mail handed out, output taken, until nothing comes of it; waits for the disk.

use super::{PATIENCE, Peer, Stage};
use narumq_broker::{Event, Turn};
use narumq_door::{Context, Session};

impl Stage {
    pub(super) fn call(&mut self, peer: usize, verb: impl FnOnce(&mut dyn Session, &mut Context<'_>)) {
        let mut turn = Turn::new(self.now, Some(0));
        let peer = &mut self.peers[peer];
        if let Some(session) = peer.session.as_deref_mut() {
            verb(session, &mut Context { broker: &self.broker, turn: &mut turn, out: &mut peer.out });
        }
        self.broker.end_turn(&mut turn);
    }

    fn feed(&mut self, at: usize) -> bool {
        let peer = &mut self.peers[at];
        let deaf = peer.session.as_ref().is_none_or(|s| s.paused()) || peer.out.is_closing();
        if deaf || peer.input.is_empty() {
            return false;
        }
        let input = std::mem::take(&mut peer.input);
        let mut consumed = 0;
        self.call(at, |session, cx| consumed = session.on_bytes(&input, cx).consumed);
        let peer = &mut self.peers[at];
        peer.input = input[consumed..].to_vec();
        consumed > 0
    }

    fn mail(&mut self) -> bool {
        let mut posted = Vec::new();
        self.broker.mailboxes().take(0, &mut posted);
        let any = !posted.is_empty();
        let mut touched = Vec::new();
        for (to, event) in posted {
            let at = to.index as usize;
            touched.push(at);
            self.call(at, |session, cx| session.on_event(event, cx));
        }
        touched.sort_unstable();
        touched.dedup();
        touched.into_iter().for_each(|at| self.call(at, |session, cx| session.on_batch_end(cx)));
        any
    }

    fn write(&mut self, at: usize) -> bool {
        let peer = &mut self.peers[at];
        let ready = peer.out.ready_len();
        if ready == 0 || peer.stalled {
            return false;
        }
        let Peer { out, seen, .. } = peer;
        out.chunks().for_each(|chunk| seen.extend_from_slice(chunk));
        out.advance(ready);
        self.call(at, |session, cx| session.on_writable(cx));
        true
    }

    /// Lets everything happen that needs no disk and no time.
    pub fn run(&mut self) {
        loop {
            let mut busy = false;
            for at in 0..self.peers.len() {
                busy |= self.feed(at);
            }
            busy |= self.mail();
            for at in 0..self.peers.len() {
                busy |= self.write(at);
            }
            if !busy {
                return;
            }
        }
    }

    /// Waits until nobody waits for the disk any more.
    pub fn sync(&mut self) {
        loop {
            self.run();
            let durable = self.broker.durable();
            let waits = |peer: &Peer| {
                let session = peer.session.as_ref().and_then(|session| session.waits_for());
                session.max(peer.out.held_until())
            };
            let waiting: Vec<usize> = (0..self.peers.len()).filter(|at| waits(&self.peers[*at]).is_some()).collect();
            if waiting.is_empty() {
                return;
            }
            let due = |at: &&usize| waits(&self.peers[**at]).is_some_and(|lsn| lsn <= durable);
            if waiting.iter().find(due).is_none() {
                self.bell.recv_timeout(PATIENCE).expect("the log syncs");
            }
            for at in waiting {
                self.peers[at].out.release(self.broker.durable());
                let durable = self.broker.durable();
                self.call(at, |session, cx| session.on_event(Event::Durable(durable), cx));
                self.call(at, |session, cx| session.on_batch_end(cx));
            }
        }
    }

    /// Waits until this holds; what the broker's own threads do comes in between.
    pub fn wait_for(&mut self, mut holds: impl FnMut(&mut Self) -> bool) {
        self.run();
        while !holds(self) {
            self.bell.recv_timeout(PATIENCE).expect("something happens");
            self.run();
        }
    }
}
