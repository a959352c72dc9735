//! The transcript test kit: runs the sessions of a door from a script, without sockets, clocks or threads of its own.
//!
//! ```text
//! # comment              nothing
//! [b]                    what follows is about session `b`; a session opens when it is first named (`a` at the start)
//! > "AMQP" 00 00 09 01   these bytes come in
//! < 01 0000 ?? "text"    exactly these bytes have gone out since the last look; `??` is any one byte
//! < *                    whatever has gone out
//! < nothing              nothing has gone out
//! @ +500ms               time passes; ticks and the broker's deadlines fire at their instants
//! !durable               the log syncs; sessions that wait are told and held lanes released
//! !pressure disk         an event: `pressure none|disk|memory`, `stop`, `kick reason`
//! !close peer            the connection ends: `peer`, `reset`, `unread` or `us`
//! !closing               the session has asked to be closed; it is, once everything is written
//! !paused / !reading     whether the session holds back its input
//! ```
//! Consecutive lines of one direction are one piece of bytes. Texts know `\r \n \t \0 \\ \" \xHH`. Whatever the broker
//! posts to the sessions is delivered before the next line runs.

mod script;

use crate::{Cause, ConnInfo, Context, Door, Outbox, Session};
use core::net::{Ipv4Addr, SocketAddr};
use narumq_broker::{Broker, Event, Pressure, Turn};
use narumq_model::{SessionId, Time};
use script::{Expected, Step};
use std::sync::Arc;

/// Runs one script against `door`. `sync` brings the log to the disk (`!durable` calls it); `start` is the broker time at
/// the first line. An error names the line and what was seen there.
pub fn run(door: &dyn Door, broker: &Broker, start: Time, sync: &mut dyn FnMut(), script: &str) -> Result<(), String> {
    let mut stage = Stage { door, broker, now: start, actors: Vec::new(), current: 0 };
    stage.enter("a");
    let steps = script::parse(script)?;
    for (line, step) in &steps {
        stage.play(step, sync).map_err(|error| format!("line {line}, session {}: {error}", stage.actor().name))?;
    }
    for at in 0..stage.actors.len() {
        stage.current = at;
        stage
            .expect(&Expected::Bytes(Vec::new()))
            .map_err(|e| format!("at the end, session {}: {e}", stage.actor().name))?;
    }
    Ok(())
}

struct Actor {
    name: String,
    id: SessionId,
    session: Option<Box<dyn Session>>,
    out: Outbox,
    input: Vec<u8>,
    needed: usize,
    seen: Vec<u8>,
}

struct Stage<'a> {
    door: &'a dyn Door,
    broker: &'a Broker,
    now: Time,
    actors: Vec<Actor>,
    current: usize,
}

impl Stage<'_> {
    fn actor(&mut self) -> &mut Actor {
        &mut self.actors[self.current]
    }

    fn enter(&mut self, name: &str) {
        if let Some(at) = self.actors.iter().position(|actor| actor.name == name) {
            self.current = at;
            return;
        }
        self.current = self.actors.len();
        let id = SessionId { worker: 0, index: self.current as u32, generation: 1 };
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000 + self.current as u16));
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 5000));
        let info = ConnInfo { id, peer, local, tls: false, seed: self.current as u128 + 1, traffic: Arc::default() };
        let session = Some(self.door.open(info, self.now));
        let (out, input, seen) = (Outbox::default(), Vec::new(), Vec::new());
        self.actors.push(Actor { name: name.to_owned(), id, session, out, input, needed: 0, seen });
    }

    fn play(&mut self, step: &Step, sync: &mut dyn FnMut()) -> Result<(), String> {
        match step {
            Step::Enter(name) => self.enter(name),
            Step::Send(bytes) => {
                let actor = self.actor();
                if actor.session.is_none() {
                    return Err("is closed".into());
                }
                actor.input.extend_from_slice(bytes);
                self.feed(self.current);
            }
            Step::Expect(expected) => return self.expect(expected),
            Step::Pass(millis) => self.pass(self.now.plus(*millis))?,
            Step::Durable => {
                sync();
                (0..self.actors.len()).for_each(|at| self.release(at));
            }
            Step::Pressure { disk, memory } => {
                self.event(self.current, vec![Event::Pressure(Pressure { memory: *memory, disk: *disk })]);
            }
            Step::Stop => self.event(self.current, vec![Event::Stop]),
            Step::Kick(reason) => self.event(self.current, vec![Event::Kick(reason.clone())]),
            Step::Close(cause) => self.close(self.current, *cause),
            Step::Closing if !self.actor().out.is_closing() => return Err("has not asked to be closed".into()),
            Step::Paused(wanted) => {
                let paused = self.actor().session.as_ref().is_some_and(|session| session.paused());
                if paused != *wanted {
                    return Err(format!("paused is {paused}"));
                }
            }
            Step::Closing => {}
        }
        self.settle();
        Ok(())
    }

    /// One call of a session within a turn of its own.
    fn call(&mut self, at: usize, verb: impl FnOnce(&mut dyn Session, &mut Context<'_>)) {
        let mut turn = Turn::new(self.now, Some(0));
        let actor = &mut self.actors[at];
        if let Some(session) = actor.session.as_deref_mut() {
            verb(session, &mut Context { broker: self.broker, turn: &mut turn, out: &mut actor.out });
        }
        self.broker.end_turn(&mut turn);
    }

    /// Hands over unconsumed input as long as the session takes any.
    fn feed(&mut self, at: usize) {
        loop {
            let actor = &mut self.actors[at];
            let paused = actor.session.as_ref().is_none_or(|session| session.paused());
            if paused || actor.input.is_empty() || actor.input.len() < actor.needed || actor.out.is_closing() {
                return;
            }
            let input = std::mem::take(&mut actor.input);
            let mut flow = None;
            self.call(at, |session, cx| flow = Some(session.on_bytes(&input, cx)));
            let Some(flow) = flow else { return };
            let actor = &mut self.actors[at];
            actor.input = input[flow.consumed..].to_vec();
            actor.needed = flow.needed;
            if flow.consumed == 0 {
                return;
            }
        }
    }

    fn event(&mut self, at: usize, events: Vec<Event>) {
        for event in events {
            self.call(at, |session, cx| session.on_event(event, cx));
        }
        self.call(at, |session, cx| session.on_batch_end(cx));
    }

    /// Delivers what the broker posted until nothing is left, lets writes succeed, and feeds who reads again.
    fn settle(&mut self) {
        loop {
            let mut quiet = true;
            for worker in 0..self.broker.mailboxes().workers() {
                let mut posted = Vec::new();
                self.broker.mailboxes().take(worker, &mut posted);
                for at in 0..self.actors.len() {
                    let id = self.actors[at].id;
                    let mine: Vec<_> = posted.extract_if(.., |(to, _)| *to == id).map(|(_, event)| event).collect();
                    if !mine.is_empty() {
                        quiet = false;
                        self.event(at, mine);
                    }
                }
            }
            for at in 0..self.actors.len() {
                quiet &= !self.write(at);
                self.feed(at);
                self.finish(at);
            }
            if quiet {
                return;
            }
        }
    }

    /// Moves ready output to what was seen, as a socket that takes everything would; says whether there was any.
    fn write(&mut self, at: usize) -> bool {
        let actor = &mut self.actors[at];
        let ready = actor.out.ready_len();
        if ready == 0 {
            return false;
        }
        let Actor { out, seen, .. } = actor;
        out.chunks().for_each(|chunk| seen.extend_from_slice(chunk));
        out.advance(ready);
        self.call(at, |session, cx| session.on_writable(cx));
        true
    }

    /// A session that wants to be closed and has nothing left to write is closed.
    fn finish(&mut self, at: usize) {
        let actor = &self.actors[at];
        if actor.out.is_closing() && actor.out.is_empty() && actor.session.is_some() {
            self.close(at, Cause::ClosedByUs);
        }
    }

    fn release(&mut self, at: usize) {
        let durable = self.broker.durable();
        let actor = &mut self.actors[at];
        let waits = actor.session.as_ref().is_some_and(|session| session.waits_for().is_some());
        if waits || actor.out.held_until().is_some() {
            actor.out.release(durable);
            self.event(at, vec![Event::Durable(durable)]);
        }
    }

    fn pass(&mut self, until: Time) -> Result<(), String> {
        let mut fired = None;
        loop {
            let tick = |actor: &Actor| actor.session.as_ref().and_then(|session| session.next_tick());
            let ticks = self.actors.iter().enumerate().filter_map(|(at, actor)| Some((tick(actor)?, Some(at))));
            let deadline = self.broker.next_deadline().map(|time| (time, None));
            let Some((time, who)) = ticks.chain(deadline).min_by_key(|(time, _)| *time) else { break };
            // What fired and still wants an instant of the past would fire for ever.
            if fired == Some((time, who)) {
                return Err(format!("on_tick leaves next_tick at {time}, which has passed"));
            }
            if time > until {
                break;
            }
            fired = Some((time, who));
            self.now = self.now.max(time);
            match who {
                Some(at) => self.call(at, |session, cx| session.on_tick(cx)),
                None => {
                    let mut turn = Turn::new(self.now, Some(0));
                    self.broker.advance(&mut turn);
                    self.broker.end_turn(&mut turn);
                }
            }
            self.settle();
        }
        self.now = until;
        Ok(())
    }

    fn close(&mut self, at: usize, cause: Cause) {
        self.call(at, |session, cx| session.on_close(cause, cx));
        self.actors[at].session = None;
    }

    fn expect(&mut self, expected: &Expected) -> Result<(), String> {
        let seen = std::mem::take(&mut self.actor().seen);
        expected.compare(&seen)
    }
}

#[cfg(test)]
mod tests;
