// SPDX-License-Identifier: GPL-2.0

//! `run`: runs a program, and reports its requests to KFD.

use std::io::ErrorKind;

use anyhow::Result;

use crate::cli::Run;
use crate::findings::happened;
use crate::findings::variables::{settings, Setting};
use crate::root::Root;
use crate::sources::log::{Line, Log};
use crate::sources::Facts;
use crate::trace::Wanted;
use crate::words;
use crate::words::paper::{bold, red, yellow, TextWriter};
use crate::words::settings::caveats;

use super::ending::{not_started, status, REFUSED};
use super::print_error;
use super::requests::Traced;
use super::supervise::{supervise, End, Start};
use super::used::Used;

pub(super) fn run(root: &Root, how: &Run) -> Result<u8> {
    let facts = Facts::read(root)?;
    let settings = if how.no_env {
        Vec::new()
    } else {
        match settings(&facts) {
            Ok(settings) => settings,
            Err(refusal) => {
                print_error(&format!("rdna1ctl: {refusal}"));
                print_error("rdna1ctl: nothing was run; --no-env runs it nevertheless");
                return Ok(REFUSED);
            }
        }
    };
    if !how.no_env {
        let caveats = caveats(&facts).into_iter();
        caveats.for_each(|caveat| print_error(&format!("rdna1ctl: {caveat}")));
    }
    announce(&settings);
    let last = facts.log.last();
    // The program runs even if tracing is impossible; only its requests stay unknown then.
    let mut traced = Traced::start(root, Wanted::Started, None);
    let mut used = Used::new(root);
    let end = supervise(Start {
        words: &how.command,
        settings: &settings,
        timeout: how.timeout,
        to_stderr: false,
        meanwhile: Some(&mut |command| {
            traced.look();
            used.look(command);
        }),
    })?;
    let end = match end {
        Ok(end) => end,
        Err(error) => return Ok(not_started(&how.command, &error)),
    };
    let mut paper = TextWriter::new();
    paper.gap();
    ended(&mut paper, end);
    used.write(&mut paper);
    asked(&mut paper, &mut traced);
    logged(&mut paper, &facts, Log::read(root), last);
    print_error(paper.text().trim_end());
    Ok(status(end))
}

fn announce(settings: &[Setting]) {
    for setting in settings {
        print_error(&match &setting.value {
            Some(value) => format!("rdna1ctl: {}={value}", setting.variable),
            None => format!("rdna1ctl: {} is unset", setting.variable),
        });
    }
}

fn ended(paper: &mut TextWriter, end: End) {
    let words = match end {
        End::Exited(0) => "The command ended well (status 0).".to_owned(),
        End::Exited(status) => format!("The command ended with status {status}."),
        End::Killed(signal) => red(&format!("The command was ended by {signal}.")),
        End::TimedOut { killed: false } => {
            red("The command's time was over: it was ended by SIGTERM.")
        }
        End::TimedOut { killed: true } => {
            red("The command's time was over, and it ignored SIGTERM: it was ended by SIGKILL.")
        }
        End::Stuck(pid) => red(&format!(
            "The command's time was over, and not even SIGKILL ends process {pid}: it waits in the \
             kernel. sudo cat /proc/{pid}/stack shows where; the kernel log may, too."
        )),
    };
    paper.paragraph("", &words);
}

fn asked(paper: &mut TextWriter, traced: &mut Traced) {
    paper.gap();
    paper.line(&bold("Requests to KFD, by the command and its children:"));
    traced.write(paper);
}

fn logged(paper: &mut TextWriter, facts: &Facts, log: Log, last: Option<u64>) {
    paper.gap();
    paper.line(&bold("The kernel log meanwhile:"));
    if let Some(why) = &log.unreadable {
        let root = match why.kind() {
            ErrorKind::PermissionDenied => "; root may read it",
            _ => "",
        };
        paper.paragraph("", &format!("It could not be read: {why}{root}."));
        return;
    }
    let new: Vec<_> = log.after(last).collect();
    let expected = last.map_or(0, |last| last.saturating_add(1));
    let lost = new
        .first()
        .map_or(0, |line| line.number.saturating_sub(expected));
    if last.is_some() && lost != 0 {
        paper.paragraph(
            "",
            &yellow(&format!(
                "The kernel overwrote {lost} messages of this time: boot with log_buf_len=16M, or turn \
                 debugging off."
            )),
        );
    }
    let events = happened::of_lines(facts, &new);
    words::log::events(paper, &events);
    let about = |line: &Line| line.is_about_the_card() || line.is_about_a_crash();
    let lines: Vec<_> = new.into_iter().filter(about).collect();
    words::log::lines(paper, &lines, &events);
}
