// SPDX-License-Identifier: GPL-2.0

//! Unloads this project's modules after each case.

use anyhow::{ensure, Result};
use modproof_guest::modules::is_loaded;

use crate::fixture;
use crate::guard;

/// Unloads the module and the fixtures, so that the next case starts without them.
pub fn clean_up() -> Result<()> {
    let mut stuck = Vec::new();
    if is_loaded(guard::NAME) {
        stuck.extend(guard::unload().err());
    }
    for fixture in fixture::ALL {
        if fixture.is_loaded() {
            stuck.extend(fixture.unload().err());
        }
    }
    let stuck: Vec<String> = stuck.iter().map(|error| format!("{error:#}")).collect();
    ensure!(stuck.is_empty(), "{}", stuck.join("\n"));
    Ok(())
}
