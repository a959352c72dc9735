//! The broker under test: a private `narumq serve` process, or the external one a caller points at.
//!
//! `NARUMQ_BIN` names the program to start, on free ports with a fresh data directory. With `NARUMQ_E2E_AMQP` set
//! instead, the tests use the broker at that address, and those that need to kill it are skipped.

use std::fs::{self, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

const READY_DEADLINE: Duration = Duration::from_secs(60);

/// The broker that tests which do not kill it share. It ends with the last test that holds it: a static is never
/// dropped, so a strong reference here would leave the process behind.
static SHARED: Mutex<Weak<Broker>> = Mutex::const_new(Weak::new());

/// Whether a start of the shared broker failed: the tests after it need not wait for another.
static SHARED_FAILED: AtomicBool = AtomicBool::new(false);

/// Address of the broker that runs already, if the caller named one.
pub fn external_uri() -> Option<String> {
    std::env::var("NARUMQ_E2E_AMQP").ok()
}

/// The address of the shared broker, and what keeps it running.
pub async fn shared_uri() -> (String, Option<Arc<Broker>>) {
    if let Some(uri) = external_uri() {
        return (uri, None);
    }
    let mut shared = SHARED.lock().await;
    let broker = match shared.upgrade() {
        Some(broker) => broker,
        None => {
            let failed = SHARED_FAILED.swap(true, Ordering::Relaxed); // ordered by the lock
            assert!(!failed, "the shared broker did not start before");
            let broker = Arc::new(Broker::start().await);
            SHARED_FAILED.store(false, Ordering::Relaxed);
            broker
        }
    };
    *shared = Arc::downgrade(&broker);
    (broker.uri(), Some(broker))
}

/// A `narumq serve` process that can be killed like a power cut and started again on its data. Dropping it ends the
/// process and removes the data.
#[derive(Debug)]
pub struct Broker {
    binary: String,
    directory: PathBuf,
    amqp_port: u16,
    http_port: u16,
    child: Option<Child>,
}

impl Broker {
    /// Starts a broker with an empty data directory and waits until it is ready; panics when that fails.
    pub async fn start() -> Self {
        let binary = std::env::var("NARUMQ_BIN")
            .expect("set NARUMQ_BIN to the narumq program, or NARUMQ_E2E_AMQP to the address of a running broker");
        let directory = std::env::temp_dir().join(format!("narumq-e2e-rust-{:016x}", random()));
        fs::create_dir(&directory).expect("the name of the directory is random");
        let mut broker = Self { binary, directory, amqp_port: free_port(), http_port: free_port(), child: None };
        broker.restart().await;
        broker
    }

    /// The AMQP address with the default credentials.
    pub fn uri(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}", self.amqp_port)
    }

    /// Ends the process with SIGKILL and waits until it is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill(); // fails only if it has ended already
            child.wait().expect("the process is our child");
        }
    }

    /// Starts the process (again) on the same ports and data directory and waits until it is ready.
    pub async fn restart(&mut self) {
        let log = OpenOptions::new().create(true).append(true).open(self.directory.join("broker.log"));
        let log = log.expect("the directory is ours");
        let child = Command::new(&self.binary)
            .args(["serve", "--data-dir"])
            .arg(self.directory.join("data"))
            .args(["--amqp", &format!("127.0.0.1:{}", self.amqp_port)])
            .args(["--http", &format!("127.0.0.1:{}", self.http_port)])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be opened twice"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run {}: {error}", self.binary));
        self.child = Some(child);
        if tokio::time::timeout(READY_DEADLINE, self.await_ready()).await.is_err() {
            panic!("broker not ready after {READY_DEADLINE:?}\n{}", self.log());
        }
    }

    async fn await_ready(&mut self) {
        let mut poll = tokio::time::interval(Duration::from_millis(20));
        while !matches!(self.ready().await, Ok(true)) {
            poll.tick().await;
            let child = self.child.as_mut().expect("it was started");
            if let Some(status) = child.try_wait().expect("the process is our child") {
                panic!("broker ended with {status}\n{}", self.log());
            }
        }
    }

    /// Asks `GET /readyz`.
    async fn ready(&self) -> io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.http_port)).await?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(answer.starts_with(b"HTTP/1.") && answer.get(8..13) == Some(b" 200 "))
    }

    fn log(&self) -> String {
        let bytes = fs::read(self.directory.join("broker.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(4000)..]).into_owned()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.directory); // what stays is in the system's temporary directory
    }
}

/// Sixty-four random bits: the standard library seeds its hasher with them.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Looks below the range the kernel hands out for outgoing connections: while the broker is down between kill and
/// restart, no client socket of this machine can be given its port.
fn free_port() -> u16 {
    loop {
        let port = 20_000 + (random() % 12_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
