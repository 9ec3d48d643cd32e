// SPDX-License-Identifier: GPL-2.0

//! The files in debugfs.

use kernel::{
    fmt,
    prelude::*,
    sync::Arc, //
};

use crate::{
    facts::{
        snapshot::Snapshot,
        tally::Tally, //
    },
    raw::debugfs::{
        Content,
        File,
        Folder, //
    },
    readers::{
        Detail,
        Text, //
    },
    text, //
};

use super::state::State;

/// Our folder in debugfs.
const FOLDER: &CStr = c"rdna1";

/// Our files, removed when dropped.
pub(super) struct Files {
    _files: [Option<File<Page>>; 5],
}

impl Files {
    /// Makes the files.
    pub(super) fn new(state: &Arc<State>) -> Result<Self> {
        Self::make(state).inspect_err(|&error| why_not(error))
    }

    fn make(state: &Arc<State>) -> Result<Self> {
        let folder = Folder::new(FOLDER)?;
        let mut files = Self {
            _files: Default::default(),
        };
        let shown = [
            (c"gpus", Shows::Facts(Detail::Everything, text::gpus)),
            (c"heaps", Shows::Facts(Detail::Compared, text::heaps)),
            (c"flags", Shows::Facts(Detail::Compared, text::flags)),
            (c"checks", Shows::Facts(Detail::Compared, text::checks)),
            (c"counters", Shows::Counters),
        ];
        for (place, (name, shows)) in files._files.iter_mut().zip(shown) {
            let state = state.clone();
            *place = Some(File::new(&folder, name, Page { shows, state })?);
        }
        Ok(files)
    }
}

/// Says why there is nowhere to publish, and what to do.
fn why_not(error: Error) {
    let reason = if error == EEXIST {
        "debugfs has a folder rdna1 already: unload the module that made it"
    } else if error == ENOMEM {
        "no memory for the files in debugfs"
    } else {
        "debugfs is not usable, so there is nowhere to publish: boot without debugfs=off, on a kernel \
         with CONFIG_DEBUG_FS=y"
    };
    pr_err!("{} (error {})\n", reason, error.to_errno());
}

/// A file.
struct Page {
    shows: Shows,
    state: Arc<State>,
}

/// What a file shows.
enum Shows {
    /// What is written of the facts, known in this detail.
    Facts(Detail, fn(&Snapshot, &mut dyn fmt::Write) -> fmt::Result),
    Counters,
}

impl Content for Page {
    type Reading = Text;

    fn take(&self) -> Result<Text> {
        let state = &*self.state;
        let tally = Tally {
            reads: 1,
            ..Tally::default()
        };
        let snapshot = match self.shows {
            Shows::Facts(detail, _) => Some(state.observe(detail, tally).map_err(|_| ENOMEM)?),
            Shows::Counters => {
                state.counters.add(&tally);
                None
            }
        };
        Text::written(|out| match (&self.shows, &snapshot) {
            (Shows::Facts(_, write), Some(snapshot)) => write(snapshot, out),
            _ => text::counters(&state.counters.now(), out),
        })
    }
}
