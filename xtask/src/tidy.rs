//! The laws of the house that the compiler does not know: one function a rule, over the files that git tracks.
//!
//! A rule takes the [`Tree`] and returns what it found. STYLE.md gives the reason of each. The same rules run as
//! a test of this crate, so `cargo test` is enough to see a breach.

mod documents;
mod layers;
mod source;
mod tree;
mod words;

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use tree::Tree;

/// One place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    /// Path from the root, with `/`.
    path: String,
    /// Line number from 1; 0 when the whole file is meant.
    line: usize,
    /// What is wrong and, where it is not obvious, what to write instead.
    what: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(formatter, "{}: {}", self.path, self.what),
            line => write!(formatter, "{}:{line}: {}", self.path, self.what),
        }
    }
}

/// A rule: its name as printed, and the function that finds its breaches.
type Rule = (&'static str, fn(&Tree) -> Vec<Finding>);

/// Every rule, in the order of the report.
const RULES: &[Rule] = &[
    ("layers", layers::layers),
    ("banned dependencies", layers::banned_dependencies),
    ("protocol words", words::protocol_words),
    ("doors without I/O", words::doors_without_io),
    ("module docs", source::module_docs),
    ("forbid unsafe", source::forbid_unsafe),
    ("file length", source::file_length),
    ("leftovers", source::leftovers),
    ("unwrap", source::unwrap),
    ("whitespace", source::whitespace),
    ("pinned requirements", documents::pinned_requirements),
    ("registry hosts", documents::registry_hosts),
    ("machine paths", documents::machine_paths),
    ("one heading", documents::one_heading),
    ("licence", documents::licence),
];

/// Runs every rule over the checkout at `root`; each line says the rule, the place and the breach.
///
/// # Errors
/// When the list of files cannot be had from git or a file cannot be read.
pub(crate) fn breaches(root: &Path) -> Result<Vec<String>, String> {
    let tree = Tree::tracked(root)?;
    let each =
        RULES.iter().flat_map(|(name, rule)| rule(&tree).into_iter().map(move |found| format!("{found} [{name}]")));
    Ok(each.collect())
}

/// The task `tidy`: prints every breach; the exit code says whether there was one.
pub(crate) fn main(root: &Path) -> ExitCode {
    match breaches(root) {
        Ok(found) if found.is_empty() => {
            println!("tidy: {} rules hold", RULES.len());
            ExitCode::SUCCESS
        }
        Ok(found) => {
            println!("{}", found.join("\n"));
            println!("tidy: {} breaches", found.len());
            ExitCode::FAILURE
        }
        Err(reason) => {
            eprintln!("tidy: {reason}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkout_is_tidy() {
        let found = breaches(&crate::root()).unwrap();
        assert!(found.is_empty(), "{} breaches:\n{}", found.len(), found.join("\n"));
    }

    #[test]
    fn a_finding_is_printed_as_a_place_an_editor_can_open() {
        assert_eq!(Finding::new("a/b.rs", 7, "no").to_string(), "a/b.rs:7: no");
        assert_eq!(Finding::new("a/b.rs", 0, "no").to_string(), "a/b.rs: no");
    }
}
