//! SASL mechanisms: tokens in, tokens out, and who has come at the end. How tokens travel is not known here.

mod plain;
mod scram;

use narumq_broker::{AuthenticateError, Broker, ScramHash, User};
use narumq_model::Name;
use scram::Scram;

/// A mechanism that is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// RFC 4616.
    Plain,
    /// RFC 5802 and RFC 7677, without channel binding.
    Scram(ScramHash),
}

impl Mechanism {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Plain, Self::Scram(ScramHash::Sha256), Self::Scram(ScramHash::Sha512)];

    /// The registered name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Scram(ScramHash::Sha256) => "SCRAM-SHA-256",
            Self::Scram(ScramHash::Sha512) => "SCRAM-SHA-512",
        }
    }

    /// The mechanism of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name() == name)
    }
}

/// Why a login failed. What the client is told gives nothing away that it did not prove to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// User, password or proof are wrong, or the token is no such token.
    Credentials,
    /// The name or password that PLAIN brought is wrong.
    Password,
    /// A part of PLAIN is empty: which one.
    Missing(&'static str),
    /// The client wants to act for somebody else.
    Authorization,
    /// The user may come over loopback only.
    LoopbackOnly(Name),
}

impl From<AuthenticateError> for Failure {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::WrongCredentials(_) => Self::Password,
            AuthenticateError::LoopbackOnly(refusal) => Self::LoopbackOnly(refusal.user),
        }
    }
}

/// What comes after a token of the client.
#[derive(Debug)]
pub(crate) enum Next {
    /// A token for the client, which has to answer it.
    Challenge(Vec<u8>),
    /// The client is who it says; the last token.
    Done(User, Vec<u8>),
}

/// Who is asked, and from where the client comes.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) broker: &'a Broker,
    pub(crate) loopback: bool,
}

/// One client proving who it is.
#[derive(Debug)]
pub(crate) enum Exchange {
    Plain,
    Scram(Box<Scram>),
}

impl Exchange {
    /// Begins. `nonce`: printable, without commas, and never the same.
    pub(crate) fn new(mechanism: Mechanism, nonce: String) -> Self {
        match mechanism {
            Mechanism::Plain => Self::Plain,
            Mechanism::Scram(hash) => Self::Scram(Box::new(Scram::new(hash, nonce))),
        }
    }

    /// The mechanism.
    pub(crate) fn mechanism(&self) -> Mechanism {
        match self {
            Self::Plain => Mechanism::Plain,
            Self::Scram(scram) => Mechanism::Scram(scram.hash()),
        }
    }

    /// Takes the client's next token.
    pub(crate) fn token(&mut self, token: &[u8], around: Surroundings<'_>) -> Result<Next, Failure> {
        match self {
            Self::Plain => {
                let login = plain::Login::read(token)?;
                let user = around.broker.authenticate(login.user, login.password.as_bytes(), around.loopback)?;
                Ok(Next::Done(user, Vec::new()))
            }
            Self::Scram(scram) => match scram.token(token, |user| around.broker.scram_keys(user))? {
                scram::Next::Challenge(token) => Ok(Next::Challenge(token)),
                scram::Next::Proven(user, token) => Ok(Next::Done(around.broker.admit(&user, around.loopback)?, token)),
            },
        }
    }
}
