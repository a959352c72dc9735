//! The arguments taken apart: a command, its words, its switches. Switches may stand anywhere; `--` ends them.

use std::collections::BTreeSet;

/// The arguments of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// The command, if one was given.
    pub(crate) command: Option<String>,
    /// What follows it without being a switch.
    pub(crate) words: Vec<String>,
    /// Switches without a value that are on.
    pub(crate) flags: BTreeSet<&'static str>,
    pub(crate) vhost: Option<String>,
    pub(crate) timeout_seconds: Option<i64>,
    pub(crate) formatter: Option<String>,
    pub(crate) http: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    /// Switches that were given by these names, in order, with what makes them invalid.
    pub(crate) invalid: Vec<(String, String)>,
    /// All switches given, by their long names, with the names they were given by.
    pub(crate) given: Vec<(&'static str, String)>,
}

enum Kind {
    Flag,
    Text,
    Integer,
}

fn switch(name: &str) -> Option<(&'static str, Kind)> {
    Some(match name {
        "--quiet" | "-q" => ("quiet", Kind::Flag),
        "--silent" | "-s" => ("silent", Kind::Flag),
        "--help" | "-?" | "-h" => ("help", Kind::Flag),
        "--version" => ("version", Kind::Flag),
        "--longnames" | "-l" => ("longnames", Kind::Flag),
        "--table-headers" => ("table-headers", Kind::Flag),
        "--online" => ("online", Kind::Flag),
        "--offline" => ("offline", Kind::Flag),
        "--local" => ("local", Kind::Flag),
        "--if-empty" | "-e" => ("if-empty", Kind::Flag),
        "--if-unused" | "-u" => ("if-unused", Kind::Flag),
        "--vhost" | "-p" => ("vhost", Kind::Text),
        "--node" | "-n" => ("node", Kind::Text),
        "--formatter" => ("formatter", Kind::Text),
        "--http" => ("http", Kind::Text),
        "--user" => ("user", Kind::Text),
        "--password" => ("password", Kind::Text),
        "--timeout" | "-t" => ("timeout", Kind::Integer),
        _ => return None,
    })
}

/// Takes the arguments apart. Never fails: what is wrong is noted in `invalid`, for the command to say.
pub(crate) fn parse(args: &[String]) -> Options {
    let mut options = Options::default();
    let mut rest = args.iter();
    let mut words = Vec::new();
    while let Some(arg) = rest.next() {
        if arg == "--" {
            words.extend(rest.by_ref().cloned());
            break;
        }
        if !arg.starts_with('-') || arg == "-" {
            words.push(arg.clone());
            continue;
        }
        let (name, value) = match arg.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (arg.as_str(), None),
        };
        let negated = name.strip_prefix("--no-").map(|positive| format!("--{positive}"));
        let known = switch(name).map(|known| (known, true));
        let known = known.or_else(|| match switch(negated.as_deref()?)? {
            (long, Kind::Flag) => Some(((long, Kind::Flag), false)),
            _ => None,
        });
        let Some(((long, kind), on)) = known else {
            options.invalid.push((name.to_owned(), value.unwrap_or_default()));
            continue;
        };
        options.given.push((long, name.to_owned()));
        if matches!(kind, Kind::Flag) {
            options.flag(long, name, on, value.as_deref());
            continue;
        }
        let next_is_value = || rest.as_slice().first().is_some_and(|next| !next.starts_with('-') || is_number(next));
        match value {
            Some(value) => options.set(long, name, value),
            None if next_is_value() => {
                let value = rest.next().cloned().unwrap_or_default();
                options.set(long, name, value);
            }
            None => options.invalid.push((name.to_owned(), String::new())),
        }
    }
    let mut words = words.into_iter();
    options.command = words.next();
    options.words = words.collect();
    options
}

fn is_number(text: &str) -> bool {
    text.parse::<i64>().is_ok()
}

impl Options {
    /// Whether a switch is on.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.contains(flag)
    }

    fn flag(&mut self, long: &'static str, name: &str, on: bool, value: Option<&str>) {
        let on = match value {
            None => on,
            Some("true") => on,
            Some("false") => !on,
            Some(other) => return self.invalid.push((name.to_owned(), other.to_owned())),
        };
        match (long, on) {
            // Headers are on unless switched off: what is remembered is that they are off.
            ("table-headers", true) => drop(self.flags.remove("no-table-headers")),
            ("table-headers", false) => drop(self.flags.insert("no-table-headers")),
            (long, true) => drop(self.flags.insert(long)),
            (long, false) => drop(self.flags.remove(long)),
        }
    }

    fn set(&mut self, long: &'static str, name: &str, value: String) {
        match long {
            "vhost" => self.vhost = Some(value),
            "formatter" => self.formatter = Some(value),
            "http" => self.http = Some(value),
            "user" => self.user = Some(value),
            "password" => self.password = Some(value),
            "timeout" => match value.parse() {
                Ok(seconds) => self.timeout_seconds = Some(seconds),
                Err(_) => self.invalid.push((name.to_owned(), value)),
            },
            // `node`: noted as given; the command refuses it.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Options {
        parse(&line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn switches_may_stand_anywhere() {
        let options = parsed("-q list_queues --vhost=v name -t 5 --no-table-headers messages -- -x");
        assert_eq!(options.command.as_deref(), Some("list_queues"));
        assert_eq!(options.words, ["name", "messages", "-x"]);
        assert_eq!((options.vhost.as_deref(), options.timeout_seconds), (Some("v"), Some(5)));
        assert!(options.has("quiet") && options.has("no-table-headers") && !options.has("silent"));
        assert!(options.invalid.is_empty());
        assert_eq!(parsed("x -p empty -t -1").vhost.as_deref(), Some("empty"));
        assert!(!parsed("x -q --no-quiet").has("quiet"));
        assert!(parsed("x --quiet=true").has("quiet") && !parsed("x --quiet=false").has("quiet"));
        assert_eq!(parsed(""), Options::default());
    }

    #[test]
    fn what_is_wrong_is_noted() {
        let invalid = |line: &str| parsed(line).invalid;
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(invalid("x --bogus -y"), [pair("--bogus", ""), pair("-y", "")]);
        assert_eq!(invalid("x --vhost"), [pair("--vhost", "")]);
        assert_eq!(invalid("x --vhost -q"), [pair("--vhost", "")]);
        assert_eq!(invalid("x --timeout abc"), [pair("--timeout", "abc")]);
        assert_eq!(invalid("x -t 2.5"), [pair("-t", "2.5")]);
        assert_eq!(invalid("x --quiet=maybe"), [pair("--quiet", "maybe")]);
    }
}
