//! One connection: requests in, answers out in their order, at most one of them waiting for messages to be read back.

use crate::Shared;
use crate::auth;
use crate::commands::{self, Answer, Call, Outcome};
use crate::error::Problem;
use crate::limits::{ANONYMOUS_BODY_BYTES_MAX, IDLE_MS, REQUEST, REQUEST_MS};
use crate::waiting::Waiting;
use narumq_broker::{Event, User};
use narumq_door::http::{self, Parsed, Request, RequestError, RequestParser, Response, query_pairs};
use narumq_door::{Cause, ConnInfo, Context, Flow, Session};
use narumq_model::{Lsn, SessionId, Time};
use std::sync::Arc;

/// All answers of a connection are one lane: they leave in the order of their requests.
const LANE: u32 = 0;

/// How the answer to a request is to be written.
#[derive(Clone, Copy)]
struct Manner {
    head_only: bool,
    keep_alive: bool,
    minor: u8,
}

impl Manner {
    fn of(request: &Request<'_>) -> Self {
        Self { head_only: request.method == "HEAD", keep_alive: request.keep_alive, minor: request.minor }
    }

    /// For bytes that are no request: the connection ends.
    const MALFORMED: Self = Self { head_only: false, keep_alive: false, minor: 1 };
}

pub(crate) struct AdminSession {
    shared: Arc<Shared>,
    id: SessionId,
    /// 128 bits that no one can guess, and how often they were used.
    seed: (u128, u64),
    loopback: bool,
    parser: RequestParser,
    /// The login of the unfinished request has been checked.
    admitted: bool,
    parked: Option<(Box<dyn Waiting>, Manner)>,
    /// When waiting ends: for a request, for its rest, or for what it asked for.
    deadline: Time,
    /// Bytes of an unfinished request lie in the input.
    unfinished: bool,
}

impl AdminSession {
    pub(crate) fn new(shared: Arc<Shared>, info: &ConnInfo, now: Time) -> Self {
        Self {
            shared,
            id: info.id,
            seed: (info.seed, 0),
            loopback: info.peer.ip().is_loopback(),
            parser: RequestParser::default(),
            admitted: false,
            parked: None,
            deadline: now.plus(IDLE_MS),
            unfinished: false,
        }
    }

    /// Answers a whole request, or parks it.
    fn serve(&mut self, request: &Request<'_>, cx: &mut Context<'_>) {
        let manner = Manner::of(request);
        match self.outcome(request, cx) {
            Ok(Outcome::Answer(answer)) => write_answer(&answer, manner, cx),
            Ok(Outcome::Wait(waiting)) => {
                self.deadline = cx.turn.now.plus(waiting.patience_ms());
                self.parked = Some((waiting, manner));
                self.resume(cx);
            }
            Err(problem) => write_problem(&problem, manner, cx),
        }
    }

    fn outcome(&mut self, request: &Request<'_>, cx: &mut Context<'_>) -> Result<Outcome, Problem> {
        let path = http::segments(request.path)?;
        let path: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
        if let Some(answer) = commands::health::anonymous(&path, request.method, &self.shared, cx)? {
            return Ok(Outcome::Answer(answer));
        }
        let user = self.authenticate(request, cx)?;
        let query = query_pairs(request.query.unwrap_or(""))?;
        self.seed.1 += 1;
        let unique = unique(self.seed);
        let (shared, session) = (&*self.shared, self.id);
        commands::run(&path, &mut Call { shared, user: &user, request, query, session, unique, cx })
    }

    fn authenticate(&self, request: &Request<'_>, cx: &Context<'_>) -> Result<User, Problem> {
        auth::authenticate(request, cx.broker, self.loopback)
    }

    /// Goes on with a parked request.
    fn resume(&mut self, cx: &mut Context<'_>) {
        let Some((mut waiting, manner)) = self.parked.take() else { return };
        let outcome = match waiting.advance(&self.shared, self.id, cx) {
            Ok(None) => return self.parked = Some((waiting, manner)),
            Ok(Some(answer)) => Ok(answer),
            Err(problem) => Err(problem),
        };
        self.end_waiting(outcome, waiting, manner, cx);
    }

    /// A parked request has its answer.
    fn end_waiting(
        &mut self,
        outcome: Result<Answer, Problem>,
        mut waiting: Box<dyn Waiting>,
        manner: Manner,
        cx: &mut Context<'_>,
    ) {
        waiting.give_back(self.id, cx);
        match outcome {
            Ok(answer) => write_answer(&answer, manner, cx),
            Err(problem) => write_problem(&problem, manner, cx),
        }
        self.deadline = cx.turn.now.plus(IDLE_MS);
    }

    /// Before an unfinished request may bring a large body, its login is checked.
    fn admit(&mut self, input: &[u8], needed: usize, cx: &mut Context<'_>) -> Result<(), Problem> {
        if self.admitted || needed.max(input.len()) <= ANONYMOUS_BODY_BYTES_MAX {
            return Ok(());
        }
        if let Some(head) = RequestParser::peek(input, &REQUEST)? {
            self.authenticate(&head, cx)?;
            self.admitted = true;
        }
        Ok(())
    }

    /// The part of the input from `consumed` on is not a whole request: how many bytes it wants, or why it ends here.
    fn wait(&mut self, rest: &[u8], parsed: (usize, bool), cx: &mut Context<'_>) -> Result<usize, Problem> {
        let (needed, send_continue) = parsed;
        self.admit(rest, needed, cx)?;
        if send_continue {
            cx.out.lane(LANE).extend_from_slice(http::CONTINUE);
        }
        if !rest.is_empty() && !self.unfinished {
            self.unfinished = true;
            self.deadline = cx.turn.now.plus(REQUEST_MS);
        }
        Ok(needed)
    }
}

impl Session for AdminSession {
    fn on_bytes(&mut self, input: &[u8], cx: &mut Context<'_>) -> Flow {
        let mut consumed = 0;
        while self.parked.is_none() && !cx.out.is_closing() {
            let rest = &input[consumed..];
            let outcome = match self.parser.parse(rest, &REQUEST) {
                Ok(Parsed::Complete { request, consumed: length }) => {
                    consumed += length;
                    (self.admitted, self.unfinished) = (false, false);
                    self.deadline = cx.turn.now.plus(IDLE_MS);
                    self.serve(&request, cx);
                    continue;
                }
                Ok(Parsed::NeedMore { needed, send_continue }) => self.wait(rest, (needed, send_continue), cx),
                Err(error) => Err(error.into()),
            };
            match outcome {
                Ok(needed) => return Flow { consumed, needed },
                Err(problem) => write_problem(&problem, Manner::MALFORMED, cx),
            }
        }
        let consumed = if cx.out.is_closing() { input.len() } else { consumed };
        Flow { consumed, needed: 0 }
    }

    fn on_event(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Ready { .. } | Event::Durable(_) => self.resume(cx),
            Event::Stop | Event::Kick(_) => {
                if let Some((waiting, manner)) = self.parked.take() {
                    self.end_waiting(Err(Problem::Unavailable("stopping".into())), waiting, manner, cx);
                }
                cx.out.close();
            }
            _ => {}
        }
    }

    fn on_writable(&mut self, _cx: &mut Context<'_>) {}

    fn on_tick(&mut self, cx: &mut Context<'_>) {
        if cx.turn.now < self.deadline {
            return;
        }
        if let Some((mut waiting, manner)) = self.parked.take() {
            let outcome = waiting.late();
            self.end_waiting(outcome, waiting, manner, cx);
        } else if cx.out.is_held(LANE) {
            self.deadline = cx.turn.now.plus(IDLE_MS);
        } else {
            if self.unfinished {
                write_problem(&RequestError::Timeout.into(), Manner::MALFORMED, cx);
            }
            cx.out.close();
            self.deadline = Time::NEVER;
        }
    }

    fn next_tick(&self) -> Option<Time> {
        (self.deadline < Time::NEVER).then_some(self.deadline)
    }

    fn paused(&self) -> bool {
        self.parked.is_some()
    }

    fn waits_for(&self) -> Option<Lsn> {
        self.parked.as_ref().and_then(|(waiting, _)| waiting.waits_for())
    }

    fn on_close(&mut self, _cause: Cause, cx: &mut Context<'_>) {
        if let Some((mut waiting, _)) = self.parked.take() {
            waiting.give_back(self.id, cx);
        }
        cx.broker.close_session(self.id, cx.turn);
    }
}

/// 128 bits, other ones each time.
fn unique((seed, used): (u128, u64)) -> u128 {
    // An odd factor: no two numbers of a connection are the same.
    (seed ^ u128::from(used)).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
}

fn write_answer(answer: &Answer, manner: Manner, cx: &mut Context<'_>) {
    if answer.wait > cx.broker.durable() {
        cx.turn.want_sync(answer.wait);
        cx.out.hold_until(LANE, answer.wait);
    }
    let mut response = Response::start(cx.out.lane(LANE), answer.status).date(cx.turn.now);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    if let Some(content_type) = answer.content_type {
        response = response.header("cache-control", "no-cache").header("content-type", content_type);
    }
    response = match (manner.keep_alive, manner.minor) {
        (false, _) => response.close(),
        (true, 0) => response.keep_alive(),
        (true, _) => response,
    };
    response.body(&answer.body, manner.head_only);
    if !manner.keep_alive {
        cx.out.close();
    }
}

fn write_problem(problem: &Problem, manner: Manner, cx: &mut Context<'_>) {
    let (status, body) = problem.answer();
    let mut answer = match body {
        Some(body) => Answer::json(&body),
        None => Answer::empty(status),
    };
    answer.status = status;
    match problem {
        Problem::LoginMissing | Problem::LoginFailed => {
            answer.headers.push(("www-authenticate", "Basic realm=\"NaruMQ Management\", charset=\"UTF-8\"".into()));
        }
        Problem::Method(allowed) => answer.headers.push(("allow", allowed.join(", "))),
        _ => {}
    }
    write_answer(&answer, manner, cx);
}
