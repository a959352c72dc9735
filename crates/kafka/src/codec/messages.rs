//! The table of messages: every request and response with its fields, grouped by what they are about.
//!
//! A line is a field: `name: type [versions]`, then `null [versions]` where a null is allowed in some versions only,
//! `tag n` for a tagged field, and `= default` where that is not the type's own. Names are the protocol's.

pub mod auth;
pub mod cluster;
pub mod commits;
pub mod configs;
pub mod fetch;
pub mod group_admin;
pub mod groups;
pub mod metadata;
pub mod offsets;
pub mod produce;
pub mod topics;
