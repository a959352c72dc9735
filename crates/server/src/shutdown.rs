//! Why the broker ends: a signal asks for it, or the log has failed.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Builder;

/// How long connections may take to say goodbye, in milliseconds: with the log's last sync it stays below 10 s.
pub(crate) const GRACE_MILLIS: u64 = 8_000;

/// Why the broker ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// A signal asks for it.
    Asked,
    /// It cannot go on.
    Failed(String),
}

/// Where the main thread waits for the end.
#[derive(Debug)]
pub(crate) struct Endings {
    endings: Receiver<Ending>,
    sender: Sender<Ending>,
}

impl Endings {
    /// Listens to SIGTERM and SIGINT. The first one asks for an orderly end, a second one ends the process at once.
    pub(crate) fn listen() -> io::Result<Self> {
        let (sender, endings) = channel();
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            // In this order: the first signal finds the flag down and raises it for the second.
            flag::register_conditional_shutdown(signal, 128 + signal, asked.clone())?;
            flag::register(signal, asked.clone())?;
        }
        let mut signals = Signals::new([SIGTERM, SIGINT])?;
        let asking = sender.clone();
        Builder::new().name("signals".into()).spawn(move || {
            if signals.forever().next().is_some() {
                let _ = asking.send(Ending::Asked);
            }
        })?;
        Ok(Self { endings, sender })
    }

    /// What to call when the broker cannot go on.
    pub(crate) fn failure(&self) -> impl Fn(String) + Send + Sync + use<> {
        let sender = self.sender.clone();
        move |why| {
            let _ = sender.send(Ending::Failed(why));
        }
    }

    /// Waits until the broker is to end.
    pub(crate) fn wait(&self) -> Ending {
        self.endings.recv().expect("this value holds a sender itself")
    }
}

/// A fault in the program ends it at once: half of what it was about to do may be done, and a restart sorts that out.
pub(crate) fn abort_on_panic() {
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        say(panic);
        std::process::abort();
    }));
}
