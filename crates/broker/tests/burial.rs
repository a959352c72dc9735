//! The dead arrive where the dead go in the order in which they died, whatever threads bury them.

mod harness;

use harness::*;
use narumq_broker::{
    Broker, Dialects, MessageDialect, Outcome, QueueHandle, RecordPlace, Route, RouteQuery, Settings, Turn, TxSettle,
    Vhost,
};
use narumq_log::Given;
use narumq_log::disk::memory::MemoryDisk;
use narumq_model::{
    BindingDefinition, ExchangeKind, Headers, Message, MessageBuilder, Overflow, QueuePolicy, Record, Time,
};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// The routing of dead messages that are transient waits while this is shut; so many have come to it.
static GATE: (Mutex<(bool, usize)>, Condvar) = (Mutex::new((false, 0)), Condvar::new());

/// Messages whose headers lie behind the gate.
struct Gated;

impl MessageDialect for Gated {
    fn read(&self, _: &Message) -> Record {
        unreachable!("there is no topic")
    }

    fn headers(&self, message: &Message) -> Headers {
        if message.props()[2] == 1 {
            let mut gate = GATE.0.lock().expect("no panic");
            gate.1 += 1;
            GATE.1.notify_all();
            drop(GATE.1.wait_while(gate, |(shut, _)| *shut).expect("no panic"));
        }
        Headers::default()
    }

    fn write(&self, _: &Record, _: Option<RecordPlace<'_>>, _: &mut MessageBuilder) -> Message {
        unreachable!("there is no topic")
    }
}

fn ground(workers: u16) -> (Arc<Broker>, Vhost) {
    let mut dialects = Dialects::default();
    dialects.register_messages(batches::PLAIN, Arc::new(Gated));
    let settings = Settings { workers, dialects, ..Settings::default() };
    let given = Given { disk: Arc::<MemoryDisk>::default(), random: Box::new(unique) };
    let broker = Broker::open(settings, small(), given, Time(1_000)).expect("the broker comes up");
    let user = broker.authenticate("guest", b"guest", true).expect("guest is there");
    let vhost = broker.open_vhost("/", &user).expect("the vhost is there");
    (broker, vhost)
}

fn turn(worker: u16) -> Turn {
    Turn::new(Time(1_000), Some(worker))
}

fn queue(broker: &Broker, vhost: &Vhost, name: &str, policy: QueuePolicy) -> QueueHandle {
    let spec = narumq_broker::QueueSpec { name: Some(name.into()), durable: true, policy, ..Default::default() };
    let (declared, _) = broker.declare_queue(vhost, spec, session(0), &mut turn(0)).expect("a queue");
    let (narumq_broker::Declared::Created(queue) | narumq_broker::Declared::Existing(queue)) = declared;
    queue
}

fn route(broker: &Broker, vhost: &Vhost, key: &str) -> Route {
    let query = RouteQuery { exchange: b"", keys: &[key.as_bytes()], headers: &Headers::default };
    broker.route(vhost, &query).expect("the default exchange is there")
}

fn publish(broker: &Broker, route: &Route, message: Message, worker: u16) {
    let mut turn = turn(worker);
    broker.publish(route, message, &mut turn);
    broker.end_turn(&mut turn);
}

fn drain(broker: &Broker, queue: &QueueHandle) -> Vec<u64> {
    let mut all = Vec::new();
    loop {
        let mut turn = turn(0);
        match broker.get(queue, session(9), true, &mut turn).expect("the queue is there") {
            narumq_broker::Got::Message { delivery, .. } => all.push(id_of(&delivery.message)),
            narumq_broker::Got::Empty => return all,
            narumq_broker::Got::Pending => std::thread::yield_now(),
        }
        broker.end_turn(&mut turn);
    }
}

#[test]
fn no_burial_overtakes_one_under_way_on_another_thread() {
    let (broker, vhost) = ground(2);
    let short = QueuePolicy { max_length: Some(1), ..buries("dead") };
    let short = queue(&broker, &vhost, "short", short);
    let dead = queue(&broker, &vhost, "dead", QueuePolicy::default());
    broker.declare_exchange(&vhost, exchange("dead", ExchangeKind::Headers), &mut turn(0));
    let all = BindingDefinition { arguments: Headers::default(), ..binding("dead", "dead", "") };
    broker.bind(&vhost, all, session(0), &mut turn(0)).expect("a binding");
    let to = route(&broker, &vhost, "short");
    let mut builder = MessageBuilder::default();
    let mut message = |id: u64, durable| message(&mut builder, id, 8, ("", "short"), durable);
    publish(&broker, &to, message(1, false), 0);
    GATE.0.lock().expect("no panic").0 = true;
    let ((done, ended), mut threads) = (channel(), Vec::new());
    for (worker, id) in [(0, 2), (1, 3)] {
        let (broker, to, done, message) = (broker.clone(), to.clone(), done.clone(), message(id, true));
        let part = move || {
            publish(&broker, &to, message, worker);
            done.send(()).expect("the test waits");
        };
        let thread = std::thread::Builder::new().name(format!("worker-{worker}"));
        threads.push(thread.spawn(part).expect("a thread"));
        // The first one makes message 1 die and is held up on its way; the second one makes message 2 die.
        let gate = GATE.0.lock().expect("no panic");
        drop(GATE.1.wait_while(gate, |(_, waiting)| *waiting == 0).expect("no panic"));
    }
    // It would come to its end at once if it did not wait for the first.
    assert_eq!(ended.recv_timeout(Duration::from_millis(300)), Err(RecvTimeoutError::Timeout));
    assert_eq!(broker.counts(&short).ready, 1, "both have done their part in the queue");
    GATE.0.lock().expect("no panic").0 = false;
    GATE.1.notify_all();
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    assert_eq!(drain(&broker, &dead), [1, 2]);
    broker.close(Time(1_000));
}

/// Several threads push each other's messages out of a queue with this policy: what each published arrives in order.
fn pushed_out(policy: QueuePolicy) {
    const THREADS: u16 = 4;
    const EACH: u64 = 3_000;
    let (broker, vhost) = ground(THREADS);
    let kept = queue(&broker, &vhost, "short", policy);
    let dead = queue(&broker, &vhost, "dead", QueuePolicy::default());
    let to = route(&broker, &vhost, "short");
    let part = |worker: u16| {
        let mut builder = MessageBuilder::default();
        for n in 0..EACH {
            let id = u64::from(worker) << 32 | n;
            publish(&broker, &to, message(&mut builder, id, 8, ("", "short"), n % 3 != 0), worker);
        }
    };
    std::thread::scope(|scope| (0..THREADS).for_each(|worker| drop(scope.spawn(move || part(worker)))));
    let order = [drain(&broker, &dead), drain(&broker, &kept)].concat();
    assert_eq!(order.len() as u64, u64::from(THREADS) * EACH);
    for worker in 0..u64::from(THREADS) {
        let own: Vec<u64> = order.iter().copied().filter(|id| id >> 32 == worker).collect();
        let wrong = own.windows(2).find(|pair| pair[0] > pair[1]);
        assert_eq!(wrong, None, "of thread {worker}");
    }
    broker.close(Time(1_000));
}

fn to_the_dead() -> QueuePolicy {
    QueuePolicy { dead_letter_key: Some("dead".into()), ..buries("") }
}

#[test]
fn what_is_pushed_out_by_several_threads_keeps_its_order() {
    pushed_out(QueuePolicy { max_length: Some(1), ..to_the_dead() });
}

#[test]
fn what_expires_at_once_on_several_threads_keeps_its_order() {
    pushed_out(QueuePolicy { message_ttl_ms: Some(0), ..to_the_dead() });
}

#[test]
fn what_is_refused_to_several_threads_keeps_its_order() {
    let reject = Overflow::RejectDeadLetter;
    // The dead come first, then what was kept: nothing may be kept.
    pushed_out(QueuePolicy { max_length: Some(0), overflow: reject, ..to_the_dead() });
}

/// A queue that buries in `dead`, whose first 3,000 messages are handed over and so many that the first are let go.
fn all_handed_over(rig: &mut Rig, policy: QueuePolicy) -> (QueueHandle, Vec<narumq_model::Seq>) {
    let queue = rig.durable_queue("q", QueuePolicy { dead_letter_key: Some("dead".into()), ..policy });
    rig.consume(&queue, session(1), 1, |_| {});
    for from in (0..3_000).step_by(500) {
        let lsn = (from..from + 500).map(|id| rig.publish("q", id, 1_024, true)).max().expect("some");
        rig.durable(lsn);
    }
    let mut seqs = Vec::new();
    rig.wait("deliveries", |rig| {
        seqs.extend(rig.deliveries().iter().map(|delivery| delivery.seq));
        seqs.len() == 3_000
    });
    rig.turn(|rig, turn| rig.broker.cancel(&queue, session(1), 1, turn));
    (queue, seqs)
}

#[test]
fn what_dies_behind_one_that_must_be_read_waits_for_it_whatever_it_dies_of() {
    let gate = Gate::new(Arc::<MemoryDisk>::default());
    let mut rig = Rig::open(gate.disk(), small(), Time(1_000));
    let dead = rig.durable_queue("dead", QueuePolicy::default());
    let (queue, seqs) = all_handed_over(&mut rig, QueuePolicy { max_length: Some(2), ..buries("") });
    gate.close();
    let reject = |rig: &mut Rig, at: usize| rig.settle(&queue, session(1), None, &[seqs[at]], Outcome::Reject);
    // The first must be read, the last is still in memory; then one is pushed out, then one more must be read.
    reject(&mut rig, 1);
    reject(&mut rig, 2_999);
    (5_000..5_003).for_each(|id| _ = rig.publish("q", id, 1_024, true));
    reject(&mut rig, 0);
    assert_eq!(rig.counts(&dead).ready, 0);
    gate.open();
    rig.wait("burials", |rig| rig.counts(&dead).ready == 4);
    let order: Vec<u64> =
        std::iter::from_fn(|| rig.get(&dead, session(1), true)).map(|(d, _)| id_of(&d.message)).collect();
    assert_eq!(order, [1, 2_999, 5_000, 0]);
    rig.close();
}

#[test]
fn an_answer_to_a_rejection_waits_for_a_burial_that_must_wait() {
    for in_transaction in [false, true] {
        let gate = Gate::new(Arc::<MemoryDisk>::default());
        let mut rig = Rig::open(gate.disk(), small(), Time(1_000));
        let dead = rig.durable_queue("dead", QueuePolicy::default());
        let (queue, seqs) = all_handed_over(&mut rig, buries(""));
        gate.close();
        let before = rig.fence();
        let rejected = if in_transaction {
            let (consumer, outcome) = (None, Outcome::Reject);
            let settle = TxSettle { queue: queue.clone(), seqs: seqs[..300].into(), outcome, consumer };
            rig.turn(|rig, turn| rig.broker.transact(vec![settle], vec![], session(1), turn)).lsn
        } else {
            rig.settle(&queue, session(1), None, &seqs[..300], Outcome::Reject)
        };
        // What comes behind is durable, but cannot be spoken of either.
        let written = rig.broker.log_bytes_written();
        let behind = rig.publish("q", 9_000, 8, true);
        rig.turn(|_, turn| turn.want_sync(behind));
        rig.wait("a write", |rig| rig.broker.log_bytes_written() > written);
        (0..50).for_each(|_| _ = rig.rest());
        assert!(before < rejected && rejected < behind);
        assert!((before..rejected).contains(&rig.broker.durable()), "{:?}", rig.broker.durable());
        assert_eq!(rig.counts(&dead).ready, 0);
        gate.open();
        rig.wait("the answer", |rig| rig.broker.durable() >= behind);
        assert_eq!(rig.counts(&dead).ready, 300, "the answer spoke of burials");
        rig.close();
    }
}

#[test]
fn an_answer_to_a_rejection_waits_no_longer_than_the_queue_is_there() {
    let gate = Gate::new(Arc::<MemoryDisk>::default());
    let mut rig = Rig::open(gate.disk(), small(), Time(1_000));
    let (queue, seqs) = all_handed_over(&mut rig, buries(""));
    gate.close();
    let rejected = rig.settle(&queue, session(1), None, &seqs[..300], Outcome::Reject);
    let deleted = rig.turn(|rig, turn| rig.broker.delete_queue(&rig.vhost, "q", (false, false), session(0), turn));
    let deleted = deleted.expect("it is there").1;
    rig.wait("the answer", |rig| rig.broker.durable() >= deleted);
    assert!(rejected < deleted);
    gate.open();
    rig.close();
}
