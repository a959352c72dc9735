//! The contract of a protocol: what a door sees of the network and of the broker.
