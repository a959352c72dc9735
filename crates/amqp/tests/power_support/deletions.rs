//! A workload of queues that are deleted with what is in them, while files fill and rounds of States run.

use super::Random;
use super::driver::{Driver, Going};
use super::model::At;
use super::script::{declare_queue, delete_queue, purge_queue, send};

const AT: At = (0, 1);
const ELSEWHERE: At = (1, 1);

/// So many queues come and go.
pub fn run(driver: &mut Driver, random: &mut Random, steps: u64) -> Going {
    (0..2).try_for_each(|connection| driver.connect(connection))?;
    declare_queue(driver, random, ELSEWHERE, "grave")?;
    for _ in 0..steps {
        declare_queue(driver, random, AT, "plain")?;
        for _ in 0..=random.below(3) {
            send(driver, random, AT, ("", "plain"), true)?;
        }
        fill(driver, random)?;
        if random.once_in(2) {
            driver.settle()?;
        }
        delete_queue(driver, random, AT, "plain")?;
        fill(driver, random)?;
        if driver.site.is_dark() || random.once_in(2) {
            driver.settle()?;
        }
        if random.once_in(3) {
            // Its files are free to be written over.
            purge_queue(driver, random, ELSEWHERE, "grave")?;
        }
    }
    driver.settle()
}

/// Something goes into another queue, so that the file under way is full at any moment.
fn fill(driver: &mut Driver, random: &mut Random) -> Going {
    (0..random.below(8)).try_for_each(|_| send(driver, random, ELSEWHERE, ("", "grave"), true))
}
