//! What every source file looks like: a first line that says what it is, a length one can read, nothing left over.

use super::{Finding, Tree};

/// Columns that the first line of a module's documentation may take.
const MODULE_DOC_COLUMNS: usize = 120;

/// Lines that a Rust file may have without an entry in [`ALLOW`].
const RUST_LINES: usize = 300;

/// Lines that a file in another language may have without an entry in [`ALLOW`].
const OTHER_LINES: usize = 600;

/// Lines by which an entry of [`ALLOW`] may be larger than its file before it must be lowered.
const SLACK: usize = 20;

/// The files that may be longer, with their length.
const ALLOW: &str = "xtask/tidy-allow.txt";

/// The endings of the files that people write and read as code.
const CODE: &[&str] = &[".rs", ".py", ".js", ".mjs", ".ts", ".go", ".java", ".sh", ".ci/run"];

/// Marks of work that was put off. Written in two parts, so that this file does not find itself.
const LEFTOVERS: &[&str] = &[
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
    concat!("db", "g!"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("TO", "DO"),
];

/// A Rust file begins with one `//!` line that says what it is.
pub(super) fn module_docs(tree: &Tree) -> Vec<Finding> {
    let files = tree.ending(&[".rs"]).filter(|(path, _)| !path.starts_with("e2e/"));
    let found = files.filter_map(|(path, text)| {
        let first = text.lines().next().unwrap_or("");
        let said = first.strip_prefix("//! ").is_some_and(|doc| !doc.trim().is_empty());
        let columns = first.chars().count();
        match (said, columns) {
            (false, _) => Some(Finding::new(path, 1, "the first line must be `//! ` and what this file is")),
            (true, columns) if columns > MODULE_DOC_COLUMNS => {
                Some(Finding::new(path, 1, format!("the first line has {columns} columns of {MODULE_DOC_COLUMNS}")))
            }
            _ => None,
        }
    });
    found.collect()
}

/// The root of every crate forbids unsafe code, so that no module below can allow it.
pub(super) fn forbid_unsafe(tree: &Tree) -> Vec<Finding> {
    let roots = tree.ending(&["/src/lib.rs", "/src/main.rs"]).filter(|(path, _)| !path.starts_with("e2e/"));
    let without = roots.filter(|(_, text)| !text.lines().any(|line| line == "#![forbid(unsafe_code)]"));
    without.map(|(path, _)| Finding::new(path, 0, "must say #![forbid(unsafe_code)]")).collect()
}

/// A source file has at most as many lines as its language may have, or an entry that only shrinks.
pub(super) fn file_length(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut allowed = Vec::new();
    for (at, line) in tree.text(ALLOW).unwrap_or("").lines().enumerate() {
        match line.split_once(' ').map(|(path, lines)| (path, lines.parse::<usize>())) {
            _ if line.is_empty() || line.starts_with('#') => {}
            Some((path, Ok(lines))) => allowed.push((at + 1, path, lines)),
            _ => found.push(Finding::new(ALLOW, at + 1, "an entry is `path lines`")),
        }
    }
    for (path, text) in tree.ending(CODE) {
        let lines = text.lines().count();
        let limit = allowed.iter().find(|(_, known, _)| *known == path).map_or(lines_of(path), |(_, _, limit)| *limit);
        if lines > limit {
            found.push(Finding::new(path, 0, format!("has {lines} lines of {limit}: which rooms are in it?")));
        }
    }
    for (at, path, limit) in allowed {
        let lines = tree.text(path).map_or(0, |text| text.lines().count());
        if lines <= lines_of(path) {
            found.push(Finding::new(ALLOW, at, format!("{path} has {lines} lines: the entry is stale")));
        } else if lines + SLACK < limit {
            found.push(Finding::new(ALLOW, at, format!("{path} has {lines} lines: lower its entry to that")));
        }
    }
    found
}

/// Lines that a file may have without an entry in [`ALLOW`].
fn lines_of(path: &str) -> usize {
    if path.ends_with(".rs") { RUST_LINES } else { OTHER_LINES }
}

/// Nothing in the code says that it is unfinished.
pub(super) fn leftovers(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.ending(CODE) {
        for (at, line) in text.lines().enumerate() {
            let here = LEFTOVERS.iter().filter(|word| has_word(line, word));
            found.extend(here.map(|word| Finding::new(path, at + 1, format!("{word}: finish it or leave it out"))));
        }
    }
    found
}

/// What ships does not unwrap: it refuses, or says with `expect` why the case cannot be.
pub(super) fn unwrap(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    let word = concat!(".unw", "rap()");
    for (path, text) in tree.ending(&[".rs"]).filter(|(path, _)| !path.starts_with("e2e/")) {
        let unwraps = tree.shipped(path, text).into_iter().filter(|(_, line)| line.contains(word));
        found.extend(unwraps.map(|(number, _)| {
            Finding::new(path, number, "unwrap outside a test: refuse, or `expect` with why it cannot fail")
        }));
    }
    found
}

/// No line ends in white space, and no Rust file has a tab.
pub(super) fn whitespace(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    let written = CODE.iter().copied().chain([".toml", ".md", ".yml", ".yaml"]).collect::<Vec<_>>();
    for (path, text) in tree.ending(&written) {
        for (at, line) in text.split('\n').enumerate() {
            if line.ends_with([' ', '\t', '\r']) {
                found.push(Finding::new(path, at + 1, "white space at the end of the line"));
            }
            if path.ends_with(".rs") && line.contains('\t') {
                found.push(Finding::new(path, at + 1, "a tab: indent with spaces, write \\t in a string"));
            }
        }
    }
    found
}

/// Whether the line has the word by itself, not as a part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let part_of_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(part_of_word) && (word.ends_with('!') || !after.is_some_and(part_of_word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rule: fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)]) -> Vec<(String, usize)> {
        rule(&Tree::of(files)).into_iter().map(|found| (found.path, found.line)).collect()
    }

    #[test]
    fn a_file_that_does_not_say_what_it_is_is_found() {
        let long = format!("//! {}\n", "é".repeat(117));
        let files = [
            ("a/good.rs", "//! Good.\n"),
            ("a/silent.rs", "use std;\n"),
            ("a/blank.rs", "//! \nuse std;\n"),
            ("a/empty.rs", ""),
            ("a/long.rs", long.as_str()),
            ("e2e/amqp/rust/tests/a.rs", "use std;\n"),
        ];
        let expected = ["a/blank.rs", "a/empty.rs", "a/long.rs", "a/silent.rs"].map(|path| (path.to_owned(), 1));
        assert_eq!(found(module_docs, &files), expected);
        let fits = format!("//! {}\n", "é".repeat(116));
        assert!(found(module_docs, &[("a.rs", &fits)]).is_empty());
    }

    #[test]
    fn a_crate_that_may_turn_unsafe_is_found() {
        let files = [
            ("crates/a/src/lib.rs", "//! A.\n#![forbid(unsafe_code)]\n"),
            ("crates/b/src/lib.rs", "//! B.\n// #![forbid(unsafe_code)]\n"),
            ("crates/b/src/main.rs", "//! B.\n"),
            ("crates/b/src/other.rs", "//! B.\n"),
        ];
        let expected = ["crates/b/src/lib.rs", "crates/b/src/main.rs"].map(|path| (path.to_owned(), 0));
        assert_eq!(found(forbid_unsafe, &files), expected);
    }

    #[test]
    fn a_long_file_is_found_unless_its_entry_is_true() {
        let [long, longer] = [700, 701].map(|lines| "x\n".repeat(lines));
        let length = |entries: &str, text: &str| found(file_length, &[(ALLOW, entries), ("a.py", text)]);
        assert_eq!(length("", &long), [("a.py".to_owned(), 0)]);
        assert_eq!(length("# why\na.py 700\n", &long), []);
        assert_eq!(length("a.py 700\n", &longer), [("a.py".to_owned(), 0)]);
        let entry = |line| [(ALLOW.to_owned(), line)];
        assert_eq!(length("# why\na.py 700\n", "x\n"), entry(2), "shrunk below the limit");
        assert_eq!(length("gone.rs 700\n", "x\n"), entry(1), "the file is gone");
        assert_eq!(length("a.py 900\n", &long), entry(1), "too generous");
        assert_eq!(length("a.py\n", "x\n"), entry(1), "not an entry");
    }

    #[test]
    fn a_rust_file_is_long_above_300_lines_any_other_above_600() {
        let length = |path: &str, lines: usize| found(file_length, &[(path, &"x\n".repeat(lines))]);
        for (path, most) in [("a/b.rs", 300), ("a/b.go", 600), ("a/b.sh", 600)] {
            assert_eq!(length(path, most), []);
            assert_eq!(length(path, most + 1), [(path.to_owned(), 0)]);
        }
        let entry = |lines: usize| found(file_length, &[(ALLOW, "a.rs 330\n"), ("a.rs", &"x\n".repeat(lines))]);
        assert_eq!(entry(330), []);
        assert_eq!(entry(300), [(ALLOW.to_owned(), 1)], "no longer needed");
    }

    #[test]
    fn put_off_work_is_found() {
        for word in LEFTOVERS {
            let text = format!("fine\n    {word} later\n");
            assert_eq!(found(leftovers, &[("a.rs", &text)]), [("a.rs".to_owned(), 2)], "{word}");
        }
        let inside = format!("a{}(b) {}_ID {}S\n", LEFTOVERS[0], LEFTOVERS[4], LEFTOVERS[5]);
        assert!(found(leftovers, &[("a.rs", &inside)]).is_empty());
        assert!(found(leftovers, &[("a.md", LEFTOVERS[3])]).is_empty(), "documents may speak of them");
    }

    #[test]
    fn an_unwrap_that_ships_is_found() {
        let word = concat!(".unw", "rap()");
        let text = format!("//! a{word}\nlet a = b{word};\n#[cfg(test)]\nmod tests {{\n    b{word};\n}}\n");
        assert_eq!(found(unwrap, &[("crates/a/src/b.rs", &text)]), [("crates/a/src/b.rs".to_owned(), 2)]);
        assert!(found(unwrap, &[("crates/a/tests/b.rs", &text)]).is_empty());
    }

    #[test]
    fn white_space_that_nobody_sees_is_found() {
        let at = |line| ("a.rs".to_owned(), line);
        assert_eq!(found(whitespace, &[("a.rs", "a \nb\n\tc\nd\r\n")]), [at(1), at(3), at(4)]);
        assert_eq!(found(whitespace, &[("a.go", "\ta\n"), ("a.bin", "a \n")]), []);
    }
}
