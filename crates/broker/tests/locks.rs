//! Everything at once from several threads: no lock waits for another for ever, and no message is lost or doubled.
//!
//! What it finds was tried by planting errors: queues locked in descending order for a fan-out (threads wait for each other
//! for ever), a read that tells nobody who waits for it (nobody is told that a message is there).

mod harness;
mod stress;

use harness::session;
use narumq_broker::Got;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;
use stress::{Ground, Ledger, Worker};

const WORKERS: u16 = 4;
/// Operations of each worker, unless `NARUMQ_STEPS` says otherwise.
const STEPS: usize = 30_000;
/// Far longer than it ever takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs the workers to their end, or fails telling how far each one came.
fn run(ground: &Arc<Ground>, steps: usize) -> Vec<Worker> {
    let progress: Arc<Vec<AtomicUsize>> = Arc::new((0..WORKERS).map(|_| AtomicUsize::new(0)).collect());
    let (ended, end) = channel();
    let threads: Vec<_> = (0..WORKERS)
        .map(|number| {
            let (ground, progress, ended) = (ground.clone(), progress.clone(), ended.clone());
            let thread = std::thread::Builder::new().name(format!("worker-{number}"));
            let part = move || {
                let mut worker = Worker::new(ground, number);
                for step in 0..steps {
                    worker.step();
                    progress[usize::from(number)].store(step + 1, Ordering::Relaxed);
                }
                ended.send(worker).expect("the test waits");
            };
            thread.spawn(part).expect("a thread")
        })
        .collect();
    drop(ended);
    let mut workers = Vec::new();
    while workers.len() < usize::from(WORKERS) {
        match end.recv_timeout(PATIENCE) {
            Ok(worker) => workers.push(worker),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                panic!("threads wait for each other for ever: of {steps} steps each, done are {progress:?}")
            }
        }
    }
    threads.into_iter().for_each(|thread| thread.join().expect("no worker fails"));
    workers
}

/// Takes everything out of the queues that stayed.
fn drain(ground: &Ground, books: &mut Ledger) {
    for queue in &ground.kept {
        loop {
            let mut turn = ground.turn(0);
            match ground.broker.get(queue, session(9), true, &mut turn).expect("the queue is there") {
                Got::Message { delivery, .. } => books.out(queue.name(), &delivery.message),
                Got::Empty => break,
                Got::Pending => {
                    ground.broker.end_turn(&mut turn);
                    ground.wait_for_ready(session(9), PATIENCE);
                    continue;
                }
            }
            ground.broker.end_turn(&mut turn);
        }
        assert_eq!(ground.broker.counts(queue).unsettled, 0);
    }
}

#[test]
fn everything_at_once_comes_to_an_end_and_the_books_balance() {
    let steps = std::env::var("NARUMQ_STEPS").ok().and_then(|n| n.parse().ok()).unwrap_or(STEPS);
    let ground = Arc::new(Ground::new(WORKERS));
    let workers = run(&ground, steps);
    let mut books = Ledger::default();
    for (number, mut worker) in workers.into_iter().enumerate() {
        let mut turn = ground.turn(number as u16);
        worker.vanish(&mut turn);
        ground.broker.end_turn(&mut turn);
        books.add(std::mem::take(&mut worker.ledger));
    }
    // `lost` last: what is taken out elsewhere may make more room for the dead.
    drain(&ground, &mut books);
    drain(&ground, &mut books);
    books.balance();
    eprintln!("{} out, {} purged, {} refused, {:?}", books.out, books.purged, books.refused, books.lost);
    if steps >= STEPS {
        assert!(
            books.out > 1_000 && books.purged > 0 && books.refused > 0 && books.lost.len() == 3,
            "{:?}",
            books.lost
        );
    }
    ground.broker.close(ground.turn(0).now);
}
