//! Management API, health and metrics: a door like the others.
