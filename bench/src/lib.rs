//! Load generators for any broker that speaks the protocol.
