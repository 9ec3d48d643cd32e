// SPDX-License-Identifier: GPL-2.0

//! Publishes what was found: files in debugfs, and lines in the log.

mod announce;
mod counters;
mod files;
mod log;
mod requests;
mod state;
mod watch;

use kernel::{
    prelude::*,
    sync::Arc, //
};

use self::{
    files::Files,
    requests::Requests,
    state::State,
    watch::Watch, //
};

/// The module, while it is loaded.
pub(crate) struct Guard {
    // Held for drop effect.
    _watch: Watch,
    // Disarmed after nobody can arm any more.
    _armed: Option<Armed>,
    _files: Files,
}

/// Counts requests for as long as it lives.
struct Armed(Arc<Requests>);

impl Drop for Armed {
    fn drop(&mut self) {
        self.0.disarm();
    }
}

impl kernel::Module for Guard {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let state = State::new(crate::compat::parameter!(requests) != 0)?;
        // Watched first, so that no card is missed between the report and the watch.
        let watch = Watch::new(&state)?;
        let armed = state.requests.clone().map(Armed);
        if let Some(Armed(requests)) = &armed {
            requests.arm();
        }
        log::report(&state)?;
        // Last: nothing may fail any more once a file can be opened. A load that fails frees the
        // module whoever holds it (`do_init_module()`, `kernel/module/main.c`).
        let files = Files::new(&state)?;
        Ok(Self {
            _watch: watch,
            _armed: armed,
            _files: files,
        })
    }
}
