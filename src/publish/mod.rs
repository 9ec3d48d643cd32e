// SPDX-License-Identifier: GPL-2.0

//! Publishes the results: files in debugfs, lines in the log, and uevents.

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

/// The loaded module.
pub(crate) struct Guard {
    // Held for their drop effects.
    _watch: Watch,
    _files: Files,
}

impl kernel::Module for Guard {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let state = State::new()?;
        // The watch starts first, so that no card is missed between the report and the watch.
        let watch = Watch::new(&state)?;
        log::report(&state);
        // The files come last: nothing may fail once somebody can open a file. A load that fails
        // frees the module even if somebody holds a reference (`do_init_module()`,
        // `kernel/module/main.c`).
        let files = Files::new(&state)?;
        Ok(Self {
            _watch: watch,
            _files: files,
        })
    }
}
