//! The lines of a script, and how bytes are compared with what a line expects.

use crate::Cause;
use std::fmt::Write;

/// One thing that happens.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Enter(String),
    Send(Vec<u8>),
    Expect(Expected),
    Pass(u64),
    Durable,
    Pressure { disk: bool, memory: bool },
    Stop,
    Kick(String),
    Close(Cause),
    Closing,
    Paused(bool),
}

/// What is to have gone out.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expected {
    Anything,
    /// Byte by byte; `None` is any byte.
    Bytes(Vec<Option<u8>>),
}

impl Expected {
    pub(super) fn compare(&self, seen: &[u8]) -> Result<(), String> {
        let Self::Bytes(expected) = self else { return Ok(()) };
        let fits = |(&want, &have): (&Option<u8>, &u8)| want.is_none_or(|want| want == have);
        let same = expected.iter().zip(seen).take_while(|pair| fits(*pair)).count();
        if same == expected.len() && same == seen.len() {
            return Ok(());
        }
        let known: Vec<u8> = expected.iter().map(|byte| byte.unwrap_or(b'?')).collect();
        Err(format!(
            "differs at byte {same}: expected {} bytes\n{}but {} came\n{}",
            known.len(),
            dump(&known),
            seen.len(),
            dump(seen)
        ))
    }
}

/// The steps with the numbers of their lines; neighbouring lines of one direction are one step.
pub(super) fn parse(script: &str) -> Result<Vec<(usize, Step)>, String> {
    let mut steps: Vec<(usize, Step)> = Vec::new();
    for (at, line) in script.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let step = parse_line(line).map_err(|error| format!("line {}: {error}", at + 1))?;
        match (steps.last_mut().map(|(_, last)| last), step) {
            (Some(Step::Send(all)), Step::Send(more)) => all.extend(more),
            (Some(Step::Expect(Expected::Bytes(all))), Step::Expect(Expected::Bytes(more))) => all.extend(more),
            (_, step) => steps.push((at + 1, step)),
        }
    }
    Ok(steps)
}

fn parse_line(line: &str) -> Result<Step, String> {
    let (sign, rest) = line.split_at(1);
    let rest = rest.trim();
    Ok(match (sign, rest) {
        (">", _) => {
            let bytes: Option<Vec<u8>> = parse_bytes(rest)?.into_iter().collect();
            Step::Send(bytes.ok_or("`??` cannot be sent")?)
        }
        ("<", "*") => Step::Expect(Expected::Anything),
        ("<", "nothing") => Step::Expect(Expected::Bytes(Vec::new())),
        ("<", _) => Step::Expect(Expected::Bytes(parse_bytes(rest)?)),
        ("@", _) => {
            let millis = rest.strip_prefix('+').and_then(|r| r.strip_suffix("ms")).and_then(|n| n.trim().parse().ok());
            Step::Pass(millis.ok_or("time is written `@ +500ms`")?)
        }
        ("[", _) => Step::Enter(rest.strip_suffix(']').ok_or("`]` is missing")?.to_owned()),
        ("!", _) => parse_event(rest)?,
        _ => return Err(format!("unknown line {line:?}")),
    })
}

fn parse_event(text: &str) -> Result<Step, String> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    Ok(match (word, rest) {
        ("durable", "") => Step::Durable,
        ("stop", "") => Step::Stop,
        ("closing", "") => Step::Closing,
        ("paused", "") => Step::Paused(true),
        ("reading", "") => Step::Paused(false),
        ("pressure", "none" | "disk" | "memory") => Step::Pressure { disk: rest == "disk", memory: rest == "memory" },
        ("kick", _) => Step::Kick(rest.to_owned()),
        ("close", "peer") => Step::Close(Cause::PeerClosed),
        ("close", "reset") => Step::Close(Cause::Reset),
        ("close", "unread") => Step::Close(Cause::Unread),
        ("close", "us") => Step::Close(Cause::ClosedByUs),
        _ => return Err(format!("unknown event {text:?}")),
    })
}

/// Hexadecimal pairs, `??` and quoted texts, in any order and spacing.
fn parse_bytes(text: &str) -> Result<Vec<Option<u8>>, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            rest = rest.trim_start();
        } else if let Some(after) = rest.strip_prefix('"') {
            rest = parse_text(after, &mut bytes)?;
        } else if let Some(after) = rest.strip_prefix("??") {
            bytes.push(None);
            rest = after;
        } else {
            let pair = rest.get(..2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
            bytes.push(Some(pair.ok_or_else(|| format!("no hexadecimal pair at {rest:?}"))?));
            rest = &rest[2..];
        }
    }
    Ok(bytes)
}

/// A quoted text behind its opening quote; gives back what follows the closing one.
fn parse_text<'a>(text: &'a str, bytes: &mut Vec<Option<u8>>) -> Result<&'a str, String> {
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Ok(&text[at + 1..]),
            '\\' => {
                let (at, escape) = chars.next().ok_or("text ends in a backslash")?;
                bytes.push(Some(match escape {
                    'r' => b'\r',
                    'n' => b'\n',
                    't' => b'\t',
                    '0' => 0,
                    '\\' | '"' => escape as u8,
                    'x' => {
                        chars.nth(1);
                        let pair = text.get(at + 1..at + 3).and_then(|pair| u8::from_str_radix(pair, 16).ok());
                        pair.ok_or("`\\x` wants two hexadecimal digits")?
                    }
                    other => return Err(format!("unknown escape \\{other}")),
                }));
            }
            plain => bytes.extend(plain.to_string().bytes().map(Some)),
        }
    }
    Err("a text is not closed".into())
}

/// Sixteen bytes a line, as hexadecimal and as text.
fn dump(bytes: &[u8]) -> String {
    let mut text = String::new();
    for row in bytes.chunks(16) {
        let hex: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown: String = row.iter().map(|&b| if (b' '..=b'~').contains(&b) { char::from(b) } else { '.' }).collect();
        let _ = writeln!(text, "    {:<48} {shown}", hex.join(" "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_steps() {
        let script =
            "# first\n> \"A\\r\\n\" 00ff\n> 01\n\n[b]\n< ?? \"x\\\"\\x7f\"\n< 02\n< *\n@ +1500ms\n!close peer\n";
        let steps = parse(script).unwrap();
        let bytes = vec![None, Some(b'x'), Some(b'"'), Some(0x7f), Some(2)];
        assert_eq!(
            steps,
            [
                (2, Step::Send(b"A\r\n\x00\xff\x01".to_vec())),
                (5, Step::Enter("b".into())),
                (6, Step::Expect(Expected::Bytes(bytes))),
                (8, Step::Expect(Expected::Anything)),
                (9, Step::Pass(1500)),
                (10, Step::Close(Cause::PeerClosed)),
            ]
        );
    }

    #[test]
    fn mistakes_name_their_line() {
        for (bad, line) in
            [("> 0", 1), ("\n< \"open", 2), ("!nonsense", 1), ("@ 5s", 1), ("> ??", 1), ("x", 1), ("[a", 1)]
        {
            let error = parse(bad).unwrap_err();
            assert!(error.starts_with(&format!("line {line}: ")), "{error}");
        }
        for bad in ["> \"\\q\"", "> \"\\x4\"", "> \"\\", "> é"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_difference_is_shown_where_it_begins() {
        let expected = Expected::Bytes(vec![Some(1), None, Some(3)]);
        assert_eq!(expected.compare(&[1, 9, 3]), Ok(()));
        assert!(expected.compare(&[1, 9, 4]).unwrap_err().contains("at byte 2"));
        assert!(expected.compare(&[1, 9]).unwrap_err().contains("but 2 came"));
        assert!(expected.compare(&[1, 9, 3, 4]).unwrap_err().contains("at byte 3"));
        assert!(Expected::Bytes(Vec::new()).compare(b"x").is_err());
        assert_eq!(Expected::Anything.compare(b"x"), Ok(()));
    }
}
