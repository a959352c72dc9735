//! A broker under load: where it listens, its process, and the queues made for one run.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::connection::Connection;
use crate::encode::{self, id};
use crate::error::{Error, Result};
use crate::load::{Load, Scenario};
use crate::meter::Meter;
use crate::procfs;
use crate::uri::Uri;

/// A broker to be measured.
#[derive(Clone, Debug)]
pub(crate) struct Broker {
    pub(crate) uri: Uri,
    pub(crate) address: SocketAddr,
    /// Its process, if known.
    pub(crate) pid: Option<u32>,
    /// Whether its process was started for this run alone.
    pub(crate) fresh: bool,
}

impl Broker {
    /// Resolves the host and, if no process was told, looks who listens on the port.
    pub(crate) fn find(uri: &Uri, pid: Option<u32>) -> Result<Broker> {
        let address = uri.address()?;
        Ok(Broker { uri: uri.clone(), address, pid: pid.or_else(|| procfs::listener(address)), fresh: false })
    }

    /// Opens a connection with a channel.
    pub(crate) fn connect(&self) -> Result<Connection> {
        Connection::open(self.address, &self.uri)
    }

    /// Watches the process; an error if it was told but is not there.
    pub(crate) fn meter(&self) -> Result<Option<Meter>> {
        let Some(pid) = self.pid else { return Ok(None) };
        let meter = Meter::start(pid).ok_or_else(|| Error::new(format!("there is no process {pid}")))?;
        Ok(Some(if self.fresh { meter.since_birth() } else { meter }))
    }
}

/// The queues and the exchange of one run, under names nobody else has.
pub(crate) struct Topology {
    pub(crate) queues: Vec<String>,
    /// The fanout exchange; empty for the default exchange.
    pub(crate) exchange: String,
}

impl Topology {
    /// Names for `queues` queues, all of one length.
    pub(crate) fn new(load: &Load) -> Topology {
        static RUN: AtomicU64 = AtomicU64::new(0);
        let stem = format!("narumq-bench-{}-{}", std::process::id(), RUN.fetch_add(1, Ordering::Relaxed));
        let queues = (0..load.queues).map(|index| format!("{stem}-{index:06}")).collect();
        let fanout = load.scenario == Scenario::Fanout;
        Topology { queues, exchange: if fanout { format!("{stem}-fanout") } else { String::new() } }
    }

    /// Declares and binds everything.
    pub(crate) fn declare(&self, control: &mut Connection, load: &Load) -> Result<()> {
        if !self.exchange.is_empty() {
            control.call(&encode::fanout_declare(&self.exchange, load.durable), id::EXCHANGE_DECLARE_OK)?;
        }
        let kind = load.queue_type.map(|kind| kind.name());
        for queue in &self.queues {
            control.call(&encode::queue_declare(queue, false, load.durable, kind), id::QUEUE_DECLARE_OK)?;
            if !self.exchange.is_empty() {
                control.call(&encode::queue_bind(queue, &self.exchange), id::QUEUE_BIND_OK)?;
            }
        }
        Ok(())
    }

    /// Messages ready in all queues.
    pub(crate) fn ready(&self, control: &mut Connection) -> Result<u64> {
        self.queues.iter().map(|queue| control.ready_in(queue)).sum()
    }

    /// Deletes everything.
    pub(crate) fn delete(&self, control: &mut Connection) -> Result<()> {
        for queue in &self.queues {
            control.call(&encode::queue_delete(queue), id::QUEUE_DELETE_OK)?;
        }
        if !self.exchange.is_empty() {
            control.call(&encode::exchange_delete(&self.exchange), id::EXCHANGE_DELETE_OK)?;
        }
        Ok(())
    }
}
