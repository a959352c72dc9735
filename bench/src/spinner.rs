//! The spinner: a process that wants a core whenever nobody else does, so that no virtual core
//! halts. A halted one notices the completion of a disk write late (on the next timer tick, in
//! steps of milliseconds), and then the machine is measured and not the broker.

use std::fs;

use crate::child::{Itself, Running, until_parent_leaves};
use crate::error::Result;
use crate::options::Spinner;

/// Starts the spinner if it is wanted.
pub(crate) fn start(wanted: Spinner, itself: &Itself) -> Result<Option<Running>> {
    let spins = match wanted {
        Spinner::On => true,
        Spinner::Off => false,
        Spinner::Auto => is_virtual(),
    };
    if spins { Ok(Some(itself.start(&["spin".into()])?.0)) } else { Ok(None) }
}

/// Whether the processor says that it is virtual.
fn is_virtual() -> bool {
    let facts = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    facts
        .lines()
        .any(|line| line.starts_with("flags") && line.ends_with(" hypervisor") || line.contains(" hypervisor "))
}

/// The child: one thread at nice 19 spins until the parent leaves.
///
/// Where the scheduler shares the processor by session (autogroup), nice counts only within a
/// session: so the spinner makes its own and lowers that too.
pub(crate) fn spin() -> Result<()> {
    // A group leader cannot make a session; then the nice of the process has to do.
    let _ = rustix::process::setsid();
    rustix::process::setpriority_process(None, 19).map_err(std::io::Error::from)?;
    // There is no such file where the scheduler knows no autogroups.
    let _ = fs::write("/proc/self/autogroup", "19");
    std::thread::Builder::new().name("spinner".to_owned()).spawn(|| {
        loop {
            std::hint::spin_loop();
        }
    })?;
    println!("spinning");
    until_parent_leaves();
    Ok(())
}
