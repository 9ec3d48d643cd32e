// SPDX-License-Identifier: GPL-2.0

//! `env`: prints the variables that fit the card.

use anyhow::Result;

use crate::documents::{self, EnvDocument, FORM};
use crate::findings::variables::settings;
use crate::root::Root;
use crate::sources::Facts;
use crate::words;
use crate::words::paper::TextWriter;

use super::{print, print_error, BAD, WELL};

pub(super) fn env(root: &Root, json: bool) -> Result<u8> {
    let facts = Facts::read(root)?;
    let found = settings(&facts);
    let status = if found.is_ok() { WELL } else { BAD };
    if json {
        let refused = found.as_ref().err().map(ToString::to_string);
        print(&documents::json(&EnvDocument {
            form: FORM,
            caveats: words::settings::caveats(&facts),
            origin: facts.pages.origin,
            refused,
            settings: found.unwrap_or_default(),
        })?)?;
        return Ok(status);
    }
    match found {
        Ok(settings) => {
            let mut paper = TextWriter::new();
            for caveat in words::settings::caveats(&facts) {
                paper.comment(&caveat);
            }
            words::settings::settings(&mut paper, &settings);
            print(paper.text())?;
        }
        // Keep stdout empty, because a shell evaluates it.
        Err(refusal) => print_error(&format!("rdna1ctl: {refusal}")),
    }
    Ok(status)
}
