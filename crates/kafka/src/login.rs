//! How far a connection is with proving who comes over it, and what it may ask meanwhile.
//!
//! ```text
//!            SaslHandshake v1          SaslAuthenticate …
//!   open ───────────────────► framed ─────────────────────┐
//!     │      SaslHandshake v0          bare tokens …      ├─► open, as a user
//!     └─────────────────────► bare ───────────────────────┘
//! ```
//! An open connection may ask for anything if it has a user, or needs none.

use crate::codec::ApiKey;
use crate::sasl::Exchange;
use crate::settings::Sasl;
use narumq_model::{Name, Time};

/// How long a login may take, in milliseconds.
const LOGIN_MS: u64 = 10_000;
/// How long a connection is kept after its login failed, in milliseconds. Some clients look at the end of the connection
/// before the answer in front of it, and would never learn why.
const FAILED_MS: u64 = 100;
/// Largest request and token of a login, in bytes.
pub(crate) const LOGIN_BYTES_MAX: usize = 512 << 10;

/// How tokens travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// In SaslAuthenticate requests.
    Framed,
    /// By themselves, each behind its length.
    Bare,
}

/// A login that is under way.
#[derive(Debug)]
pub(crate) struct UnderWay {
    pub(crate) exchange: Exchange,
    pub(crate) carrier: Carrier,
}

/// The login of one connection.
#[derive(Debug)]
pub(crate) struct Login {
    /// Whether there are mechanisms at all.
    pub(crate) offered: bool,
    /// Whether nothing is done for those who do not log in.
    pub(crate) required: bool,
    /// Who has come; `None` = anybody.
    pub(crate) user: Option<Name>,
    pub(crate) under_way: Option<UnderWay>,
    /// When the connection opened, or the login that is under way began.
    since: Time,
    /// When it failed for good.
    failed: Option<Time>,
}

impl Login {
    /// Of a new connection.
    pub(crate) fn new(sasl: Sasl, loopback: bool, now: Time) -> Self {
        let required = match sasl {
            Sasl::Off | Sasl::Optional => false,
            Sasl::Required => true,
            Sasl::RequiredFromAfar => !loopback,
        };
        Self { offered: sasl != Sasl::Off, required, user: None, under_way: None, since: now, failed: None }
    }

    /// Begins, once more if need be.
    pub(crate) fn begin(&mut self, exchange: Exchange, carrier: Carrier, now: Time) {
        self.since = now;
        self.under_way = Some(UnderWay { exchange, carrier });
    }

    /// It failed, and that is answered: nothing is listened to any more.
    pub(crate) fn fail(&mut self, now: Time) {
        self.failed = Some(now);
    }

    /// Whether nothing is listened to any more.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Whether what comes next is a token and no request.
    pub(crate) fn expects_bare(&self) -> bool {
        self.under_way.as_ref().is_some_and(|login| login.carrier == Carrier::Bare)
    }

    /// Whether a request may be looked at now.
    pub(crate) fn allows(&self, api: ApiKey) -> bool {
        match api {
            ApiKey::SaslAuthenticate => self.under_way.is_some() || !self.offered,
            _ if self.under_way.is_some() => false,
            ApiKey::ApiVersions | ApiKey::SaslHandshake => true,
            _ => !self.is_due(),
        }
    }

    /// Whether somebody must log in before anything else is done.
    fn is_due(&self) -> bool {
        self.required && self.user.is_none()
    }

    /// The largest request that is taken now, of those up to `most`, in bytes.
    pub(crate) fn request_bytes_max(&self, most: usize) -> usize {
        if self.is_due() || self.under_way.is_some() { most.min(LOGIN_BYTES_MAX) } else { most }
    }

    /// When the connection ends unless a login succeeds before.
    pub(crate) fn deadline(&self) -> Option<Time> {
        if let Some(failed) = self.failed {
            return Some(failed.plus(FAILED_MS));
        }
        (self.is_due() || self.under_way.is_some()).then(|| self.since.plus(LOGIN_MS))
    }
}
