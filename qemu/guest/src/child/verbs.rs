// SPDX-License-Identifier: GPL-2.0

//! The arguments that make this program a helper.

/// The first argument of a helper process.
pub const VERB: &str = "child";
/// The second argument of a helper that only starts another: the first of a new pid namespace.
pub const FORK: &str = "fork";
/// The second argument of a helper in which a thread other than the first executes another program.
pub const THREAD: &str = "thread";
