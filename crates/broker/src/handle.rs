//! What doors hold of a queue, and of who has logged in.

use crate::queue::Queue;
use narumq_model::{Name, ObjectId, QueueDefinition};
use std::sync::Arc;

/// A user that proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its name.
    pub name: Name,
    /// Its tags, such as `administrator`.
    pub tags: Vec<Name>,
}

/// A queue by handle. It may have been deleted meanwhile; operations then find nothing.
#[derive(Clone, Debug)]
pub struct QueueHandle(pub(crate) Arc<Queue>);

impl QueueHandle {
    /// As it was declared.
    pub fn definition(&self) -> &QueueDefinition {
        &self.0.definition
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.0.definition.name
    }

    /// Its id.
    pub fn id(&self) -> ObjectId {
        self.0.definition.id
    }

    /// The name of its vhost.
    pub fn vhost(&self) -> &Name {
        &self.0.vhost
    }
}
