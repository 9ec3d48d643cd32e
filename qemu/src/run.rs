// SPDX-License-Identifier: GPL-2.0

//! Runs other programs, logs their output, and makes them end together with modproof.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Mutex;

use anyhow::{bail, Context, Result};

use crate::interrupt::KillOnInterrupt;
use crate::ui::Activity;

const TAIL_LINES: usize = 15;

/// The log of a stage.
pub struct Log {
    path: PathBuf,
    sink: Mutex<Sink>,
}

struct Sink {
    file: File,
    tail: VecDeque<String>,
}

impl Log {
    /// Creates the log, and replaces an earlier one.
    pub fn create(path: PathBuf) -> Result<Self> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)
                .with_context(|| format!("cannot make the folder {}", parent.display()))?;
        }
        let file =
            File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        let sink = Sink {
            file,
            tail: VecDeque::new(),
        };
        Ok(Self {
            path,
            sink: Mutex::new(sink),
        })
    }

    /// Adds a line to the file, but not to the tail for error messages.
    pub fn note(&self, text: &str) {
        if let Ok(mut sink) = self.sink.lock() {
            // Ignores the error: a full disk also fails the logged program.
            let _ = writeln!(sink.file, "{text}");
        }
    }

    /// Adds a line to the file and to the tail.
    pub fn line(&self, text: &str) {
        self.note(text);
        let Ok(mut sink) = self.sink.lock() else {
            return;
        };
        if sink.tail.len() == TAIL_LINES {
            sink.tail.pop_front();
        }
        sink.tail.push_back(text.to_owned());
    }

    /// The path of the log.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The complete text so far.
    pub fn text(&self) -> String {
        let bytes = std::fs::read(&self.path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The last lines, and the path of the log.
    pub fn tail(&self) -> String {
        let mut text = String::new();
        if let Ok(sink) = self.sink.lock() {
            for line in &sink.tail {
                text.push_str("  | ");
                text.push_str(line);
                text.push('\n');
            }
        }
        format!("{text}  log: {}", self.path.display())
    }
}

/// A command that the kernel kills when this program ends, however it ends.
///
/// The kernel sends the signal when the thread that started the command ends. So that thread must
/// live as long as the command.
pub fn killed_with_parent(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Runs `command` to its end, and writes its output to `log`.
pub fn logged(command: &mut Command, log: &Log, activity: Option<&Activity>) -> Result<()> {
    log.note(&format!("$ {}", show(command)));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", program_name(command)))?;
    let _at_work = KillOnInterrupt::new(&child);
    let (out, err) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        if let Some(err) = err {
            scope.spawn(move || copy_lines(err, log, activity));
        }
        if let Some(out) = out {
            copy_lines(out, log, activity);
        }
    });
    let status = child
        .wait()
        .with_context(|| format!("cannot wait for {}", program_name(command)))?;
    if !status.success() {
        bail!("failed with {status}\n{}", log.tail());
    }
    Ok(())
}

fn copy_lines(from: impl Read, log: &Log, activity: Option<&Activity>) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end();
        log.line(text);
        if let Some(activity) = activity {
            activity.detail(text);
        }
        line.clear();
    }
}

/// Runs `command`, and returns its standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let out = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", program_name(command)))?;
    if !out.status.success() {
        bail!(
            "{} ended with {}: {}",
            program_name(command),
            out.status,
            String::from_utf8_lossy(&out.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

fn program_name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|w| w.to_string_lossy().into_owned()).collect();
    words.join(" ")
}

/// Root's rights: from the current user, or through sudo.
#[derive(Clone, Copy, Debug)]
pub struct Privilege {
    sudo: bool,
}

impl Privilege {
    /// Finds out whether sudo is necessary.
    pub fn detect() -> Self {
        Self {
            sudo: !rustix::process::geteuid().is_root(),
        }
    }

    /// Asks for sudo's password, once. Call this before the work that needs root's rights, so that
    /// the prompt does not appear in the middle of it.
    pub fn obtain(&self) -> Result<()> {
        static OBTAINED: AtomicBool = AtomicBool::new(false);
        if !self.sudo || OBTAINED.load(Ordering::Relaxed) {
            return Ok(());
        }
        eprintln!("not root: sudo is used to make the build root and to run builds inside it");
        let status = Command::new("sudo").arg("-v").status();
        match status {
            Ok(status) if status.success() => {
                OBTAINED.store(true, Ordering::Relaxed);
                Ok(())
            }
            _ => bail!("root's rights are needed and sudo does not give them; run as root"),
        }
    }

    /// A command as root, in its own mount and process namespaces. Its mounts vanish with it, and
    /// killing it kills all its children. It holds `lock` until the last of them has ended.
    pub fn contained(&self, lock: &Path) -> Result<Command> {
        self.obtain()?;
        if let Some(parent) = lock.parent() {
            std::fs::create_dir_all(parent)?;
        }
        File::options()
            .create(true)
            .append(true)
            .open(lock)
            .with_context(|| format!("cannot write {}", lock.display()))?;
        let mut command = if self.sudo {
            let mut command = Command::new("sudo");
            command.args(["setpriv", "--pdeathsig", "KILL", "--", "flock"]);
            command
        } else {
            killed_with_parent("flock")
        };
        command.arg("--no-fork").arg(lock).args([
            "unshare",
            "--mount",
            "--propagation",
            "private",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "--",
        ]);
        Ok(command)
    }

    /// Removes a folder that may hold root's files. Stays on one file system.
    pub fn remove_tree(&self, path: &Path) -> Result<()> {
        if !path.exists() && !path.is_symlink() {
            return Ok(());
        }
        let mut command = Command::new("rm");
        let words = ["-rf", "--one-file-system", "--"];
        // Try without sudo first: most folders hold only the user's files.
        if self.sudo && output(Command::new("rm").args(words).arg(path)).is_err() {
            self.obtain()?;
            command = Command::new("sudo");
            command.arg("rm");
        }
        output(command.args(words).arg(path))
            .with_context(|| format!("cannot remove {}", path.display()))?;
        Ok(())
    }
}
