//! What documents, scripts and requirement files may say: pinned versions, no place that only one machine has.

use super::{Finding, Tree};

/// Hosts of package registries. The ordinary client knows its registry; a file that names one works in one place.
/// Written in two parts, so that this file does not find itself.
const REGISTRY_HOSTS: &[&str] = &[
    concat!("pypi", ".org"),
    concat!("files.python", "hosted.org"),
    concat!("registry.", "npmjs.org"),
    concat!("registry.", "yarnpkg.com"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("proxy.", "golang.org"),
    concat!("sum.", "golang.org"),
    concat!("repo.maven.", "apache.org"),
    concat!("repo1.", "maven.org"),
    concat!("deb.", "debian.org"),
];

/// Beginnings of paths that exist on some machines only.
const MACHINE_PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

/// The folder that only some systems have, and that a script asks its system for.
const TEMPORARY: &str = concat!("/tm", "p/");

/// A folder beside the checkout: the project needs nothing outside itself.
const BESIDE: &str = concat!("../sha", "red");

/// Documents and scripts: what a stranger copies from.
const DOCUMENTS: &[&str] =
    &[".md", ".sh", ".py", ".js", ".mjs", ".ts", ".go", ".java", ".yml", ".yaml", ".toml", ".ci/run"];

/// Each requirement of the end-to-end clients names one version.
pub(super) fn pinned_requirements(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    let files = tree.ending(&[".txt"]).filter(|(path, _)| {
        let name = path.rsplit('/').next().unwrap_or(path);
        path.starts_with("e2e/") && name.starts_with("requirements")
    });
    for (path, text) in files {
        for (at, line) in text.lines().enumerate() {
            let requirement = line.split('#').next().unwrap_or("").trim();
            let pinned = requirement.is_empty() || requirement.starts_with('-') || requirement.contains("==");
            if !pinned {
                found.push(Finding::new(path, at + 1, format!("{requirement} is not pinned with ==")));
            }
        }
    }
    found
}

/// No file names the host of a package registry.
pub(super) fn registry_hosts(tree: &Tree) -> Vec<Finding> {
    lines_with(
        tree.files(),
        |line| REGISTRY_HOSTS.iter().find(|host| line.contains(**host)).copied(),
        |host| format!("names the registry host {host}: leave it to the client"),
    )
}

/// No file names a path of one machine, and no document a temporary folder by name.
pub(super) fn machine_paths(tree: &Tree) -> Vec<Finding> {
    let everywhere = lines_with(
        tree.files(),
        |line| MACHINE_PATHS.iter().find(|path| begins_path(line, path)).copied(),
        |path| format!("names {path}, which other machines do not have"),
    );
    let beside = lines_with(
        tree.files(),
        |line| line.contains(BESIDE).then_some(BESIDE),
        |path| format!("names {path}: the project needs nothing beside itself"),
    );
    let temporary = lines_with(
        tree.ending(DOCUMENTS),
        |line| begins_path(line, TEMPORARY).then_some(TEMPORARY),
        |path| format!("names {path}: ask the system for a temporary folder, or use a relative path"),
    );
    [everywhere, beside, temporary].concat()
}

/// A document has exactly one heading of the first level: its title.
pub(super) fn one_heading(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.ending(&[".md"]) {
        let mut fenced = false;
        let headings = text.lines().filter(|line| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            !fenced && !fence && line.starts_with("# ")
        });
        let count = headings.count();
        if count != 1 {
            found.push(Finding::new(path, 0, format!("has {count} first-level headings: one is its title")));
        }
    }
    found
}

/// The licence that the manifests name lies at the root.
pub(super) fn licence(tree: &Tree) -> Vec<Finding> {
    match tree.text("LICENSE") {
        Some(text) if text.contains("Apache License") => Vec::new(),
        Some(_) => vec![Finding::new("LICENSE", 0, "is not the Apache License that the manifests name")],
        None => vec![Finding::new("LICENSE", 0, "is missing")],
    }
}

/// The lines of `files` in which `look` sees something, each with what `say` says of it.
fn lines_with<'tree, 'word>(
    files: impl Iterator<Item = (&'tree str, &'tree str)>,
    look: impl Fn(&str) -> Option<&'word str>,
    say: impl Fn(&str) -> String,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in files {
        for (at, line) in text.lines().enumerate() {
            found.extend(look(line).map(|word| Finding::new(path, at + 1, say(word))));
        }
    }
    found
}

/// Whether an absolute path beginning with `path` stands in the line; `a/work/b` and a URL's path are none.
fn begins_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_' | '/' | '~' | '}'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rule: fn(&Tree) -> Vec<Finding>, files: &[(&str, &str)]) -> Vec<(String, usize)> {
        rule(&Tree::of(files)).into_iter().map(|found| (found.path, found.line)).collect()
    }

    #[test]
    fn a_requirement_without_a_version_is_found() {
        let path = "e2e/amqp/python/requirements.txt";
        let text = "# clients\npika==1.3.2\naio-pika>=9  # newest\n-r other.txt\n\npytest\n";
        let other = ("docs/requirements.txt", "pika\n");
        let expected = [3, 6].map(|line| (path.to_owned(), line));
        assert_eq!(found(pinned_requirements, &[(path, text), other]), expected);
    }

    #[test]
    fn the_host_of_a_registry_is_found() {
        for host in REGISTRY_HOSTS {
            let text = format!("a\n\"resolved\": \"https://{host}/a\"\n");
            assert_eq!(found(registry_hosts, &[("e2e/a.json", &text)]), [("e2e/a.json".to_owned(), 2)], "{host}");
        }
        let lock = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
        assert!(found(registry_hosts, &[("Cargo.lock", lock)]).is_empty());
    }

    #[test]
    fn a_path_of_one_machine_is_found() {
        for path in MACHINE_PATHS {
            let text = format!("cd {path}main\n");
            assert_eq!(found(machine_paths, &[("a.txt", &text)]), [("a.txt".to_owned(), 1)], "{path}");
            let inside = format!("target{path}main and https://host{path}\n");
            assert!(found(machine_paths, &[("a.txt", &inside)]).is_empty(), "{path}");
        }
        let temporary = format!("narumq --data {TEMPORARY}a\n");
        assert_eq!(found(machine_paths, &[("a.md", &temporary)]), [("a.md".to_owned(), 1)]);
        assert!(found(machine_paths, &[("a.rs", &temporary)]).is_empty());
        let beside = format!("read {BESIDE}/a\n");
        assert_eq!(found(machine_paths, &[("a.rs", &beside)]), [("a.rs".to_owned(), 1)]);
    }

    #[test]
    fn a_document_without_one_title_is_found() {
        let files = [
            ("good.md", "# Title\n\n## Part\n```sh\n# a comment\n```\n"),
            ("none.md", "## Part\n"),
            ("two.md", "# One\n# Two\n"),
        ];
        assert_eq!(found(one_heading, &files), [("none.md".to_owned(), 0), ("two.md".to_owned(), 0)]);
    }

    #[test]
    fn a_missing_or_another_licence_is_found() {
        assert_eq!(found(licence, &[("LICENSE", "Apache License\n")]), []);
        assert_eq!(found(licence, &[("LICENSE", "MIT\n")]).len(), 1);
        assert_eq!(found(licence, &[("README.md", "# A\n")]).len(), 1);
    }
}
