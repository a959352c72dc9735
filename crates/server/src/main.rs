//! The composition root and the binary.

fn main() {}
