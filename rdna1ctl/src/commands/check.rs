// SPDX-License-Identifier: GPL-2.0

//! `check`: judges libraries before a program uses them.

use std::path::PathBuf;

use anyhow::Result;

use crate::check::{CheckDocument, Place};
use crate::cli::Check;
use crate::documents;
use crate::findings::code::Answer;
use crate::root::Root;
use crate::sources::rocm::Rocm;
use crate::words;
use crate::words::paper::TextWriter;
use crate::words::safe;

use super::{print, print_error, AN_UNKNOWN, BAD, UNUSABLE, WELL};

/// The variables that name the active Python environment.
const ENVIRONMENTS: [&str; 2] = ["VIRTUAL_ENV", "CONDA_PREFIX"];

pub(super) fn check(root: &Root, how: &Check) -> Result<u8> {
    let mut paths = how.paths.clone();
    let mut places = Vec::new();
    if paths.is_empty() {
        let named = ENVIRONMENTS.iter().filter_map(std::env::var_os);
        paths.extend(named.filter(|path| !path.is_empty()).map(PathBuf::from));
        places.extend(Rocm::read(root).installs.iter().map(Place::installed));
    }
    let mut is_unreadable = false;
    for path in &paths {
        match Place::look(root, path) {
            Ok(place) => places.push(place),
            Err(error) => {
                is_unreadable = true;
                let path = path.display().to_string();
                print_error(&format!(
                    "rdna1ctl: cannot look into {}: {error}",
                    safe(&path)
                ));
            }
        }
    }
    let document = CheckDocument::of(places);
    if how.json {
        print(&documents::json(&document)?)?;
    } else {
        let mut paper = TextWriter::new();
        words::check::check(&mut paper, &document);
        print(paper.text())?;
        if document.places.is_empty() && !is_unreadable {
            print_error(
                "rdna1ctl: no Python environment is active, and no ROCm is in the usual places: name a \
                 folder",
            );
        }
    }
    Ok(match document.answer() {
        _ if is_unreadable => UNUSABLE,
        Some(Answer::Native) => WELL,
        Some(Answer::OverrideOnly | Answer::NoCode) => BAD,
        Some(Answer::Unknown | Answer::NothingFound) | None => AN_UNKNOWN,
    })
}
