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
        Kernel,
        Text, //
    },
    text, //
};

use super::state::State;

/// Our folder in debugfs.
const FOLDER: &CStr = c"rdna1";

/// Our files, removed when dropped.
pub(super) struct Files {
    _files: [File<Page>; 5],
}

impl Files {
    /// Makes the files.
    pub(super) fn new(state: &Arc<State>) -> Result<Self> {
        let folder = Folder::new(FOLDER).inspect_err(|&error| why_not(error))?;
        let file = |name, shows| {
            let state = state.clone();
            File::new(&folder, name, Page { shows, state }).inspect_err(|&error| why_not(error))
        };
        Ok(Self {
            _files: [
                file(c"gpus", Shows::Facts(Detail::Everything, text::gpus))?,
                file(c"heaps", Shows::Facts(Detail::Compared, text::heaps))?,
                file(c"flags", Shows::Facts(Detail::Compared, text::flags))?,
                file(c"checks", Shows::Facts(Detail::Compared, text::checks))?,
                file(c"counters", Shows::Counters)?,
            ],
        })
    }
}

/// Says why there is nowhere to publish, and what to do.
fn why_not(error: Error) {
    if error == EEXIST {
        pr_err!("debugfs has a folder rdna1 already: unload what made it\n");
    } else if error == ENOMEM {
        pr_err!("no memory for the files in debugfs\n");
    } else {
        pr_err!(
            "debugfs is not usable (error {}), so there is nowhere to publish: boot without \
             debugfs=off, on a kernel with CONFIG_DEBUG_FS=y\n",
            error.to_errno()
        );
    }
}

/// A file.
struct Page {
    shows: Shows,
    state: Arc<State>,
}

/// What a file shows.
enum Shows {
    /// What is written of the facts, known in this detail.
    Facts(
        Detail,
        fn(&Snapshot<Kernel>, &mut dyn fmt::Write) -> fmt::Result,
    ),
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
        match &self.shows {
            &Shows::Facts(detail, write) => {
                let snapshot = state.observe(detail, tally).map_err(|_| ENOMEM)?;
                Text::written(&|out| write(&snapshot, out))
            }
            Shows::Counters => {
                state.counters.add(&tally);
                let values = state.counters.now();
                Text::written(&|out| text::counters(&values, out))
            }
        }
    }
}
