// SPDX-License-Identifier: GPL-2.0

//! The file `counters`: counts since the module was loaded.

use core::fmt::{
    self,
    Write, //
};

use crate::facts::tally::Tally;

use super::record::heading;

/// Writes `counters`: a line `name value` for each, in the order of [`Tally::NAMES`].
pub fn counters(values: &[u64; Tally::COUNT], out: &mut dyn Write) -> fmt::Result {
    heading(out, "counters")?;
    for (name, value) in Tally::NAMES.iter().zip(values) {
        writeln!(out, "{name} {value}")?;
    }
    Ok(())
}
