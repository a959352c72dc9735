//! Listening and stopping.

mod kit;

use kit::command::Note;
use kit::{Client, Rig};
use narumq_door::Cause;
use narumq_net::Listeners;
use std::net::TcpStream;

#[test]
fn every_session_says_goodbye_and_the_port_is_free_again() {
    let rig = Rig::new(2);
    let mut clients: Vec<_> = (0..6).map(|_| rig.connect()).collect();
    let Rig { net, notes, address, .. } = rig;
    let stopping = std::thread::Builder::new().spawn(move || net.stop(8000)).unwrap();
    for (client, _) in &mut clients {
        assert_eq!(client.rest(), "stop\n");
    }
    drop(clients);
    assert_eq!(stopping.join().unwrap(), 0);
    let causes: Vec<_> = notes
        .try_iter()
        .filter_map(|note| match note {
            Note::Closed(_, cause) => Some(cause),
            _ => None,
        })
        .collect();
    assert_eq!(causes, [Cause::ClosedByUs; 6]);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn who_is_connected_but_not_yet_accepted_is_told_too() {
    for _ in 0..20 {
        let rig = Rig::new(1);
        let mut client = Client::new(rig.address);
        let stopping = std::thread::Builder::new().spawn(move || rig.net.stop(8000)).unwrap();
        assert_eq!(client.rest(), "stop\n");
        drop(client);
        assert_eq!(stopping.join().unwrap(), 0);
    }
}

#[test]
fn who_does_not_take_the_goodbye_is_cut_at_the_deadline() {
    let rig = Rig::new(1);
    let (mut client, _) = rig.connect();
    client.send("big 50000000\n");
    let (mut polite, _) = rig.connect();
    polite.settle();
    let Rig { net, .. } = rig;
    assert_eq!(net.stop(300), 1);
    assert_eq!(polite.rest(), "stop\n");
}

#[test]
fn stopping_without_connections_takes_no_time() {
    let rig = Rig::new(3);
    assert_eq!(rig.net.stop(1_000_000), 0);
}

#[test]
fn a_taken_port_is_named_and_an_absent_optional_address_is_left_out() {
    let rig = Rig::new(1);
    let door = || -> std::sync::Arc<dyn narumq_door::Door> { std::sync::Arc::new(Nobody) };
    let listen = |address, optional| narumq_net::Listen { address, door: door(), optional };
    let Err(error) = Listeners::bind(vec![listen(rig.address, true)]) else { panic!("the port is taken") };
    assert_eq!(error.address, rig.address);
    assert!(error.to_string().starts_with(&format!("nobody cannot listen on {}", rig.address)));
    let absent = "192.0.2.1:0".parse().unwrap();
    let here = "127.0.0.1:0".parse().unwrap();
    assert!(Listeners::bind(vec![listen(absent, false)]).is_err());
    let listeners = Listeners::bind(vec![listen(absent, true), listen(here, true)]).unwrap();
    let [("nobody", address)] = listeners.addresses()[..] else { panic!("one is left") };
    assert_ne!(address.port(), 0);
    assert!(TcpStream::connect(address).is_err(), "bound, but it does not answer yet");
}

#[test]
fn many_connections_come_and_go() {
    let rig = Rig::new(2);
    for _ in 0..3 {
        let mut clients: Vec<_> = (0..300).map(|_| Client::new(rig.address)).collect();
        clients.iter_mut().for_each(|c| c.send("echo settled\n"));
        clients.iter_mut().for_each(|c| assert_eq!(c.line(), "settled"));
    }
    assert_eq!(rig.net.stop(8000), 0);
}

struct Nobody;

impl narumq_door::Door for Nobody {
    fn name(&self) -> &'static str {
        "nobody"
    }

    fn open(&self, _: narumq_door::ConnInfo, _: narumq_model::Time) -> Box<dyn narumq_door::Session> {
        unreachable!("nothing connects")
    }
}
