// SPDX-License-Identifier: GPL-2.0

//! The files in debugfs.

use kernel::{
    fmt,
    prelude::*,
    sync::Arc, //
};

use crate::{
    facts::{
        pci::Depth,
        snapshot::Snapshot,
        tally::Tally, //
    },
    raw::debugfs::{
        Content,
        File,
        Folder, //
    },
    readers::{
        Kernel,
        Text, //
    },
    text, //
};

use super::{
    requests::{
        self,
        Reading, //
    },
    state::State, //
};

/// Our folder in debugfs.
const FOLDER: &CStr = c"rdna1";

/// Our files, removed when dropped.
pub(super) struct Files {
    _facts: [File<Facts>; 4],
    _counters: File<Counters>,
    _requests: Option<File<Requests>>,
}

impl Files {
    /// Makes the files.
    pub(super) fn new(state: &Arc<State>) -> Result<Self> {
        let folder = Folder::new(FOLDER).inspect_err(|&error| why_not(error))?;
        let facts = |number, name, depth, write| {
            let content = Facts {
                number,
                depth,
                write,
                state: state.clone(),
            };
            File::new(&folder, name, content).inspect_err(|&error| why_not(error))
        };
        Ok(Self {
            _facts: [
                facts(0, c"gpus", Depth::Everything, |facts, f| {
                    text::gpus(facts, f)
                })?,
                facts(1, c"heaps", Depth::Identity, |facts, f| {
                    text::heaps(facts, f)
                })?,
                facts(2, c"flags", Depth::Identity, |facts, f| {
                    text::flags(facts, f)
                })?,
                facts(3, c"checks", Depth::Identity, |facts, f| {
                    text::checks(facts, f)
                })?,
            ],
            _counters: File::new(&folder, c"counters", Counters(state.clone()))
                .inspect_err(|&error| why_not(error))?,
            _requests: match &state.requests {
                Some(requests) => {
                    let content = Requests {
                        state: state.clone(),
                        requests: requests.clone(),
                    };
                    let file = File::new(&folder, c"requests", content);
                    Some(file.inspect_err(|&error| why_not(error))?)
                }
                None => None,
            },
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

/// A file of facts.
struct Facts {
    number: usize,
    depth: Depth,
    write: fn(&Snapshot<Kernel>, &mut Text) -> fmt::Result,
    state: Arc<State>,
}

impl Content for Facts {
    type Reading = Arc<Text>;

    fn take(&self) -> Result<Self::Reading> {
        let tally = Tally {
            reads: 1,
            ..Tally::default()
        };
        let seen = self.state.observe(self.depth, tally).map_err(|_| ENOMEM)?;
        seen.text(self.number, self.write)
    }

    fn write(&self, text: &Self::Reading, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text.write(f)
    }
}

/// The file of counters.
struct Counters(Arc<State>);

impl Content for Counters {
    type Reading = [u64; Tally::COUNT];

    fn take(&self) -> Result<Self::Reading> {
        self.0.counters.add(&Tally {
            reads: 1,
            ..Tally::default()
        });
        Ok(self.0.counters.now())
    }

    fn write(&self, reading: &Self::Reading, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::counters(Tally::NAMES.into_iter().zip(reading.iter().copied()), f)
    }
}

/// The file of requests.
struct Requests {
    state: Arc<State>,
    requests: Arc<requests::Requests>,
}

impl Content for Requests {
    type Reading = Reading;

    fn take(&self) -> Result<Self::Reading> {
        self.state.read_requests(&self.requests)
    }

    fn write(&self, reading: &Self::Reading, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        reading.write(f)
    }
}
