//! JSON read piece by piece, numbers as they are spelt, names as often as they come; and texts written as JSON.
//!
//! Who reads calls for what he expects next; nothing is built in between, and nothing here calls itself.

use std::borrow::Cow;

/// A place in a JSON text.
#[derive(Clone, Debug)]
pub(super) struct Json<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Json<'a> {
    /// The beginning of this text.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The byte with which the next thing begins.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let space = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.at += self.bytes[self.at..].iter().take_while(space).count();
        self.bytes.get(self.at).copied()
    }

    /// Steps over `byte` if it is the next.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Steps over `true`, `false` or `null` if it is next.
    pub(super) fn word(&mut self, word: &str) -> bool {
        self.peek();
        let there = self.bytes[self.at..].starts_with(word.as_bytes());
        self.at += if there { word.len() } else { 0 };
        there
    }

    /// Whether nothing follows.
    pub(super) fn is_done(&mut self) -> bool {
        self.peek().is_none()
    }

    /// A number, as it is spelt.
    pub(super) fn number(&mut self) -> Option<&'a str> {
        self.peek();
        let rest = &self.bytes[self.at..];
        let len = rest.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')).count();
        self.at += len;
        std::str::from_utf8(&rest[..len]).ok().filter(|number| !number.is_empty())
    }

    /// The members of an object or the values of an array; `each` reads one. None if it does, or the commas are wrong.
    pub(super) fn list(&mut self, [open, close]: [u8; 2], mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        if !self.take(open) {
            return None;
        }
        if self.take(close) {
            return Some(());
        }
        loop {
            each(self)?;
            if self.take(close) {
                return Some(());
            }
            if !self.take(b',') {
                return None;
            }
        }
    }

    /// The name of an object's member, and its colon.
    pub(super) fn name(&mut self) -> Option<Cow<'a, str>> {
        let name = self.string()?;
        self.take(b':').then_some(name)
    }

    /// A string.
    pub(super) fn string(&mut self) -> Option<Cow<'a, str>> {
        if !self.take(b'"') {
            return None;
        }
        let run = self.run()?;
        if self.bytes[self.at] == b'"' {
            self.at += 1;
            return Some(Cow::Borrowed(run));
        }
        let mut text = run.to_owned();
        loop {
            match self.bytes[self.at] {
                b'"' => {
                    self.at += 1;
                    return Some(Cow::Owned(text));
                }
                _ => text.push(self.escape()?),
            }
            text.push_str(self.run()?);
        }
    }

    /// What stands there as it is, to the next quote or backslash, which is there.
    fn run(&mut self) -> Option<&'a str> {
        let rest = &self.bytes[self.at..];
        let len = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))?;
        self.at += len;
        matches!(rest[len], b'"' | b'\\').then_some(())?;
        std::str::from_utf8(&rest[..len]).ok()
    }

    /// What a backslash begins.
    fn escape(&mut self) -> Option<char> {
        let kind = *self.bytes.get(self.at + 1)?;
        self.at += 2;
        Some(match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.code_point()?,
            _ => return None,
        })
    }

    fn code_point(&mut self) -> Option<char> {
        let first = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        self.bytes.get(self.at..)?.starts_with(b"\\u").then_some(())?;
        self.at += 2;
        let second = self.four_digits()?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        char::from_u32(0x10000 + (first - 0xd800) * 0x400 + second)
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.iter().try_fold(0, |number, digit| Some(number * 16 + char::from(*digit).to_digit(16)?))
    }
}

/// Appends a text as a JSON string.
pub(super) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' => super::put(out, format_args!("\\u{:04x}", u32::from(char))),
            _ => out.push(char),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        for text in ["", "plain", "a\"b\\c\n\r\t\u{1}\u{7f}", "grüße 😀", "\u{0}"] {
            let mut out = String::new();
            write_string(text, &mut out);
            let mut json = Json::new(out.as_bytes());
            assert_eq!(json.string().as_deref(), Some(text), "{out}");
            assert!(json.is_done());
        }
        let read = |text: &'static str| Json::new(text.as_bytes()).string();
        assert_eq!(read(r#""\ud83d\ude00\/\u00fc""#).as_deref(), Some("😀/ü"));
        for wrong in
            ["", "\"", "\"a", r#""\"#, r#""\x""#, r#""\ud83d""#, r#""\udc00""#, "\"\n\"", r#""\u00g0""#, r#""\u0"#]
        {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
        assert_eq!(Json::new(b"\"\xff\"").string(), None);
    }
}
