//! A door of its own, run by scripts: echo, held answers, ticks, events to other sessions.

use super::run;
use crate::{Cause, ConnInfo, Context, Door, Flow, Session};
use narumq_broker::{Broker, Event, LogOptions, QueueSpec, Turn};
use narumq_model::{Lsn, SessionId, Time};
use std::sync::atomic::{AtomicU64, Ordering};

/// Lines in, answers out: `echo x`, `held x` (after the next sync), `later` (in 1 s), `tell n` (session n), `wait`, `bye`.
struct Lines {
    lsn: AtomicU64,
}

struct LinesSession {
    id: SessionId,
    lsn: u64,
    tick: Option<Time>,
    waiting: bool,
}

impl Door for Lines {
    fn name(&self) -> &'static str {
        "lines"
    }

    fn open(&self, info: ConnInfo, _now: Time) -> Box<dyn Session> {
        let lsn = self.lsn.load(Ordering::Relaxed);
        Box::new(LinesSession { id: info.id, lsn, tick: None, waiting: false })
    }
}

impl LinesSession {
    fn line(&mut self, line: &str, cx: &mut Context<'_>) {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("echo", text) => cx.out.lane(0).extend_from_slice(text.as_bytes()),
            ("held", text) => {
                cx.out.hold_until(0, Lsn(self.lsn));
                cx.out.lane(0).extend_from_slice(text.as_bytes());
            }
            ("later", _) => self.tick = Some(cx.turn.now.plus(1000)),
            ("tell", index) => {
                let to = SessionId { index: index.parse().expect("a number"), ..self.id };
                cx.broker.mailboxes().post(to, Event::Kick("told".into()), cx.turn);
            }
            ("wait", _) => self.waiting = true,
            ("bye", _) => cx.out.close(),
            other => panic!("{other:?}"),
        }
    }
}

impl Session for LinesSession {
    fn on_bytes(&mut self, input: &[u8], cx: &mut Context<'_>) -> Flow {
        let mut consumed = 0;
        while let (false, Some(len)) = (self.waiting, input[consumed..].iter().position(|&b| b == b'\n')) {
            let line = std::str::from_utf8(&input[consumed..consumed + len]).expect("text");
            self.line(line, cx);
            consumed += len + 1;
        }
        Flow { consumed, needed: 0 }
    }

    fn on_event(&mut self, event: Event, cx: &mut Context<'_>) {
        match event {
            Event::Kick(reason) => cx.out.lane(0).extend_from_slice(reason.as_bytes()),
            Event::Durable(_) => cx.out.lane(0).push(b'D'),
            Event::Pressure(pressure) => {
                self.waiting = pressure.blocks();
            }
            _ => {}
        }
    }

    fn on_writable(&mut self, _cx: &mut Context<'_>) {}

    fn on_tick(&mut self, cx: &mut Context<'_>) {
        self.tick = None;
        cx.out.lane(0).extend_from_slice(b"tick");
    }

    fn next_tick(&self) -> Option<Time> {
        self.tick
    }

    fn paused(&self) -> bool {
        self.waiting
    }

    fn waits_for(&self) -> Option<Lsn> {
        None
    }

    fn on_close(&mut self, _cause: Cause, _cx: &mut Context<'_>) {}
}

fn play(script: &str) -> Result<(), String> {
    let options = LogOptions { idle_sync_ms: u64::MAX / 4, prefill: false, ..Default::default() };
    let broker = Broker::in_memory(Default::default(), options).unwrap();
    let door = Lines { lsn: AtomicU64::new(declare(&broker, "first").0) };
    run(&door, &broker, Time(1_000_000), &mut || sync(&broker), script)
}

/// Something durable that no disk has seen yet.
fn declare(broker: &Broker, name: &str) -> Lsn {
    let guest = broker.authenticate("guest", b"guest", true).unwrap();
    let vhost = broker.open_vhost("/", &guest).unwrap();
    let nobody = SessionId { worker: 0, index: u32::MAX, generation: 0 };
    let spec = QueueSpec { name: Some(name.into()), durable: true, ..QueueSpec::default() };
    broker.declare_queue(&vhost, spec, nobody, &mut Turn::new(Time(1), None)).unwrap().1
}

/// Makes everything durable, and waits until it is.
fn sync(broker: &Broker) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let lsn = declare(broker, &format!("sync-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
    let mut turn = Turn::new(Time(1), None);
    turn.want_sync(lsn);
    broker.end_turn(&mut turn);
    while broker.durable() < lsn {
        std::thread::yield_now();
    }
}

#[test]
fn a_script_drives_sessions_time_and_the_disk() {
    let script = r#"
        > "echo a\necho"
        < "a"
        > " b\n"
        < "b"
        # what is held leaves with the sync, in its order
        > "held c\necho d\n"
        < nothing
        !durable
        < "cdD"
        # time
        > "later\n"
        @ +999ms
        < nothing
        @ +1ms
        < "tick"
        # another session is told by way of its mailbox
        [b]
        > "echo x\n"
        [a]
        > "tell 1\n"
        [b]
        < "x" 74 ?? 6c 64
        # input waits while the session does
        > "wait\necho late\n"
        !paused
        < nothing
        !pressure none
        !reading
        < "late"
        > "bye\n"
        !closing
        !close peer
    "#;
    assert_eq!(play(script), Ok(()));
}

#[test]
fn what_does_not_happen_is_reported_with_its_line() {
    for (script, error) in [
        ("> \"echo a\\n\"\n< \"b\"", "line 2, session a: differs at byte 0"),
        ("> \"echo a\\n\"", "at the end, session a: differs"),
        ("[b]\n!closing", "line 2, session b: has not asked"),
        ("!paused", "line 1, session a: paused is false"),
        ("!close us\n> 00", "line 2, session a: is closed"),
        ("> \"held a\\n\"\n< \"a\"", "line 2, session a: differs"),
    ] {
        let outcome = play(script).unwrap_err();
        assert!(outcome.starts_with(error), "{outcome}");
    }
}
