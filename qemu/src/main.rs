//! The boot harness.
fn main() {}
