// SPDX-License-Identifier: GPL-2.0

//! `status`, `heaps`, `checks`, `gpus`, `counters` and `doctor`.

use anyhow::Result;

use crate::cli::File;
use crate::documents::{self, DoctorDocument, StatusDocument, FORM};
use crate::findings::{self, State};
use crate::root::Root;
use crate::sources::module::Module;
use crate::sources::pages::Pages;
use crate::sources::Facts;
use crate::words::paper::TextWriter;
use crate::words::{self};

use super::{of_verdict, print, BAD, WELL};

pub(super) fn status(root: &Root, json: bool) -> Result<u8> {
    let facts = Facts::read_with_libraries(root)?;
    let status = StatusDocument::of(&facts);
    if json {
        print(&documents::json(&status)?)?;
    } else {
        let mut paper = TextWriter::new();
        words::status::status(&mut paper, &status);
        print(paper.text())?;
    }
    Ok(of_verdict(facts.pages.verdict()))
}

pub(super) fn file(root: &Root, file: File, json: bool) -> Result<u8> {
    let module = Module::read(root);
    let pages = Pages::read(root, &module)?;
    let judged = matches!(file, File::Heaps | File::Checks | File::Gpus);
    let status = if judged {
        of_verdict(pages.verdict())
    } else {
        WELL
    };
    if json {
        print(&documents::page(&pages, file)?)?;
        return Ok(status);
    }
    let mut paper = TextWriter::new();
    match file {
        File::Heaps => words::pages::heaps(&mut paper, &pages.heaps),
        File::Checks => words::pages::checks(&mut paper, &pages.checks),
        File::Gpus => words::pages::gpus(&mut paper, &pages.gpus),
        File::Counters => match &pages.counters {
            Some(counters) => words::pages::counters(&mut paper, counters),
            None => paper.line("Only the module has counters, and its file could not be read."),
        },
    }
    paper.gap();
    words::pages::origin(&mut paper, &pages.origin);
    print(paper.text())?;
    Ok(status)
}

pub(super) fn doctor(root: &Root, json: bool) -> Result<u8> {
    let facts = Facts::read_closely(root)?;
    let mut findings = findings::all(&facts);
    findings.sort_by_key(|finding| finding.state);
    let troubled = findings.iter().any(|one| one.state == State::Trouble);
    if json {
        let document = DoctorDocument {
            form: FORM,
            origin: facts.pages.origin.clone(),
            findings,
        };
        print(&documents::json(&document)?)?;
    } else {
        let mut paper = TextWriter::new();
        words::doctor::doctor(&mut paper, &findings);
        words::pages::origin(&mut paper, &facts.pages.origin);
        print(paper.text())?;
    }
    Ok(if troubled { BAD } else { WELL })
}
