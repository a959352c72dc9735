//! The life of a broker: from an empty process to open doors, and back.

use crate::banner::Banner;
use crate::clock::BrokerClock;
use crate::config::Config;
use crate::data_directory::{DataDirectory, DataDirectoryError};
use crate::directory::Opened;
use crate::report::{self, Report};
use crate::shutdown::{self, Ending, Endings};
use crate::{doors, system};
use narumq_broker::{Broker, PartitionSettings};
use narumq_log::disk::file::{FileDisk, WritePath};
use narumq_log::{Given, Options};
use narumq_model::Durability;
use narumq_net::{BindError, Clock, Listeners, Net, Settings, Surroundings};
use std::fmt;
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Why a broker did not start, or had to end.
#[derive(Debug)]
pub(crate) enum ServeError {
    /// The data directory cannot be had.
    DataDirectory(DataDirectoryError),
    /// An address cannot be had.
    Bind(BindError),
    /// The system refuses threads, signals or sockets.
    System(io::Error),
    /// The broker cannot go on.
    Failed(String),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DataDirectory(error) => error.fmt(f),
            Self::Bind(error) if error.error.kind() == io::ErrorKind::AddrInUse => write!(
                f,
                "{error}; another program listens there: stop it, or choose another port with --{} ADDR",
                error.door
            ),
            Self::Bind(error) => write!(f, "{error}; choose another address with --{} ADDR", error.door),
            Self::System(error) => write!(f, "the system refuses what the broker needs: {error}"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for ServeError {}

/// Serves until a signal asks for the end. `started` is when the process did.
pub(crate) fn serve(config: &Config, started: Instant) -> Result<(), ServeError> {
    shutdown::abort_on_panic();
    let report = Report::new(config.log_level);
    let files = system::raise_open_files();
    report.debug(format_args!("open files: {files:?}, workers: {}", config.workers));
    let endings = Endings::listen().map_err(ServeError::System)?;
    let directory = DataDirectory::lock(&config.data_dir).map_err(ServeError::DataDirectory)?;
    let ready = Arc::new(AtomicBool::new(false));
    // Before the recovery, so that a taken port is told at once; they answer after it.
    let opened = Opened::default();
    let identity = directory.identity(system::seed).map_err(ServeError::DataDirectory)?;
    let doors = doors::listeners(config, identity, &ready, &opened);
    let listeners = Listeners::bind(doors).map_err(ServeError::Bind)?;
    let clock = Arc::new(BrokerClock::start());
    let broker = open_broker(config, (&directory, report), &clock, endings.failure())?;
    // The management door looks here; nobody else can have filled it.
    let _ = opened.set(broker.clone());

    let surroundings = Surroundings {
        clock: clock.clone(),
        seed: Arc::new(system::seed),
        warn: Arc::new(move |what| report.warn(what)),
    };
    let net = Net::start(listeners, &Settings::default(), &broker, &surroundings).map_err(ServeError::System)?;
    ready.store(true, Ordering::SeqCst);
    let banner = Banner {
        config,
        addresses: net.addresses(),
        data: &directory.path,
        millis: started.elapsed().as_millis(),
        started: system::wall_clock(),
    };
    say(&banner.text(report::colours(&io::stdout())));

    let ending = endings.wait();
    ready.store(false, Ordering::SeqCst);
    if let Ending::Failed(why) = ending {
        // Nothing that is answered from now on could be kept: the process ends as it is.
        return Err(ServeError::Failed(why));
    }
    stop(net, broker, &clock, report)
}

/// Opens the log in the data directory and the broker over it. `failed` is called when the log cannot go on.
fn open_broker(
    config: &Config,
    (directory, report): (&DataDirectory, Report),
    clock: &BrokerClock,
    failed: impl Fn(String) + Send + Sync + 'static,
) -> Result<Arc<Broker>, ServeError> {
    let durability = config.durability;
    let path = match durability {
        Durability::Fsync => WritePath::Direct,
        Durability::Os => WritePath::Buffered,
    };
    let disk = FileDisk::open(&directory.path.join("log"), path).map_err(ServeError::System)?;
    let given = Given { disk: Arc::new(disk), random: Box::new(|| system::seed() as u64) };
    let options = Options { durability, disk_reserve: disk_reserve(config), ..Options::default() };
    let settings = narumq_broker::Settings {
        workers: config.workers,
        message_bytes_max: config.message_size_max,
        memory_limit: config.memory_limit,
        durability,
        given_exchanges: narumq_amqp::given_exchanges(),
        topics: partitions(config),
        dialects: doors::dialects(),
        streams: Some(doors::streams()),
        groups: Default::default(),
        default_vhost: "/".into(),
        salt: (system::seed() as u32).to_le_bytes(),
    };
    let broker = Broker::open(settings, options, given, clock.now()).map_err(|e| ServeError::Failed(e.to_string()))?;
    clock.raise(broker.time());
    broker.on_warning(Arc::new(move |what: &str| report.warn(format_args!("{what}"))));
    broker.on_failure(Arc::new(move |why: &str| failed(why.to_owned())));
    Ok(broker)
}

/// The settings of partitions.
fn partitions(config: &Config) -> PartitionSettings {
    let settings = PartitionSettings::default();
    let compact_ms = config.compaction_interval.map_or(settings.compact_ms, NonZeroU64::get);
    PartitionSettings { compact_ms, ..settings }
}

/// Free disk space below which publishers are held back: never less than what emptying the log needs.
pub(crate) fn disk_reserve(config: &Config) -> u64 {
    config.disk_reserve.unwrap_or(0).max(Options::default().disk_reserve)
}

/// Lets the connections say goodbye, then the log write what it has.
fn stop(net: Net, broker: Arc<Broker>, clock: &BrokerClock, report: Report) -> Result<(), ServeError> {
    let stopping = system::instant();
    report.info(format_args!("stopping"));
    let cut = net.stop(shutdown::GRACE_MILLIS);
    if cut > 0 {
        report.warn(format_args!("{cut} connections did not say goodbye in time and were cut"));
    }
    close_broker(&broker, clock)?;
    report.info(format_args!("stopped after {} ms", stopping.elapsed().as_millis()));
    Ok(())
}

/// Writes and syncs all that is open, and says in the log that the end was a clean one.
fn close_broker(broker: &Broker, clock: &BrokerClock) -> Result<(), ServeError> {
    broker.close(clock.now());
    match broker.failed() {
        Some(why) => Err(ServeError::Failed(why)),
        None => Ok(()),
    }
}

fn say(text: &str) {
    // Nobody may read it; the broker serves all the same.
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
