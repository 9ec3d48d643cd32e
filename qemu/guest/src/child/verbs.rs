// SPDX-License-Identifier: GPL-2.0

//! The arguments that make this program a helper.

/// The first argument of a helper process.
pub const VERB: &str = "child";
/// The second argument of a helper that only starts another as a child: that one becomes the
/// first process of a new pid namespace.
pub const FORK: &str = "fork";
/// The second argument of a helper that calls exec from a thread other than its first.
pub const THREAD: &str = "thread";
