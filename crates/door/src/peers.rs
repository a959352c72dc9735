//! The clients of a door in a test: their sessions over one broker, without sockets, clocks or threads of their own.
//!
//! What comes in is fed to the sessions, what the broker posts is handed out, what they write is taken, in turns, until nothing
//! comes of it. What the broker's own threads do is awaited.

use crate::{Cause, ConnInfo, Context, Door, Outbox, Session};
use narumq_broker::{Broker, Event, Turn};
use narumq_model::{Lsn, SessionId, Time};
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long something that must happen may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// One client's end.
pub struct Peer {
    /// Of its session.
    pub id: SessionId,
    /// `None` once the connection has ended.
    pub session: Option<Box<dyn Session>>,
    /// What the session wants written.
    pub out: Outbox,
    /// What has left the outbox and was not looked at yet.
    pub seen: Vec<u8>,
    /// The client does not read: nothing leaves the outbox.
    pub stalled: bool,
    /// What the session has not taken yet.
    input: Vec<u8>,
}

/// A broker and the clients of its door, on worker 0.
pub struct Peers {
    /// The broker.
    pub broker: Arc<Broker>,
    /// What the clock says.
    pub now: Time,
    all: Vec<Peer>,
    bell: Receiver<()>,
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peers({:?}, {})", self.now, self.all.len())
    }
}

impl Peers {
    /// Nobody yet. The broker wakes worker 0 here from now on.
    pub fn new(broker: Arc<Broker>, now: Time) -> Self {
        let (ring, bell) = channel();
        broker.mailboxes().set_wake(Box::new(move |_| _ = ring.send(())));
        Self { broker, now, all: Vec::new(), bell }
    }

    /// How many there are, the gone ones with them: the index of the next one.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// A client connects. The index of its id is that of the next one, or of one that has gone, in whose place it comes.
    pub fn connect(&mut self, door: &dyn Door, info: ConnInfo) -> usize {
        let (id, at) = (info.id, info.id.index as usize);
        let session = Some(door.open(info, self.now));
        let (out, seen, input) = (Outbox::default(), Vec::new(), Vec::new());
        let peer = Peer { id, session, out, seen, stalled: false, input };
        match self.all.get_mut(at) {
            Some(gone) => *gone = peer,
            None => self.all.push(peer),
        }
        at
    }

    /// A client by index.
    pub fn peer(&mut self, at: usize) -> &mut Peer {
        &mut self.all[at]
    }

    /// Bytes of a client, and all that follows from them without the disk.
    pub fn bytes(&mut self, at: usize, bytes: &[u8]) {
        self.all[at].input.extend_from_slice(bytes);
        self.run();
    }

    /// Whether the session has taken all that its client sent, and takes more.
    pub fn is_taken(&self, at: usize) -> bool {
        let Peer { session, input, .. } = &self.all[at];
        input.is_empty() && !session.as_ref().is_some_and(|session| session.paused())
    }

    /// A session hears of an event.
    pub fn event(&mut self, at: usize, event: Event) {
        self.call(at, |session, cx| session.on_event(event, cx));
        self.call(at, |session, cx| session.on_batch_end(cx));
        self.run();
    }

    /// A client is gone without a word.
    pub fn vanish(&mut self, at: usize) {
        self.call(at, |session, cx| session.on_close(Cause::Reset, cx));
        self.all[at].session = None;
        self.run();
    }

    /// One call of a session within a turn of its own.
    fn call(&mut self, at: usize, verb: impl FnOnce(&mut dyn Session, &mut Context<'_>)) {
        let mut turn = Turn::new(self.now, Some(0));
        let peer = &mut self.all[at];
        if let Some(session) = peer.session.as_deref_mut() {
            verb(session, &mut Context { broker: &self.broker, turn: &mut turn, out: &mut peer.out });
        }
        self.broker.end_turn(&mut turn);
    }

    /// Lets everything happen that needs no disk and no time.
    pub fn run(&mut self) {
        loop {
            let mut busy = false;
            for at in 0..self.all.len() {
                busy |= self.feed(at);
            }
            busy |= self.mail();
            for at in 0..self.all.len() {
                busy |= self.write(at);
            }
            if !busy {
                return;
            }
        }
    }

    fn feed(&mut self, at: usize) -> bool {
        let peer = &mut self.all[at];
        let deaf = peer.session.as_ref().is_none_or(|session| session.paused()) || peer.out.is_closing();
        if deaf || peer.input.is_empty() {
            return false;
        }
        let input = std::mem::take(&mut peer.input);
        let mut consumed = 0;
        self.call(at, |session, cx| consumed = session.on_bytes(&input, cx).consumed);
        self.all[at].input = input[consumed..].to_vec();
        consumed > 0
    }

    fn mail(&mut self) -> bool {
        let mut posted = Vec::new();
        self.broker.mailboxes().take(0, &mut posted);
        let any = !posted.is_empty();
        let mut touched = Vec::new();
        for (to, event) in posted {
            let at = to.index as usize;
            if self.all.get(at).is_some_and(|peer| peer.id == to) {
                touched.push(at);
                self.call(at, |session, cx| session.on_event(event, cx));
            }
        }
        touched.sort_unstable();
        touched.dedup();
        touched.into_iter().for_each(|at| self.call(at, |session, cx| session.on_batch_end(cx)));
        any
    }

    fn write(&mut self, at: usize) -> bool {
        let Peer { out, seen, stalled, .. } = &mut self.all[at];
        let ready = out.ready_len();
        if ready == 0 || *stalled {
            return false;
        }
        out.chunks().for_each(|chunk| seen.extend_from_slice(chunk));
        out.advance(ready);
        self.call(at, |session, cx| session.on_writable(cx));
        true
    }

    /// Time passes; ticks come at their instants.
    pub fn pass(&mut self, millis: u64) {
        let until = self.now.plus(millis);
        loop {
            let tick = |peer: &Peer| peer.session.as_ref().and_then(|session| session.next_tick());
            let next = (0..self.all.len()).filter_map(|at| Some((tick(&self.all[at])?, at))).min();
            let Some((time, at)) = next.filter(|(time, _)| *time <= until) else { break };
            self.now = self.now.max(time);
            self.call(at, |session, cx| session.on_tick(cx));
            self.run();
            if tick(&self.all[at]).is_some_and(|again| again <= self.now) {
                self.now = self.now.plus(1);
            }
        }
        self.now = until;
        let mut turn = Turn::new(self.now, Some(0));
        self.broker.advance(&mut turn);
        self.broker.end_turn(&mut turn);
        self.run();
    }

    /// Waits until the broker's own threads have done something, or for so long: then false.
    pub fn wait(&self, at_most: Duration) -> bool {
        let rang = self.bell.recv_timeout(at_most).is_ok();
        while self.bell.try_recv().is_ok() {}
        rang
    }

    /// Who waits for the disk, and for which entry.
    pub fn waiting(&self) -> Vec<(usize, Lsn)> {
        let waits = |peer: &Peer| {
            let session = peer.session.as_ref().and_then(|session| session.waits_for());
            session.max(peer.out.held_until())
        };
        self.all.iter().enumerate().filter_map(|(at, peer)| Some((at, waits(peer)?))).collect()
    }

    /// Tells those what is durable.
    pub fn tell_durable(&mut self, waiting: &[(usize, Lsn)]) {
        for (at, _) in waiting {
            let durable = self.broker.durable();
            self.all[*at].out.release(durable);
            self.call(*at, |session, cx| session.on_event(Event::Durable(durable), cx));
            self.call(*at, |session, cx| session.on_batch_end(cx));
        }
    }

    /// Waits until nobody waits for the disk any more.
    pub fn sync(&mut self) {
        loop {
            self.run();
            let (waiting, durable) = (self.waiting(), self.broker.durable());
            if waiting.is_empty() {
                return;
            }
            if waiting.iter().all(|(_, lsn)| *lsn > durable) {
                assert!(self.wait(PATIENCE), "the log does not sync");
            }
            self.tell_durable(&waiting);
        }
    }
}
