//! The door of one-line commands, and what its sessions tell the test beside their sockets.

use super::durable_write;
use narumq_door::{Cause, ConnInfo, Context, Door, Event, Flow, Session};
use narumq_model::{Lsn, SessionId, Time};
use std::sync::Mutex;
use std::sync::mpsc::Sender;

/// What a session says to the test beside its socket.
#[derive(Debug, PartialEq)]
pub(crate) enum Note {
    Opened(SessionId),
    Closed(SessionId, Cause),
    /// `on_bytes` was called with this many bytes.
    Shown(usize),
    Writable,
    BatchEnd,
    Paused,
}

pub(super) struct CommandDoor(pub(super) Mutex<Sender<Note>>);

impl Door for CommandDoor {
    fn name(&self) -> &'static str {
        "command"
    }

    fn open(&self, info: ConnInfo, now: Time) -> Box<dyn Session> {
        let notes = self.0.lock().unwrap().clone();
        notes.send(Note::Opened(info.id)).unwrap();
        Box::new(Command { info, opened: now, notes, paused: false, tick: None, waits_for: None })
    }
}

struct Command {
    info: ConnInfo,
    opened: Time,
    notes: Sender<Note>,
    paused: bool,
    tick: Option<Time>,
    waits_for: Option<Lsn>,
}

impl Command {
    fn note(&self, note: Note) {
        let _ = self.notes.send(note);
    }

    /// One command; `rest` is what lies behind its line. Returns how much of `rest` it took, or how much it needs.
    fn run(&mut self, line: &str, rest: &[u8], cx: &mut Context<'_>) -> Result<usize, usize> {
        let (verb, text) = line.split_once(' ').unwrap_or((line, ""));
        let number = || text.parse::<u64>().unwrap();
        match verb {
            "echo" => cx.out.main().extend_from_slice(format!("{text}\n").as_bytes()),
            "seed" => cx.out.main().extend_from_slice(format!("{}\n", self.info.seed).as_bytes()),
            "traffic" => {
                let line = format!("{} {}\n", self.info.traffic.received(), self.info.traffic.sent());
                cx.out.main().extend_from_slice(line.as_bytes());
            }
            "big" => cx.out.push_shared(vec![b'x'; number() as usize].into()),
            "pieces" => (0..number()).for_each(|n| cx.out.push_shared(format!("{n}\n").into_bytes().into())),
            "pause" => {
                self.paused = true;
                self.note(Note::Paused);
            }
            "tick" => self.tick = Some(cx.turn.now.plus(number())),
            "bye" => {
                cx.out.main().extend_from_slice(b"bye\n");
                cx.out.close();
            }
            "hold" => {
                let lsn = durable_write(cx.broker);
                cx.out.hold_until(1, lsn);
                cx.out.lane(1).extend_from_slice(format!("{text}\n").as_bytes());
            }
            "late" => {
                // Something that is durable already: no sync will ever come for it.
                cx.out.hold_until(1, cx.broker.durable());
                cx.out.lane(1).extend_from_slice(b"late\n");
            }
            "confirm" => self.waits_for = Some(durable_write(cx.broker)),
            "post" => {
                let mut parts = text.splitn(4, ' ');
                let mut part = || parts.next().unwrap();
                let (worker, index, generation) = (part(), part(), part());
                let (worker, index) = (worker.parse().unwrap(), index.parse().unwrap());
                let to = SessionId { worker, index, generation: generation.parse().unwrap() };
                cx.broker.mailboxes().post(to, Event::Kick(part().into()), cx.turn);
            }
            "need" => {
                let needed = number() as usize;
                if rest.len() < needed {
                    return Err(needed);
                }
                let sum: u64 = rest[..needed].iter().map(|&b| u64::from(b)).sum();
                cx.out.main().extend_from_slice(format!("{sum}\n").as_bytes());
                return Ok(needed);
            }
            other => panic!("no such command: {other:?}"),
        }
        Ok(0)
    }
}

impl Session for Command {
    fn on_bytes(&mut self, input: &[u8], cx: &mut Context<'_>) -> Flow {
        self.note(Note::Shown(input.len()));
        let mut at = 0;
        while !self.paused {
            let Some(end) = input[at..].iter().position(|&b| b == b'\n') else { break };
            let line = std::str::from_utf8(&input[at..at + end]).unwrap();
            let body = at + end + 1;
            match self.run(line, &input[body..], cx) {
                Ok(taken) => at = body + taken,
                Err(needed) => return Flow { consumed: at, needed: end + 1 + needed },
            }
        }
        Flow { consumed: at, needed: 0 }
    }

    fn on_event(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Kick(text) if text == "resume" => self.paused = false,
            Event::Kick(text) => cx.out.main().extend_from_slice(format!("event {text}\n").as_bytes()),
            Event::Durable(lsn) if self.waits_for.is_some_and(|w| w <= lsn) => {
                self.waits_for = None;
                cx.out.main().extend_from_slice(b"confirmed\n");
            }
            Event::Stop => {
                cx.out.main().extend_from_slice(b"stop\n");
                cx.out.close();
            }
            _ => {}
        }
    }

    fn on_batch_end(&mut self, _: &mut Context<'_>) {
        self.note(Note::BatchEnd);
    }

    fn on_writable(&mut self, _: &mut Context<'_>) {
        self.note(Note::Writable);
    }

    fn on_tick(&mut self, cx: &mut Context<'_>) {
        let late = cx.turn.now.since(self.tick.take().unwrap());
        let age = cx.turn.now.since(self.opened);
        cx.out.main().extend_from_slice(format!("tick {}\n", late < 1000 && age < 20_000).as_bytes());
    }

    fn next_tick(&self) -> Option<Time> {
        self.tick
    }

    fn paused(&self) -> bool {
        self.paused
    }

    fn waits_for(&self) -> Option<Lsn> {
        self.waits_for
    }

    fn on_close(&mut self, cause: Cause, _: &mut Context<'_>) {
        self.note(Note::Closed(self.info.id, cause));
    }
}
