// SPDX-License-Identifier: GPL-2.0

//! The file `counters`: what happened since the module was loaded.

use core::fmt::{
    self,
    Write, //
};

use super::record::heading;

/// Writes `counters`: a line `name value` for each.
pub fn counters<'a>(
    counters: impl IntoIterator<Item = (&'a str, u64)>,
    out: &mut dyn Write,
) -> fmt::Result {
    heading(out, "counters")?;
    for (name, value) in counters {
        writeln!(out, "{name} {value}")?;
    }
    Ok(())
}
