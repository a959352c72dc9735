//! The text files of the checkout as the rules see them, and which of their lines are code that ships.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// The text files of a checkout by their path from the root, with `/`.
#[derive(Debug, Default)]
pub(super) struct Tree {
    files: BTreeMap<String, String>,
    /// Folders and files below which everything is compiled for tests alone.
    test_modules: Vec<String>,
}

impl Tree {
    /// Reads what git tracks at `root`, and what it would track (new files that no `.gitignore` names).
    /// Files that are not UTF-8 text, and links, are left out.
    ///
    /// # Errors
    /// When git cannot list the files or one of them cannot be read.
    pub(super) fn tracked(root: &Path) -> Result<Self, String> {
        let listing = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .map_err(|error| format!("cannot run git: {error}"))?;
        if !listing.status.success() {
            return Err(format!("git ls-files: {}", String::from_utf8_lossy(&listing.stderr).trim()));
        }
        let mut files = BTreeMap::new();
        for name in listing.stdout.split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
            let Ok(name) = std::str::from_utf8(name) else { continue };
            let path = root.join(name);
            // A file that was deleted but is still in the index has no metadata, and nothing to check.
            if !path.symlink_metadata().is_ok_and(|kind| kind.is_file()) {
                continue;
            }
            let bytes = std::fs::read(&path).map_err(|error| format!("cannot read {name}: {error}"))?;
            if let Ok(text) = String::from_utf8(bytes)
                && !text.contains('\0')
            {
                files.insert(name.to_owned(), text);
            }
        }
        if files.is_empty() {
            return Err(format!("git tracks no text file at {}", root.display()));
        }
        Ok(Self::new(files))
    }

    fn new(files: BTreeMap<String, String>) -> Self {
        let rust = files.iter().filter(|(path, _)| path.ends_with(".rs"));
        let test_modules = rust.flat_map(|(path, text)| test_modules_of(path, text)).collect();
        Self { files, test_modules }
    }

    /// A tree in memory, for the tests of the rules.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        Self::new(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    /// The text of one file, if the tree has it.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Every file, ordered by path.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The files whose name ends in one of `endings`.
    pub(super) fn ending<'tree>(&'tree self, endings: &'tree [&str]) -> impl Iterator<Item = (&'tree str, &'tree str)> {
        self.files().filter(|(path, _)| endings.iter().any(|ending| path.ends_with(ending)))
    }

    /// The Rust files below `folder` (which ends in `/`).
    pub(super) fn rust_below<'tree>(&'tree self, folder: &'tree str) -> impl Iterator<Item = (&'tree str, &'tree str)> {
        self.ending(&[".rs"]).filter(move |(path, _)| path.starts_with(folder))
    }

    /// The numbered lines of a Rust file that ship: no comments, nothing under `#[cfg(test)]`, no test files.
    pub(super) fn shipped<'text>(&self, path: &str, text: &'text str) -> Vec<(usize, &'text str)> {
        let folder_of_tests = ["tests/", "benches/", "examples/"]
            .iter()
            .any(|name| path.starts_with(name) || path.contains(&format!("/{name}")));
        let test_module = self.test_modules.iter().any(|module| {
            path.strip_prefix(module.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        });
        if folder_of_tests || test_module { Vec::new() } else { without_tests(text) }
    }
}

/// The paths (without `.rs`) of the modules that `path` declares for tests alone: `#[cfg(test)] mod name;`.
fn test_modules_of(path: &str, text: &str) -> Vec<String> {
    let stem = path.trim_end_matches(".rs");
    let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let children = if ["lib", "main", "mod"].contains(&name) { folder } else { stem };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let declared = lines.iter().enumerate().filter(|(_, line)| **line == "#[cfg(test)]").filter_map(|(at, _)| {
        let item = lines[at + 1..].iter().find(|line| !line.starts_with("#["))?;
        item.strip_suffix(';')?.rsplit_once("mod ").map(|(_, module)| format!("{children}/{module}"))
    });
    declared.collect()
}

/// The numbered lines outside items marked `#[cfg(test)]`, with their comments cut off.
/// An item's end is found by its indentation, which `cargo fmt` guarantees.
fn without_tests(text: &str) -> Vec<(usize, &str)> {
    let mut kept = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            kept.push((at + 1, without_comment(line)));
            continue;
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        for (_, line) in lines.by_ref() {
            let same_level = line.strip_prefix(indent).is_some_and(|rest| !rest.starts_with(' '));
            let attribute = line.trim_start().starts_with("#[");
            if same_level && !attribute && line.ends_with(['}', ';']) {
                break;
            }
        }
    }
    kept
}

/// The part of a line of Rust before its `//` comment, if it has one outside a string.
fn without_comment(line: &str) -> &str {
    let bytes = line.as_bytes();
    let mut in_string = false;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            // A quotation mark as a character literal opens no string.
            b'"' if !in_string && at > 0 && bytes[at - 1] == b'\'' => {}
            b'"' => in_string = !in_string,
            b'/' if !in_string && bytes.get(at + 1) == Some(&b'/') => return &line[..at],
            _ => {}
        }
        at += 1;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped(path: &str, text: &str) -> Vec<String> {
        let tree = Tree::of(&[(path, text)]);
        let lines = tree.shipped(path, text).into_iter();
        lines
            .map(|(number, line)| format!("{number}:{}", line.trim_end()))
            .filter(|line| !line.ends_with(':'))
            .collect()
    }

    #[test]
    fn comments_do_not_ship_but_strings_do() {
        let text = "let a = 1; // one\n// two\nlet u = \"http://x\"; // three\nlet q = '\"'; // four\n";
        assert_eq!(shipped("crates/a/src/b.rs", text), ["1:let a = 1;", "3:let u = \"http://x\";", "4:let q = '\"';"]);
    }

    #[test]
    fn what_stands_under_cfg_test_does_not_ship() {
        let text = "fn a() {}\n#[cfg(test)]\n#[allow(dead_code)]\nmod tests {\n    fn b() {\n    }\n}\n\
                    impl X {\n    #[cfg(test)]\n    fn c() {\n        d();\n    }\n    fn e() {}\n}\n\
                    #[cfg(test)]\nuse f;\nfn g() {}\n";
        let expected = ["1:fn a() {}", "8:impl X {", "13:    fn e() {}", "14:}", "17:fn g() {}"];
        assert_eq!(shipped("crates/a/src/b.rs", text), expected);
    }

    #[test]
    fn files_of_tests_do_not_ship() {
        assert!(shipped("crates/a/tests/b.rs", "fn a() {}\n").is_empty());
        let tree = Tree::of(&[
            ("crates/a/src/lib.rs", "#[cfg(test)]\nmod model;\nmod real;\n"),
            ("crates/a/src/model.rs", "fn a() {}\n"),
            ("crates/a/src/model/deep.rs", "fn a() {}\n"),
            ("crates/a/src/model_of_things.rs", "fn a() {}\n"),
            ("crates/a/src/real.rs", "#[cfg(test)]\nmod tests;\n"),
            ("crates/a/src/real/tests.rs", "fn a() {}\n"),
        ]);
        let ships = |path: &str| !tree.shipped(path, tree.text(path).unwrap()).is_empty();
        assert!(!ships("crates/a/src/model.rs"));
        assert!(!ships("crates/a/src/model/deep.rs"));
        assert!(ships("crates/a/src/model_of_things.rs"));
        assert!(!ships("crates/a/src/real/tests.rs"));
    }

    #[test]
    fn the_tracked_files_include_this_one() {
        let tree = Tree::tracked(&crate::root()).unwrap();
        assert!(tree.text("xtask/src/tidy/tree.rs").is_some_and(|text| text.contains("the_tracked_files")));
    }
}
