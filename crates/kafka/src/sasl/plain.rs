//! PLAIN (RFC 4616): one token with the password in it.
//!
//! ```text
//! authorization id (empty or the user) | 0 | user | 0 | password      all UTF-8
//! ```

use super::Failure;

/// What the token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Login<'a> {
    pub(super) user: &'a str,
    pub(super) password: &'a str,
}

impl<'a> Login<'a> {
    /// Reads the token.
    pub(super) fn read(token: &'a [u8]) -> Result<Self, Failure> {
        let text = std::str::from_utf8(token).map_err(|_| Failure::Credentials)?;
        let mut parts = text.split('\0');
        let (Some(acting_for), Some(user), Some(password), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Failure::Credentials);
        };
        match (user, password) {
            ("", _) => Err(Failure::Missing("username")),
            (_, "") => Err(Failure::Missing("password")),
            _ if acting_for.is_empty() || acting_for == user => Ok(Self { user, password }),
            _ => Err(Failure::Authorization),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_three_parts() {
        let login = Ok(Login { user: "al", password: "pass wörd" });
        assert_eq!(Login::read("\0al\0pass wörd".as_bytes()), login);
        assert_eq!(Login::read("al\0al\0pass wörd".as_bytes()), login);
        let refused: [(&[u8], Failure); 9] = [
            (b"", Failure::Credentials),
            (b"al", Failure::Credentials),
            (b"al\0p", Failure::Credentials),
            (b"\0al\0p\0", Failure::Credentials),
            (b"\0al\0p\0q", Failure::Credentials),
            (b"\0al\0\xff", Failure::Credentials),
            (b"\0\0p", Failure::Missing("username")),
            (b"\0al\0", Failure::Missing("password")),
            (b"bob\0al\0p", Failure::Authorization),
        ];
        for (token, failure) in refused {
            assert_eq!(Login::read(token), Err(failure), "{token:?}");
        }
    }
}
