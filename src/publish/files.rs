// SPDX-License-Identifier: GPL-2.0

//! The module's files in debugfs.

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
    readers::Detail,
    text, //
};

use super::state::State;

const FOLDER: &CStr = c"rdna1";

/// The module's files. Dropping this removes them.
pub(super) struct Files {
    _files: [Option<File<Published>>; 5],
}

impl Files {
    pub(super) fn new(state: &Arc<State>) -> Result<Self> {
        Self::make(state).inspect_err(|&error| why_not(error))
    }

    fn make(state: &Arc<State>) -> Result<Self> {
        let folder = Folder::new(FOLDER)?;
        let mut files = Self {
            _files: Default::default(),
        };
        let shown = [
            (c"gpus", Shows::Facts(Detail::AllFacts, text::gpus)),
            (c"heaps", Shows::Facts(Detail::RuleFacts, text::heaps)),
            (c"flags", Shows::Facts(Detail::RuleFacts, text::flags)),
            (c"checks", Shows::Facts(Detail::RuleFacts, text::checks)),
            (c"counters", Shows::Counters),
        ];
        for (place, (name, shows)) in files._files.iter_mut().zip(shown) {
            let state = state.clone();
            *place = Some(File::new(&folder, name, Published { shows, state })?);
        }
        Ok(files)
    }
}

/// Logs why the files cannot be created, and what to do.
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

struct Published {
    shows: Shows,
    state: Arc<State>,
}

type WriteFacts = fn(&Snapshot, &mut dyn fmt::Write) -> fmt::Result;

/// The content of a file.
enum Shows {
    /// Facts, read in this detail and written by this function.
    Facts(Detail, WriteFacts),
    Counters,
}

/// The content of one reading. seq_file may format it several times, always with the same text.
enum Reading {
    Facts(Snapshot, WriteFacts),
    Counters([u64; Tally::COUNT]),
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Facts(snapshot, write) => write(snapshot, f),
            Self::Counters(values) => text::counters(values, f),
        }
    }
}

impl Content for Published {
    type Reading = Reading;

    fn take(&self) -> Result<Reading> {
        let state = &*self.state;
        let tally = Tally {
            reads: 1,
            ..Tally::default()
        };
        Ok(match self.shows {
            Shows::Facts(detail, write) => {
                let snapshot = state.observe(detail, tally).map_err(|_| ENOMEM)?;
                Reading::Facts(snapshot, write)
            }
            Shows::Counters => {
                state.counters.add(&tally);
                Reading::Counters(state.counters.now())
            }
        })
    }
}
