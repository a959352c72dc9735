//! Users and what lets them in: no I/O, the salt of a new password is an argument.

pub(crate) mod credentials;
mod guest;
pub(crate) mod layout;
pub(crate) mod scram;
#[cfg(test)]
mod tests;

use crate::{AuthenticateError, LoopbackOnly, User, WrongCredentials};
use credentials::{Credentials, HASH_BYTES, PasswordHash, SALT_BYTES};
use narumq_model::{Name, limits::NAME_BYTES_MAX};
use scram::ScramKeys;
use std::collections::BTreeMap;

/// Most tags that one user may have.
pub(crate) const TAGS_MAX: usize = 255;

/// Why a user is not made or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UserError {
    /// There is one of this name.
    Exists,
    /// There is none of this name.
    Unknown,
    /// The name has not 1 to `NAME_BYTES_MAX` bytes.
    NameLength(usize),
    /// A tag has not 1 to `NAME_BYTES_MAX` bytes.
    TagLength(usize),
    /// There are more than `TAGS_MAX` tags.
    TooManyTags(usize),
    /// The hash has not `HASH_BYTES` bytes.
    HashLength(usize),
}

impl std::fmt::Display for UserError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exists => f.write_str("there is a user of this name"),
            Self::Unknown => f.write_str("there is no user of this name"),
            Self::NameLength(len) => write!(f, "the name has {len} bytes, not 1 to {NAME_BYTES_MAX}"),
            Self::TagLength(len) => write!(f, "a tag has {len} bytes, not 1 to {NAME_BYTES_MAX}"),
            Self::TooManyTags(count) => write!(f, "{count} tags are more than {TAGS_MAX}"),
            Self::HashLength(len) => write!(f, "the hash has {len} bytes, not {HASH_BYTES}"),
        }
    }
}

/// A user as the catalog keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    name: Name,
    tags: Vec<Name>,
    loopback_only: bool,
    /// None: no password lets this user in.
    credentials: Option<Credentials>,
}

impl Account {
    /// A user with a password.
    pub(crate) fn new(name: &str, credentials: Option<Credentials>, tags: Vec<Name>) -> Result<Self, UserError> {
        Ok(Self { credentials, ..Self::from_hash(name, &[], tags)? })
    }

    /// A user with a hash that was made elsewhere: `HASH_BYTES` bytes laid out as in `credentials`, or none for a
    /// user that no password lets in.
    pub(crate) fn from_hash(name: &str, hash: &[u8], tags: Vec<Name>) -> Result<Self, UserError> {
        if !(1..=NAME_BYTES_MAX).contains(&name.len()) {
            return Err(UserError::NameLength(name.len()));
        }
        let credentials = match hash {
            [] => None,
            _ => {
                let hash = PasswordHash(hash.try_into().map_err(|_| UserError::HashLength(hash.len()))?);
                Some(Credentials { hash, scram: None })
            }
        };
        check_tags(&tags)?;
        Ok(Self { name: name.into(), tags, loopback_only: false, credentials })
    }

    /// The user's name, 1 to `NAME_BYTES_MAX` bytes.
    pub(crate) fn name(&self) -> &Name {
        &self.name
    }

    /// What the user may administer; at most `TAGS_MAX`, each of 1 to `NAME_BYTES_MAX` bytes.
    pub(crate) fn tags(&self) -> &[Name] {
        &self.tags
    }

    /// Whether the user may come over loopback only.
    pub(crate) fn loopback_only(&self) -> bool {
        self.loopback_only
    }

    /// Sets whether the user may come over loopback only.
    pub(crate) fn set_loopback_only(&mut self, only: bool) {
        self.loopback_only = only;
    }

    /// The salted hash for an export; None if no password lets the user in.
    pub(crate) fn hash(&self) -> Option<&[u8; HASH_BYTES]> {
        self.credentials.as_ref().map(|credentials| &credentials.hash.0)
    }

    /// What checks a proof of the password; None if there is none, or only its hash was ever known.
    pub(crate) fn scram(&self) -> Option<&ScramKeys> {
        self.credentials.as_ref()?.scram.as_ref()
    }

    /// Lets the user in who has proven who it is. `loopback`: whether the connection comes over loopback.
    fn admit(&self, loopback: bool) -> Result<User, AuthenticateError> {
        if self.loopback_only && !loopback {
            return Err(LoopbackOnly { user: self.name.clone() }.into());
        }
        Ok(User { name: self.name.clone(), tags: self.tags.clone() })
    }
}

fn check_tags(tags: &[Name]) -> Result<(), UserError> {
    if tags.len() > TAGS_MAX {
        return Err(UserError::TooManyTags(tags.len()));
    }
    match tags.iter().find(|tag| !(1..=NAME_BYTES_MAX).contains(&tag.len())) {
        Some(tag) => Err(UserError::TagLength(tag.len())),
        None => Ok(()),
    }
}

/// All users, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Users(BTreeMap<Name, Account>);

impl Users {
    /// What a broker begins with: `guest` with the password `guest`, an administrator, over loopback only.
    pub(crate) fn with_guest(salt: [u8; SALT_BYTES]) -> Self {
        let guest = Name::from("guest");
        let account = Account {
            name: guest.clone(),
            tags: vec!["administrator".into()],
            loopback_only: true,
            credentials: Some(Credentials::of_guest(salt)),
        };
        Self(BTreeMap::from([(guest, account)]))
    }

    /// Adds a new user, who may come from anywhere.
    pub(crate) fn add(
        &mut self,
        name: &str,
        credentials: Option<Credentials>,
        tags: Vec<Name>,
    ) -> Result<&Account, UserError> {
        if self.0.contains_key(name) {
            return Err(UserError::Exists);
        }
        let account = Account::new(name, credentials, tags)?;
        Ok(self.0.entry(account.name.clone()).or_insert(account))
    }

    /// Puts a user in place of the one of the same name, if any, and returns that one: recovery and import.
    pub(crate) fn put(&mut self, account: Account) -> Option<Account> {
        self.0.insert(account.name.clone(), account)
    }

    /// Gives a user another password, or none.
    pub(crate) fn set_password(&mut self, name: &str, credentials: Option<Credentials>) -> Result<&Account, UserError> {
        let account = self.0.get_mut(name).ok_or(UserError::Unknown)?;
        account.credentials = credentials;
        Ok(account)
    }

    /// Gives a user other tags.
    pub(crate) fn set_tags(&mut self, name: &str, tags: Vec<Name>) -> Result<&Account, UserError> {
        let account = self.0.get_mut(name).ok_or(UserError::Unknown)?;
        check_tags(&tags)?;
        account.tags = tags;
        Ok(account)
    }

    /// Removes a user; None if there was none.
    pub(crate) fn remove(&mut self, name: &str) -> Option<Account> {
        self.0.remove(name)
    }

    /// The user of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Account> {
        self.0.get(name)
    }

    /// All users in the order of their names.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &Account> {
        self.0.values()
    }

    /// Whether this is the password of this user. The same work is done where there is no such user or no password.
    pub(crate) fn verify(&self, name: &str, password: &[u8]) -> bool {
        let kept = self.0.get(name).and_then(|account| account.credentials).map(|credentials| credentials.hash);
        let expected = kept.unwrap_or(PasswordHash([0; HASH_BYTES]));
        let equal = expected.equals(&PasswordHash::of(expected.salt(), password));
        equal && kept.is_some() && !password.is_empty()
    }

    /// Lets a user in by password. `loopback`: whether the connection comes over loopback. The password is looked at
    /// first, so that strangers do not learn which users are kept to loopback.
    pub(crate) fn authenticate(&self, name: &str, password: &[u8], loopback: bool) -> Result<User, AuthenticateError> {
        let verified = self.verify(name, password);
        match self.0.get(name).filter(|_| verified) {
            None => Err(WrongCredentials { user: name.into() }.into()),
            Some(account) => account.admit(loopback),
        }
    }

    /// Lets a user in who has proven who it is by other means than [`authenticate`](Self::authenticate).
    pub(crate) fn admit(&self, name: &str, loopback: bool) -> Result<User, AuthenticateError> {
        match self.0.get(name) {
            None => Err(WrongCredentials { user: name.into() }.into()),
            Some(account) => account.admit(loopback),
        }
    }
}
