//! A process without free file descriptors. A file of its own, for the limit is the process's.

mod kit;

use kit::{Client, Rig};
use narumq_net::Settings;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::Arc;
use std::sync::mpsc::channel;

#[test]
fn when_no_socket_can_be_opened_those_that_are_open_go_on_and_others_wait() {
    let (send, warnings) = channel();
    let send = std::sync::Mutex::new(send);
    let warn = Arc::new(move |what: std::fmt::Arguments<'_>| send.lock().unwrap().send(what.to_string()).unwrap());
    let rig = Rig::warning(1, &Settings::default(), warn);
    let (mut first, _) = rig.connect();

    let limit = getrlimit(Resource::Nofile);
    // The newcomer's own end takes the last one.
    let next = std::fs::File::open("/dev/null").unwrap();
    let used = std::os::fd::AsRawFd::as_raw_fd(&next) as u64;
    drop(next);
    setrlimit(Resource::Nofile, Rlimit { current: Some(used + 1), maximum: limit.maximum }).unwrap();
    let mut second = Client::new(rig.address);
    second.send("echo settled\n");
    let said = warnings.recv_timeout(kit::PATIENCE).unwrap();
    assert!(said.contains("no new connections for a moment"), "{said}");
    first.settle();
    warnings.recv_timeout(kit::PATIENCE).expect("it tries again, after a rest");
    assert!(warnings.try_iter().count() < 20, "it does not spin");

    setrlimit(Resource::Nofile, limit).unwrap();
    assert_eq!(second.line(), "settled");
}
