//! What a consumer group does when its members come, go, fall silent and come back.

mod commits;
mod image;
mod joins;
mod kit;
mod leaves;
mod retention;
mod sessions;
mod statics;
mod syncs;
