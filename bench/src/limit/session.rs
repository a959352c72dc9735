//! One connection of the least server: canned answers, and publishes turned into delivers.

use std::collections::HashMap;
use std::io::Read;
use std::net::TcpStream;
use std::sync::Arc;

use crate::encode::{self, id};
use crate::error::{Error, Result};
use crate::frame::{self, Fields, Frame};
use crate::limit::disk::{Disk, confirm};
use crate::limit::greeting;
use crate::limit::queues::{Outlet, Queue, Queues, Target};

const LARGEST: usize = 131_072;
const FIRST_BUFFER: usize = 4096;
const READ_BUFFER: usize = 512 * 1024;
const LONGEST_MESSAGE: usize = 128 << 20;

/// One client's connection.
pub(crate) struct Session {
    stream: TcpStream,
    outlet: Arc<Outlet>,
    queues: Arc<Queues>,
    disk: Arc<Disk>,
    buffer: Vec<u8>,
    filled: usize,
    greeted: bool,
    publishing: Publishing,
}

/// The publishing side: routes seen before, and what the current read makes of them.
#[derive(Default)]
struct Publishing {
    generation: u64,
    routes: HashMap<Vec<u8>, usize>,
    found: Vec<Route>,
    last: (Vec<u8>, usize),
    /// Frames for each consumer connection, in the order of their first use.
    staged: Vec<(Arc<Outlet>, Vec<u8>)>,
    confirms: bool,
    published: u64,
    /// Publishes whose confirm is sent or on its way.
    answered: u64,
    bodies: Vec<u8>,
    answer: Vec<u8>,
}

/// Where one exchange and key lead.
struct Route {
    ends: Vec<End>,
    turn: usize,
}

/// One queue of a route, and its consumers with the slot of each in the staged frames.
struct End {
    queue: Arc<Queue>,
    targets: Vec<(Target, usize)>,
}

impl Session {
    /// A session on a fresh connection.
    pub(crate) fn new(stream: TcpStream, queues: Arc<Queues>, disk: Arc<Disk>) -> Result<Session> {
        stream.set_nodelay(true)?;
        let outlet = Outlet::new(stream.try_clone()?);
        let (buffer, publishing) = (vec![0; FIRST_BUFFER], Publishing::default());
        Ok(Session { stream, outlet, queues, disk, buffer, filled: 0, greeted: false, publishing })
    }

    /// Serves until the client leaves.
    pub(crate) fn run(mut self) -> Result<()> {
        loop {
            if self.filled == self.buffer.len() {
                if self.filled >= LONGEST_MESSAGE {
                    return Err(Error::new("a message is too long"));
                }
                self.buffer.resize(self.filled * 2, 0);
            }
            let read = self.stream.read(&mut self.buffer[self.filled..])?;
            if read == 0 {
                return Ok(());
            }
            self.filled += read;
            let full = self.filled == self.buffer.len();
            let used = self.walk()?;
            self.publishing.flush(&self.outlet, &self.disk);
            self.buffer.copy_within(used..self.filled, 0);
            self.filled -= used;
            if full && self.buffer.len() < READ_BUFFER {
                self.buffer.resize(self.buffer.len() * 4, 0);
            }
        }
    }

    /// Takes every whole message and method; returns how many octets they were.
    fn walk(&mut self) -> Result<usize> {
        let mut used = 0;
        let buffer = std::mem::take(&mut self.buffer);
        let bytes = &buffer[..self.filled];
        if !self.greeted && bytes.len() >= 8 {
            self.greeted = true;
            used = 8;
            self.outlet.write(&greeting());
        }
        self.publishing.refresh(&self.queues);
        while self.greeted {
            let Some((frame, length)) = frame::split(&bytes[used..], LARGEST)? else { break };
            if frame.method() == id::BASIC_PUBLISH {
                let content = &bytes[used + length..];
                let Some(content_length) = content_length(content)? else { break };
                self.publishing.take(&frame, &content[..content_length], &self.queues)?;
                used += length + content_length;
            } else {
                used += length;
                self.answer(&frame)?;
                self.publishing.refresh(&self.queues);
            }
        }
        self.buffer = buffer;
        Ok(used)
    }

    /// Answers a method that is no publish.
    fn answer(&mut self, frame: &Frame<'_>) -> Result<()> {
        let mut fields = Fields(frame.payload.get(4..).unwrap_or_default());
        let mut out = Vec::new();
        let mut reply = |id, arguments: &[u8]| {
            encode::method(&mut out, frame.channel, id, |payload| payload.extend_from_slice(arguments));
        };
        match frame.method() {
            id::CONNECTION_START_OK => reply(id::CONNECTION_TUNE, &[7, 255, 0, 2, 0, 0, 0, 0]),
            id::CONNECTION_OPEN => reply(id::CONNECTION_OPEN_OK, &[0]),
            id::CHANNEL_OPEN => reply(id::CHANNEL_OPEN_OK, &[0; 4]),
            id::BASIC_QOS => reply(id::BASIC_QOS_OK, &[]),
            id::EXCHANGE_DECLARE => reply(id::EXCHANGE_DECLARE_OK, &[]),
            id::CONFIRM_SELECT => {
                self.publishing.confirms = true;
                reply(id::CONFIRM_SELECT_OK, &[]);
            }
            id::QUEUE_DECLARE => {
                fields.u16()?;
                let name = fields.short_string()?;
                let ready = self.queues.declare(&name);
                let mut arguments = Vec::new();
                encode::short_string(&mut arguments, &name);
                arguments.extend(ready.to_be_bytes());
                arguments.extend([0; 4]);
                reply(id::QUEUE_DECLARE_OK, &arguments);
            }
            id::QUEUE_BIND => {
                fields.u16()?;
                let queue = fields.short_string()?;
                self.queues.bind(&fields.short_string()?, &queue);
                reply(id::QUEUE_BIND_OK, &[]);
            }
            id::QUEUE_DELETE | id::EXCHANGE_DELETE => {
                fields.u16()?;
                self.queues.delete(&fields.short_string()?);
                let queue = frame.method() == id::QUEUE_DELETE;
                reply(frame.method() + 1, if queue { &[0; 4] } else { &[] });
            }
            id::BASIC_CONSUME => {
                fields.u16()?;
                let (queue, tag) = (fields.short_string()?, fields.short_string()?);
                let mut arguments = Vec::new();
                encode::short_string(&mut arguments, &tag);
                reply(id::BASIC_CONSUME_OK, &arguments);
                let answer = std::mem::take(&mut out);
                if !self.queues.consume(&queue, &self.outlet, &tag, &answer) {
                    return Err(Error::new("no such queue"));
                }
            }
            id::CONNECTION_CLOSE => reply(id::CONNECTION_CLOSE_OK, &[]),
            id::CONNECTION_TUNE_OK | id::BASIC_ACK | 0 => {}
            other => return Err(Error::new(format!("method {other:#x} is not served"))),
        }
        self.outlet.write(&out);
        Ok(())
    }
}

impl Publishing {
    /// Forgets the routes if queues, bindings or consumers have changed.
    fn refresh(&mut self, queues: &Queues) {
        let generation = queues.generation();
        if generation != self.generation {
            self.generation = generation;
            self.routes.clear();
            self.found.clear();
            self.last = (Vec::new(), usize::MAX);
        }
    }

    /// Delivers one publish to the staged frames of its consumers.
    #[inline]
    fn take(&mut self, publish: &Frame<'_>, content: &[u8], queues: &Queues) -> Result<()> {
        self.published += 1;
        if self.last.1 == usize::MAX || self.last.0 != publish.payload {
            let index = match self.routes.get(publish.payload) {
                Some(index) => *index,
                None => self.find(publish, queues)?,
            };
            self.last.0.clear();
            self.last.0.extend_from_slice(publish.payload);
            self.last.1 = index;
        }
        let route = &mut self.found[self.last.1];
        route.turn = route.turn.wrapping_add(1);
        for End { queue, targets } in &route.ends {
            match targets.get(route.turn % targets.len().max(1)) {
                Some((target, slot)) => target.deliver(&mut self.staged[*slot].1, content),
                None => queue.hold(content),
            }
        }
        if content.get(19..22) == Some(&[0x10, 0, 2]) {
            // Past the header frame: what a log would keep.
            self.bodies.extend_from_slice(&content[23..]);
        }
        Ok(())
    }

    /// Looks a route up for the first time.
    fn find(&mut self, publish: &Frame<'_>, queues: &Queues) -> Result<usize> {
        let mut fields = Fields(&publish.payload[4..]);
        fields.u16()?;
        let (exchange, key) = (fields.short_string()?, fields.short_string()?);
        let mut route = Route { ends: Vec::new(), turn: 0 };
        for queue in queues.route(&exchange, &key) {
            let targets = queue.targets(&exchange, &key);
            let slots = targets.into_iter().map(|target| {
                let slot = self.slot(&target.outlet);
                (target, slot)
            });
            let targets = slots.collect();
            route.ends.push(End { queue, targets });
        }
        self.found.push(route);
        self.routes.insert(publish.payload.to_vec(), self.found.len() - 1);
        Ok(self.found.len() - 1)
    }

    fn slot(&mut self, outlet: &Arc<Outlet>) -> usize {
        let known = self.staged.iter().position(|(known, _)| Arc::ptr_eq(known, outlet));
        known.unwrap_or_else(|| {
            self.staged.push((Arc::clone(outlet), Vec::new()));
            self.staged.len() - 1
        })
    }

    /// Writes what one read made, and confirms it or hands it to the disk.
    fn flush(&mut self, outlet: &Arc<Outlet>, disk: &Disk) {
        let confirms = self.confirms && self.published > self.answered;
        self.answered = self.published;
        if !self.bodies.is_empty() {
            disk.append(&self.bodies, confirms.then(|| (Arc::clone(outlet), self.published)));
            self.bodies.clear();
        } else if confirms {
            confirm(&mut self.answer, outlet, self.published);
        }
        for (outlet, frames) in &mut self.staged {
            if !frames.is_empty() {
                outlet.write(frames);
                frames.clear();
            }
        }
    }
}

/// The octets of a content header and its body frames; `None` while they are not all there.
#[inline]
fn content_length(bytes: &[u8]) -> Result<Option<usize>> {
    let Some((header, mut used)) = frame::split(bytes, LARGEST)? else { return Ok(None) };
    let mut fields = Fields(header.payload);
    fields.take(4)?;
    let mut left = fields.u64()?;
    while left > 0 {
        let Some((body, length)) = frame::split(&bytes[used..], LARGEST)? else { return Ok(None) };
        if body.kind != frame::BODY {
            return Err(Error::new("a body frame was due"));
        }
        left = left.saturating_sub(body.payload.len() as u64);
        used += length;
    }
    Ok(Some(used))
}
