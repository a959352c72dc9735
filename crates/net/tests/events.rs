//! What comes from elsewhere: other sessions, other workers, the disk, the clock.

mod kit;

use kit::command::Note;
use kit::{Rig, deadline_met, durable_write, kick, set_deadline, sync};

#[test]
fn sessions_of_different_workers_reach_each_other() {
    let rig = Rig::new(4);
    let (mut clients, ids): (Vec<_>, Vec<_>) = (0..8).map(|_| rig.connect()).unzip();
    for worker in 0..4 {
        assert_eq!(ids.iter().filter(|id| id.worker == worker).count(), 2, "handed out evenly");
    }
    for round in 0..50 {
        for at in 0..clients.len() {
            let to = ids[(at + 1) % ids.len()];
            clients[at].send(format!("post {} {} {} round {round}\n", to.worker, to.index, to.generation));
        }
        for client in &mut clients {
            assert_eq!(client.line(), format!("event round {round}"));
        }
    }
}

#[test]
fn a_batch_of_events_is_ended_once() {
    let rig = Rig::new(1);
    let (mut client, id) = rig.connect();
    let to = format!("{} {} {}", id.worker, id.index, id.generation);
    client.send((0..10).map(|n| format!("post {to} {n}\n")).collect::<String>());
    (0..10).for_each(|n| assert_eq!(client.line(), format!("event {n}")));
    client.settle();
    let ends = rig.notes.try_iter().filter(|n| *n == Note::BatchEnd).count();
    assert!((1..10).contains(&ends), "{ends} ends of ten events");
}

#[test]
fn held_answers_leave_with_the_sync_and_others_before() {
    let rig = Rig::new(2);
    let (mut first, _) = rig.connect();
    let (mut second, _) = rig.connect();
    first.send("hold one\nhold two\n");
    first.settle();
    second.send("confirm\n");
    second.settle();
    sync(&rig.broker);
    assert_eq!(first.line(), "one");
    assert_eq!(first.line(), "two");
    assert_eq!(second.line(), "confirmed");
    first.send("hold three\n");
    first.settle();
    sync(&rig.broker);
    assert_eq!(first.line(), "three");
}

#[test]
fn what_is_durable_already_waits_for_no_other_sync() {
    let rig = Rig::new(1);
    durable_write(&rig.broker);
    sync(&rig.broker);
    let (mut client, _) = rig.connect();
    client.send("late\nlate\n");
    assert_eq!((client.line(), client.line()), ("late".into(), "late".into()));
    client.send("late\n");
    assert_eq!(client.line(), "late");
}

#[test]
fn ticks_come_when_they_are_due() {
    let rig = Rig::new(1);
    let (mut client, _) = rig.connect();
    let (mut other, _) = rig.connect();
    client.send("tick 150\n");
    other.send("tick 50\n");
    assert_eq!(other.line(), "tick true");
    assert_eq!(client.line(), "tick true");
    client.send("tick 5000\ntick 20\n");
    assert_eq!(client.line(), "tick true");
}

#[test]
fn the_brokers_deadlines_are_met_whoever_sets_them() {
    let rig = Rig::new(2);
    let (mut on_first, first) = rig.connect();
    let (mut on_second, second) = rig.connect();
    assert_eq!((first.worker, second.worker), (0, 1));
    on_first.settle();
    // Worker 0 sleeps without an alarm; the turn of worker 1 must get it up.
    set_deadline(&rig.broker);
    on_second.settle();
    while !deadline_met(&rig.broker) {
        std::thread::yield_now();
    }
}

#[test]
fn an_event_reaches_a_session_that_sleeps() {
    let rig = Rig::new(1);
    let (mut client, id) = rig.connect();
    for n in 0..100 {
        kick(&rig.broker, id, &n.to_string());
        assert_eq!(client.line(), format!("event {n}"));
    }
}
