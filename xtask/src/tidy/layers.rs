//! Which crate may import which: the arrows point one way, from the socket to the log.
//!
//! ```text
//!   server ──► everything            ctl ─ bench ─ xtask : nothing of ours
//!      net ──────────────► door ──► broker ──► log ──► model
//!    admin ─┐               ▲         ▲
//!     amqp ─┴───────────────┴─────────┘       a protocol never sees another, nor log, nor net
//! ```
//!
//! Cargo refuses cycles; these rules refuse the skips that Cargo allows. Development dependencies are free.

use toml::{Table, Value};

use super::{Finding, Tree};

/// The allowed imports of one crate.
enum May {
    /// These crates of ours and no others.
    Import(&'static [&'static str]),
    /// Every crate of ours: the composition root alone.
    ImportAll,
}

/// Who may import whom, by folder name. A crate that is not here is refused: decide its place first.
const LAYERS: &[(&str, May)] = &[
    ("model", May::Import(&[])),
    ("log", May::Import(&["model"])),
    ("broker", May::Import(&["model", "log"])),
    ("door", May::Import(&["model", "broker"])),
    ("amqp", May::Import(&["model", "broker", "door"])),
    ("kafka", May::Import(&["model", "broker", "door"])),
    ("sqs", May::Import(&["model", "broker", "door"])),
    ("redis", May::Import(&["model", "broker", "door"])),
    ("net", May::Import(&["model", "door"])),
    ("admin", May::Import(&["model", "broker", "door"])),
    ("ctl", May::Import(&[])),
    ("bench", May::Import(&[])),
    ("xtask", May::Import(&[])),
    ("server", May::ImportAll),
];

/// Crates that neither schedule, nor open sockets, nor roll dice: time, disk and randomness are their arguments.
const PURE: &[&str] = &["model", "log", "broker", "door", "amqp", "kafka", "sqs", "redis", "admin"];

/// What a pure crate must not depend on. (The log may use `rustix`: the disk is its trade.)
const BANNED: &[&str] = &["tokio", "mio", "socket2", "rand", "getrandom"];

/// A crate depends on our crates as [`LAYERS`] says.
pub(super) fn layers(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, name, manifest) in crates(tree, &mut found) {
        let Some((_, may)) = LAYERS.iter().find(|(known, _)| *known == name) else {
            found.push(Finding::new(path, 0, format!("crate {name} has no row in LAYERS (xtask/src/tidy/layers.rs)")));
            continue;
        };
        let May::Import(allowed) = may else { continue };
        for dependency in dependencies(&manifest) {
            let ours = dependency.strip_prefix("narumq").map(|rest| rest.trim_start_matches('-'));
            if let Some(ours) = ours
                && !allowed.contains(&ours)
            {
                found.push(Finding::new(path, 0, format!("{name} must not import {dependency}")));
            }
        }
    }
    found
}

/// A pure crate depends on nothing that has sockets, a scheduler or randomness.
pub(super) fn banned_dependencies(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, name, manifest) in crates(tree, &mut Vec::new()) {
        if !PURE.contains(&name) {
            continue;
        }
        let banned = dependencies(&manifest).into_iter().filter(|dependency| BANNED.contains(&dependency.as_str()));
        found.extend(banned.map(|dependency| {
            Finding::new(path, 0, format!("{name} must not depend on {dependency}: take its effect as an argument"))
        }));
    }
    found
}

/// The manifests of our crates as (path, folder name, content). What does not parse goes to `found`.
fn crates<'tree>(tree: &'tree Tree, found: &mut Vec<Finding>) -> Vec<(&'tree str, &'tree str, Table)> {
    let mut manifests = Vec::new();
    for (path, text) in tree.ending(&["/Cargo.toml"]) {
        let folder = path.trim_end_matches("/Cargo.toml");
        let Some(name) = folder.strip_prefix("crates/").or(Some(folder)).filter(|name| !name.contains('/')) else {
            continue;
        };
        match text.parse::<Table>() {
            Ok(manifest) => manifests.push((path, name, manifest)),
            Err(error) => found.push(Finding::new(path, 0, format!("cannot be read: {error}"))),
        }
    }
    manifests
}

/// The packages a manifest depends on when it ships: `[dependencies]` and `[build-dependencies]`,
/// also per target, with the true name of a renamed one.
fn dependencies(manifest: &Table) -> Vec<String> {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let sections = std::iter::once(manifest).chain(targets.filter_map(Value::as_table));
    let mut names = Vec::new();
    for section in sections {
        for kind in ["dependencies", "build-dependencies"] {
            let Some(table) = section.get(kind).and_then(Value::as_table) else { continue };
            names.extend(table.iter().map(|(name, value)| {
                let renamed = value.get("package").and_then(Value::as_str);
                renamed.unwrap_or(name).to_owned()
            }));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn what(found: Vec<Finding>) -> Vec<String> {
        found.into_iter().map(|found| found.to_string()).collect()
    }

    #[test]
    fn an_arrow_that_skips_a_wall_is_found() {
        let tree = Tree::of(&[
            ("crates/amqp/Cargo.toml", "[dependencies]\nnarumq-door.workspace = true\nnarumq-log.workspace = true\n"),
            ("crates/server/Cargo.toml", "[dependencies]\nnarumq-log = '1'\n"),
            ("crates/net/Cargo.toml", "[target.'cfg(unix)'.dependencies]\nengine = { package = 'narumq-broker' }\n"),
            ("crates/model/Cargo.toml", "[dev-dependencies]\nnarumq-door = '1'\n"),
            ("bench/Cargo.toml", "[dependencies]\nnarumq = '1'\n"),
        ]);
        let expected = [
            "bench/Cargo.toml: bench must not import narumq",
            "crates/amqp/Cargo.toml: amqp must not import narumq-log",
            "crates/net/Cargo.toml: net must not import narumq-broker",
        ];
        assert_eq!(what(layers(&tree)), expected);
    }

    #[test]
    fn a_crate_without_a_place_is_found() {
        let tree = Tree::of(&[("crates/mqtt/Cargo.toml", ""), ("e2e/amqp/rust/Cargo.toml", "")]);
        let expected = ["crates/mqtt/Cargo.toml: crate mqtt has no row in LAYERS (xtask/src/tidy/layers.rs)"];
        assert_eq!(what(layers(&tree)), expected);
    }

    #[test]
    fn a_manifest_that_does_not_parse_is_found() {
        let found = layers(&Tree::of(&[("crates/log/Cargo.toml", "[dependencies\n")]));
        assert!(found[0].what.starts_with("cannot be read"), "{found:?}");
    }

    #[test]
    fn a_runtime_in_a_pure_crate_is_found() {
        let tree = Tree::of(&[
            ("crates/broker/Cargo.toml", "[dependencies]\ntokio = '1'\nbytes = '1'\n"),
            ("crates/log/Cargo.toml", "[dependencies]\nrustix = '1'\n[dev-dependencies]\nrand = '1'\n"),
            ("crates/net/Cargo.toml", "[dependencies]\nmio = '1'\n"),
        ]);
        let expected = ["crates/broker/Cargo.toml: broker must not depend on tokio: take its effect as an argument"];
        assert_eq!(what(banned_dependencies(&tree)), expected);
    }
}
