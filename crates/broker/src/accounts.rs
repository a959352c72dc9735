//! Users and vhosts come and go, through the log.

use crate::catalog::Record;
use crate::topology::Vhost;
use crate::turn::Turn;
use crate::users::credentials::Credentials;
use crate::users::{Account, UserError};
use crate::{AuthenticateError, Broker, User};
use narumq_log::Kind;
use narumq_model::limits::NAME_BYTES_MAX;
use narumq_model::{Lsn, Name};
use std::fmt;
use std::sync::PoisonError;

pub use crate::users::scram::{ScramHash, ScramKeys};

/// How a user proves who it is.
#[derive(Clone, Debug)]
pub enum Secret<'a> {
    /// A password, and random bytes that salt what is kept of it; the empty one is none.
    Password(&'a [u8], [u8; 16]),
    /// A salted hash: 4 bytes of salt, then SHA-256 of salt and password. Empty: no password. It lets nobody in by SCRAM,
    /// whose keys are made from the password itself.
    Hash(&'a [u8]),
}

/// Why a user or vhost is not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountError(UserError);

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Broker {
    /// Makes a user, or changes the one of this name. The LSN makes it durable.
    pub fn put_user(
        &self,
        name: &str,
        secret: &Secret<'_>,
        tags: Vec<Name>,
        turn: &mut Turn,
    ) -> Result<Lsn, AccountError> {
        // Before the locks: this takes some milliseconds.
        let credentials = match secret {
            Secret::Password(password, salt) => Credentials::of(password, *salt),
            Secret::Hash(_) => None,
        };
        let _catalog = self.catalog_lock();
        let mut users = self.users.write().unwrap_or_else(PoisonError::into_inner);
        let account = match secret {
            Secret::Password(..) if users.get(name).is_some() => {
                users.set_password(name, credentials).map_err(AccountError)?;
                users.set_tags(name, tags).map_err(AccountError)?.clone()
            }
            Secret::Password(..) => users.add(name, credentials, tags).map_err(AccountError)?.clone(),
            Secret::Hash(hash) => {
                let mut account = Account::from_hash(name, hash, tags).map_err(AccountError)?;
                account.set_loopback_only(users.get(name).is_some_and(Account::loopback_only));
                users.put(account.clone());
                account
            }
        };
        Ok(self.log_record(Kind::Define, &Record::user(&account), turn))
    }

    /// Deletes a user; `None` if there is none.
    pub fn delete_user(&self, name: &str, turn: &mut Turn) -> Option<Lsn> {
        let _catalog = self.catalog_lock();
        let account = self.users.write().unwrap_or_else(PoisonError::into_inner).remove(name)?;
        Some(self.log_record(Kind::Delete, &Record::user(&account), turn))
    }

    /// A user by name.
    pub fn user(&self, name: &str) -> Option<User> {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        users.get(name).map(|a| User { name: a.name().clone(), tags: a.tags().to_vec() })
    }

    /// A user's salted hash, if it has a password.
    pub fn user_hash(&self, name: &str) -> Option<Vec<u8>> {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        users.get(name).and_then(|a| a.hash().map(|h| h.to_vec()))
    }

    /// What checks that a client knows a user's password without being told it; `None` if there is no such user, it has no
    /// password, or only the hash of its password was ever known.
    pub fn scram_keys(&self, name: &str) -> Option<ScramKeys> {
        let users = self.users.read().unwrap_or_else(PoisonError::into_inner);
        users.get(name).and_then(|account| account.scram()).copied()
    }

    /// Lets in a user who has proven who it is by [`scram_keys`](Self::scram_keys). `loopback`: whether the connection
    /// comes over loopback.
    pub fn admit(&self, name: &str, loopback: bool) -> Result<User, AuthenticateError> {
        self.users.read().unwrap_or_else(PoisonError::into_inner).admit(name, loopback)
    }

    /// Makes a vhost with its given exchanges. False if it was there. Names are 1 to 255 bytes.
    pub fn add_vhost(&self, name: &str, turn: &mut Turn) -> Option<(bool, Lsn)> {
        if !(1..=NAME_BYTES_MAX).contains(&name.len()) {
            return None;
        }
        let _catalog = self.catalog_lock();
        if self.vhost(name).is_some() {
            return Some((false, self.last_catalog_lsn()));
        }
        self.enter_vhost(name.into());
        Some((true, self.log_record(Kind::Define, &Record::Vhost(name.into()), turn)))
    }

    /// Deletes a vhost with everything in it; `None` if there is none.
    pub fn delete_vhost(&self, name: &str, turn: &mut Turn) -> Option<Lsn> {
        let vhost: Vhost = self.vhost(name)?;
        let _catalog = self.catalog_lock();
        let mut state = vhost.write();
        let queues: Vec<_> = state.queues.values().cloned().collect();
        for queue in queues {
            self.remove_queue(&vhost, &mut state, &queue, turn);
        }
        let exchanges: Vec<Name> = state.exchanges.keys().cloned().collect();
        for exchange in exchanges {
            self.remove_exchange(&vhost, &mut state, &exchange, turn);
        }
        self.vhosts.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        Some(self.log_record(Kind::Delete, &Record::Vhost(name.into()), turn))
    }
}
