//! The login: what the mechanisms PLAIN and AMQPLAIN carry.
//!
//! ```text
//! PLAIN      authorization id (ignored) | 0 | user | 0 | password
//! AMQPLAIN   a field table without its length: LOGIN longstr, PASSWORD longstr
//! ```

use crate::codec::Table;
use crate::error::{Code, Refused};

/// The mechanisms offered, best known first.
pub(crate) const MECHANISMS: &[u8] = b"PLAIN AMQPLAIN";

/// Who says to come, and the proof.
pub(crate) struct Login<'a> {
    pub(crate) user: &'a str,
    pub(crate) password: &'a [u8],
    /// The mechanism, for texts.
    pub(crate) mechanism: &'static str,
}

impl<'a> Login<'a> {
    /// Reads a first response. 503 for an unknown mechanism, 502 for a response that is none.
    pub(crate) fn read(mechanism: &[u8], response: &'a [u8]) -> Result<Self, Refused> {
        let (mechanism, parts) = match mechanism {
            b"PLAIN" => ("PLAIN", plain(response)),
            b"AMQPLAIN" => ("AMQPLAIN", amqplain(response)),
            other => {
                let text = format!("unknown authentication mechanism '{}'", String::from_utf8_lossy(other));
                return Err(Refused::new(Code::CommandInvalid, text));
            }
        };
        let invalid = || Refused::new(Code::SyntaxError, format!("{mechanism} auth response invalid"));
        let (user, password) = parts.ok_or_else(invalid)?;
        let user = std::str::from_utf8(user).map_err(|_| invalid())?;
        Ok(Self { user, password, mechanism })
    }
}

fn plain(response: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut parts = response.split(|byte| *byte == 0);
    let (_, user, password) = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().is_none().then_some((user, password))
}

fn amqplain(response: &[u8]) -> Option<(&[u8], &[u8])> {
    let table = Table::parse(response).ok()?;
    let text = |name: &[u8]| table.get(name).and_then(|value| value.as_long_string());
    Some((text(b"LOGIN")?, text(b"PASSWORD")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::TableWriter;

    #[test]
    fn both_mechanisms_give_user_and_password() {
        let login = Login::read(b"PLAIN", b"\0guest\0secret").unwrap();
        assert_eq!((login.user, login.password), ("guest", &b"secret"[..]));
        assert_eq!(Login::read(b"PLAIN", b"admin\0guest\0").unwrap().password, b"");
        let mut bytes = Vec::new();
        TableWriter::new(&mut bytes).long_string(b"LOGIN", b"guest").long_string(b"PASSWORD", b"secret");
        let login = Login::read(b"AMQPLAIN", &bytes).unwrap();
        assert_eq!((login.user, login.password), ("guest", &b"secret"[..]));
    }

    #[test]
    fn what_is_no_response_is_refused() {
        let wrong: [(&[u8], &[u8], Code); 6] = [
            (b"EXTERNAL", b"", Code::CommandInvalid),
            (b"PLAIN", b"", Code::SyntaxError),
            (b"PLAIN", b"\0guest", Code::SyntaxError),
            (b"PLAIN", b"\0guest\0a\0b", Code::SyntaxError),
            (b"PLAIN", b"\0\xFF\0a", Code::SyntaxError),
            (b"AMQPLAIN", b"\x05LOGIN", Code::SyntaxError),
        ];
        for (mechanism, response, code) in wrong {
            assert_eq!(Login::read(mechanism, response).err().map(|r| r.code()), Some(code), "{response:?}");
        }
    }
}
