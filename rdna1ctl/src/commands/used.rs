// SPDX-License-Identifier: GPL-2.0

//! The ROCm libraries that a command and its children use while they run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::findings::programs;
use crate::findings::Finding;
use crate::root::Root;
use crate::sources::mapped::{self, Mapped};
use crate::sources::patience::hold_all_signals;
use crate::sources::processes::{self, KERNELS};
use crate::words::doctor;
use crate::words::paper::{bold, TextWriter};

/// The first and the longest interval between looks. Some commands end soon.
const FIRST: Duration = Duration::from_millis(50);
const EVERY: Duration = Duration::from_secs(1);

/// The longest wait for the last look after the command has ended.
const LAST: Duration = Duration::from_secs(3);

/// The most processes of a command that are looked at.
const MOST: usize = 256;

/// For each process, the files that it has mapped, and the libraries found among them.
type Seen = BTreeMap<u32, (Vec<PathBuf>, Mapped)>;

/// Looks for the libraries in a thread, so that neither a signal nor the time-out has to wait.
pub(super) struct Used {
    root: Root,
    seen: Arc<Mutex<Seen>>,
    is_over: Arc<AtomicBool>,
    ended: Option<Receiver<()>>,
}

impl Used {
    pub(super) fn new(root: &Root) -> Self {
        Self {
            root: root.clone(),
            seen: Arc::default(),
            is_over: Arc::default(),
            ended: None,
        }
    }

    /// Starts to look at that command, unless it has started.
    pub(super) fn look(&mut self, command: u32) {
        if self.ended.is_some() {
            return;
        }
        let (sender, ended) = mpsc::channel::<()>();
        let (root, seen, is_over) = (self.root.clone(), self.seen.clone(), self.is_over.clone());
        let begun = thread::Builder::new().spawn(move || {
            hold_all_signals();
            let mut pause = FIRST;
            while !is_over.load(Ordering::Relaxed) {
                update(&root, command, &seen);
                thread::sleep(pause);
                pause = pause.saturating_mul(2).min(EVERY);
            }
            drop(sender);
        });
        // Without a thread, no library is found.
        self.ended = begun.ok().map(|_| ended);
    }

    /// Writes the findings about the libraries.
    pub(super) fn write(&mut self, paper: &mut TextWriter) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(ended) = self.ended.take() {
            let _ = ended.recv_timeout(LAST);
        }
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut findings: Vec<Finding> = Vec::new();
        for (_, found) in seen.values() {
            let finding = match found {
                Mapped::Found(libraries) if !libraries.is_empty() => programs::used(libraries),
                _ => continue,
            };
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        paper.gap();
        paper.line(&bold("ROCm's libraries in it:"));
        if findings.is_empty() {
            paper.line("None was seen.");
        }
        for finding in &findings {
            doctor::one(paper, finding);
        }
    }
}

fn update(root: &Root, command: u32, seen: &Mutex<Seen>) {
    let lock = || seen.lock().unwrap_or_else(PoisonError::into_inner);
    let family = family(root, command);
    let mut new = Vec::new();
    for (pid, files) in family.iter().zip(mapped::files(root, family.clone())) {
        let Ok(files) = files else {
            continue;
        };
        let is_known = lock().get(pid).is_some_and(|(known, _)| *known == files);
        if !is_known && files.iter().any(|file| mapped::is_rocm(file)) {
            new.push((*pid, files));
        }
    }
    let pids = new.iter().map(|(pid, _)| *pid).collect();
    let environments = processes::environments(root, pids);
    let kernels = environments.iter().map(|own| {
        let own = own.as_ref();
        own.and_then(|own| processes::value(own, KERNELS))
    });
    let pids = new.iter().map(|(pid, _)| *pid);
    let programs = pids.zip(kernels.map(|named| named.map(str::to_owned)));
    let found = mapped::libraries(root, programs.collect());
    for ((pid, files), found) in new.into_iter().zip(found) {
        if matches!(found, Mapped::Found(_)) {
            lock().insert(pid, (files, found));
        }
    }
}

fn family(root: &Root, command: u32) -> Vec<u32> {
    let mut all = vec![command];
    let mut next = 0;
    while let Some(pid) = all.get(next).copied() {
        next += 1;
        for thread in root.numbers(format!("/proc/{pid}/task")) {
            let children = root.text(format!("/proc/{pid}/task/{thread}/children"));
            let children = children.unwrap_or_default();
            let children = children
                .split_whitespace()
                .filter_map(|pid| pid.parse::<u32>().ok());
            all.extend(children.take(MOST.saturating_sub(all.len())));
        }
    }
    all
}
