//! The golden messages, read from their files.
#![allow(clippy::unwrap_used, reason = "a golden file that cannot be read fails the test")]

use std::path::Path;

use narumq_kafka::codec::ApiKey;

/// Whether a message is a request or a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Request,
    Response,
}

/// A message as another implementation has encoded it.
#[derive(Debug)]
pub struct Golden {
    pub api: ApiKey,
    pub kind: Kind,
    pub version: i16,
    /// The whole frame, with its size.
    pub bytes: Vec<u8>,
    /// What is in it, as text; not given for all.
    pub value: Option<String>,
}

/// All golden messages.
pub fn golden() -> Vec<Golden> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut messages = Vec::new();
    for api in ApiKey::ALL {
        let path = folder.join(format!("{api:?}.txt"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        text.lines().for_each(|line| add_line(&mut messages, *api, line));
    }
    messages
}

fn add_line(messages: &mut Vec<Golden>, api: ApiKey, line: &str) {
    let (what, rest) = line.split_once(' ').unwrap();
    let kind = match what {
        "request" => Kind::Request,
        "response" => Kind::Response,
        "value" => {
            messages.last_mut().unwrap().value = Some(rest.to_owned());
            return;
        }
        _ => panic!("{line}"),
    };
    let (version, digits) = rest.split_once(' ').unwrap();
    let bytes = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
    messages.push(Golden { api, kind, version: version.parse().unwrap(), bytes: bytes.collect(), value: None });
}
