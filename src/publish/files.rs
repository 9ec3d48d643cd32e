// SPDX-License-Identifier: GPL-2.0

//! The files in debugfs.

use kernel::{
    debugfs::Writer,
    fmt,
    prelude::*,
    sync::Arc, //
};

use crate::{
    facts::tally::Tally,
    readers::raw::debugfs,
    text, //
};

use super::state::State;

/// Our folder in debugfs.
pub(super) const FOLDER: &CStr = c"rdna1";

/// Which file.
#[derive(Clone, Copy)]
pub(super) enum Page {
    Gpus,
    Heaps,
    Flags,
    Checks,
    Counters,
}

impl Page {
    const ALL: [Self; 5] = [
        Self::Gpus,
        Self::Heaps,
        Self::Flags,
        Self::Checks,
        Self::Counters,
    ];

    pub(super) fn name(self) -> &'static CStr {
        match self {
            Self::Gpus => c"gpus",
            Self::Heaps => c"heaps",
            Self::Flags => c"flags",
            Self::Checks => c"checks",
            Self::Counters => c"counters",
        }
    }
}

/// A file that is published.
pub(super) struct Published {
    page: Page,
    state: Arc<State>,
}

impl Published {
    pub(super) fn new(page: Page, state: Arc<State>) -> Self {
        Self { page, state }
    }
}

impl Writer for Published {
    /// Reads all facts and writes the file's text.
    ///
    /// This is called when the file is read from its start, and again if the text is longer than
    /// the buffer that the kernel tried it with.
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tally = Tally {
            reads: 1,
            ..Tally::default()
        };
        if let Page::Counters = self.page {
            self.state.counters.add(&tally);
            return text::counters(self.state.counters.now(), f);
        }
        let Ok(snapshot) = self.state.scan(tally) else {
            // There is no way to give the reader an errno from here.
            return f
                .write_str("# no memory to read KFD's topology: nothing is known; read again\n");
        };
        match self.page {
            Page::Gpus => text::gpus(&snapshot, f),
            Page::Heaps => text::heaps(&snapshot, f),
            Page::Flags => text::flags(&snapshot, f),
            Page::Checks => text::checks(&snapshot, f),
            Page::Counters => Ok(()),
        }
    }
}

/// Fails if there is no debugfs to publish in.
pub(super) fn require_debugfs() -> Result {
    if debugfs::is_available() {
        return Ok(());
    }
    pr_err!(
        "debugfs is not available, so there is nowhere to publish: boot without debugfs=off, \
         on a kernel with CONFIG_DEBUG_FS=y\n"
    );
    Err(ENODEV)
}

/// Fails unless all files are there: creating them does not tell.
pub(super) fn require_published() -> Result {
    let folder = debugfs::Entry::find(FOLDER, None);
    let found = |page: &Page| {
        folder
            .as_ref()
            .is_some_and(|folder| debugfs::Entry::find(page.name(), Some(folder)).is_some())
    };
    if Page::ALL.iter().all(found) {
        return Ok(());
    }
    pr_err!(
        "cannot publish in debugfs: the folder rdna1 or one of its files could not be made; is \
         debugfs locked down, or the folder taken?\n"
    );
    Err(EIO)
}
