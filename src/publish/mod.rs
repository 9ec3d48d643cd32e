// SPDX-License-Identifier: GPL-2.0

//! Publishes what was found: files in debugfs, and lines in the log.

mod counters;
mod files;
mod log;
mod state;

use kernel::{
    debugfs::{
        Dir,
        File, //
    },
    prelude::*,
    sync::Arc, //
};

use self::{
    files::{
        Page,
        Published, //
    },
    state::State, //
};

/// The module, while it is loaded.
#[pin_data]
pub(crate) struct Guard {
    // Held for drop effect: the files go before the folder.
    #[pin]
    _gpus: File<Published>,
    #[pin]
    _heaps: File<Published>,
    #[pin]
    _flags: File<Published>,
    #[pin]
    _checks: File<Published>,
    #[pin]
    _counters: File<Published>,
    _folder: Dir,
}

impl kernel::InPlaceModule for Guard {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        // The initialiser runs only once.
        pin_init::pin_init_scope(|| {
            files::require_debugfs()?;
            let state = Arc::new(State::new()?, GFP_KERNEL)?;
            let folder = Dir::new(files::FOLDER);
            let file = {
                let state = state.clone();
                move |page| Published::new(page, state.clone())
            };
            Ok(try_pin_init!(Self {
                _gpus <- folder.read_only_file(Page::Gpus.name(), file(Page::Gpus)),
                _heaps <- folder.read_only_file(Page::Heaps.name(), file(Page::Heaps)),
                _flags <- folder.read_only_file(Page::Flags.name(), file(Page::Flags)),
                _checks <- folder.read_only_file(Page::Checks.name(), file(Page::Checks)),
                _counters <- folder.read_only_file(Page::Counters.name(), file(Page::Counters)),
                _folder: folder,
            }? Error)
            .pin_chain(move |_| {
                files::require_published()?;
                log::report(&state)
            }))
        })
    }
}
