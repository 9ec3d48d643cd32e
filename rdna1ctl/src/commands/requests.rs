// SPDX-License-Identifier: GPL-2.0

//! `requests`: traces the requests of programs to KFD, and shows them.

use std::io::IsTerminal as _;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::cli::Requests;
use crate::documents;
use crate::requests::names::Names;
use crate::requests::RequestsDocument;
use crate::root::Root;
use crate::trace::{Tracer, Wanted};
use crate::words::paper::TextWriter;
use crate::words::{requests as words, safe};

use super::ending::{not_started, status, REFUSED};
use super::supervise::{supervise, Start};
use super::{print, print_error, AN_UNKNOWN, UNUSABLE, WELL};

/// The interval at which the terminal is redrawn and tracing is checked.
const EVERY: Duration = Duration::from_secs(1);

const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

pub(super) fn requests(root: &Root, how: &Requests) -> Result<u8> {
    let wanted = match how.pid {
        _ if !how.command.is_empty() => Wanted::Started,
        Some(pid) => Wanted::Process(pid),
        None => Wanted::All,
    };
    let mut traced = Traced::start(root, wanted, how.room);
    if let Tracing::Unable(why) = &traced.tracing {
        print_error(&format!("rdna1ctl: {}", safe(why)));
        return Ok(match wanted {
            Wanted::Started => REFUSED,
            Wanted::All | Wanted::Process(_) => UNUSABLE,
        });
    }
    if wanted == Wanted::Started {
        return of_command(how, traced);
    }
    print_error("rdna1ctl: tracing requests to KFD; Ctrl-C ends it");
    until_the_end(root, how, &mut traced)?;
    let document = traced.document()?;
    show(how, &document)?;
    Ok(match document.tracing.is_complete() {
        true => WELL,
        false => AN_UNKNOWN,
    })
}

fn of_command(how: &Requests, mut traced: Traced) -> Result<u8> {
    let end = supervise(Start {
        words: &how.command,
        settings: &[],
        timeout: None,
        to_stderr: how.json,
        meanwhile: Some(&mut |_| traced.look()),
    })?;
    let end = match end {
        Ok(end) => end,
        Err(error) => return Ok(not_started(&how.command, &error)),
    };
    let document = traced.document()?;
    if how.json {
        print(&documents::json(&document)?)?;
    } else {
        let mut paper = TextWriter::new();
        words::requests(&mut paper, &document);
        print_error(paper.text().trim_end());
    }
    Ok(status(end))
}

/// Shows the counts on a terminal, until a signal, the end of --seconds, or the end of the process.
fn until_the_end(root: &Root, how: &Requests, traced: &mut Traced) -> Result<()> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        signals.add(signal);
    }
    signals.thread_block().context("cannot hold signals back")?;
    let told = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC);
    let told = told.context("cannot wait for signals")?;
    let is_live = !how.json && std::io::stdout().is_terminal();
    let end = how
        .seconds
        .and_then(|time| Instant::now().checked_add(time));
    loop {
        let is_over = || {
            let is_gone = |pid| !root.has(format!("/proc/{pid}"));
            end.is_some_and(|end| Instant::now() >= end) || how.pid.is_some_and(is_gone)
        };
        if is_over() {
            return Ok(());
        }
        if is_live {
            print(CLEAR)?;
            show(how, &traced.document()?)?;
        } else {
            traced.look();
        }
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let left = left.unwrap_or(EVERY).min(EVERY);
        let left = PollTimeout::try_from(left.saturating_add(Duration::from_millis(1)));
        let mut waited = [PollFd::new(told.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waited, left.unwrap_or(PollTimeout::MAX)) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error).context("cannot wait for a signal"),
        }
    }
}

fn show(how: &Requests, document: &RequestsDocument) -> Result<()> {
    if how.json {
        return print(&documents::json(document)?);
    }
    let mut paper = TextWriter::new();
    words::requests(&mut paper, document);
    print(paper.text())
}

/// A tracer, if tracing is possible, and the names that cards had since it began.
pub(super) struct Traced {
    root: Root,
    names: Names,
    tracing: Tracing,
}

enum Tracing {
    On(Box<Tracer>),
    /// Tracing is impossible, or it has stopped; the reason.
    Unable(String),
}

impl Traced {
    /// Starts tracing, if that is possible.
    pub(super) fn start(root: &Root, wanted: Wanted, room: Option<u32>) -> Self {
        let mut traced = Self {
            root: root.clone(),
            names: Names::default(),
            tracing: match Tracer::start(root, wanted, room) {
                Ok(tracer) => Tracing::On(Box::new(tracer)),
                Err(unable) => Tracing::Unable(unable.to_string()),
            },
        };
        traced.names.update(root);
        traced
    }

    /// Checks that tracing still works, and updates the names of cards.
    pub(super) fn look(&mut self) {
        self.names.update(&self.root);
        if let Tracing::On(tracer) = &mut self.tracing {
            if let Err(error) = tracer.look() {
                let words = format!("Requests cannot be traced any more: {error:#}");
                self.tracing = Tracing::Unable(words);
            }
        }
    }

    fn document(&mut self) -> Result<RequestsDocument> {
        self.names.update(&self.root);
        match &mut self.tracing {
            Tracing::On(tracer) => Ok(RequestsDocument::of(&tracer.read()?, &self.names)),
            Tracing::Unable(why) => Err(anyhow::anyhow!("{why}")),
        }
    }

    /// Writes the counts, or the reason why there are none.
    pub(super) fn write(&mut self, paper: &mut TextWriter) {
        match self.document() {
            Ok(document) => words::requests(paper, &document),
            Err(error) => paper.paragraph("", &safe(&format!("{error:#}"))),
        }
    }
}
