// SPDX-License-Identifier: GPL-2.0

//! Publishes what was found: files in debugfs, and lines in the log.

mod counters;
mod files;
mod log;
mod state;

use kernel::{
    prelude::*,
    sync::Arc, //
};

use self::{
    files::Files,
    state::State, //
};

/// The module, while it is loaded.
pub(crate) struct Guard {
    // Held for drop effect.
    _files: Files,
}

impl kernel::Module for Guard {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let state = Arc::new(State::new()?, GFP_KERNEL)?;
        let files = Files::new(&state)?;
        log::report(&state)?;
        Ok(Self { _files: files })
    }
}
