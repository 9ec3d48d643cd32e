// SPDX-License-Identifier: GPL-2.0

//! Publishes what was found: files in debugfs, and lines in the log.

mod announce;
mod counters;
mod files;
mod log;
mod state;
mod watch;

use kernel::prelude::*;

use self::{
    files::Files,
    state::State,
    watch::Watch, //
};

/// The module, while it is loaded.
pub(crate) struct Guard {
    // Held for drop effect.
    _watch: Watch,
    _files: Files,
}

impl kernel::Module for Guard {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let state = State::new()?;
        // Watched first, so that no card is missed between the report and the watch.
        let watch = Watch::new(&state)?;
        log::report(&state);
        // Last: nothing may fail any more once a file can be opened. A load that fails frees the
        // module whoever holds it (`do_init_module()`, `kernel/module/main.c`).
        let files = Files::new(&state)?;
        Ok(Self {
            _watch: watch,
            _files: files,
        })
    }
}
