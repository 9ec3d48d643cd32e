// SPDX-License-Identifier: GPL-2.0

//! Helper processes that the case goes on beside.

use std::ffi::CStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{ensure, Context, Result};
use nix::sched::{unshare, CloneFlags};

use super::VERB;
use crate::guard;
use crate::modules::{self, Modules};

/// Reads a file of the module as everybody does.
pub(super) const READ: &str = "read";
/// Unloads the module.
pub(super) const UNLOAD: &str = "unload";
/// Waits in a network namespace of its own; loads the module there, if asked to.
pub(super) const NET_NAMESPACE: &str = "net-namespace";

const TURN: Duration = Duration::from_millis(20);

/// A helper process. It has to be finished, or it stays.
pub struct Helper {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Helper {
    /// One that reads a file of the module.
    pub fn reading(file: &str) -> Result<Self> {
        Self::start(&[READ, file])
    }

    /// One that unloads the module.
    pub fn unloading() -> Result<Self> {
        Self::start(&[UNLOAD])
    }

    /// One in a network namespace of its own. When it is to go on it loads the
    /// module with these parameters, or nothing, and ends.
    pub fn in_net_namespace(load: Option<&CStr>) -> Result<Self> {
        let mut words = vec![NET_NAMESPACE];
        words.extend(load.map(CStr::to_str).transpose()?);
        let mut helper = Self::start(&words)?;
        let mut byte = [0];
        let mut stdout = helper.child.stdout.take().context("no pipe")?;
        if stdout.read_exact(&mut byte).is_err() {
            helper.finish()?;
        }
        helper.child.stdout = Some(stdout);
        Ok(helper)
    }

    fn start(words: &[&str]) -> Result<Self> {
        let mut command = Command::new("/proc/self/exe");
        command.arg(VERB).args(words);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().context("start a helper process")?;
        let stdin = child.stdin.take();
        Ok(Self { child, stdin })
    }

    /// Has one that waits go on.
    pub fn go_on(&mut self) -> Result<()> {
        let mut stdin = self.stdin.take().context("it goes on already")?;
        stdin.write_all(b"\n").context("wake a helper process")
    }

    /// Waits for its end, and gives what it wrote.
    pub fn finish(&mut self) -> Result<String> {
        drop(self.stdin.take());
        let (mut text, mut complaint) = (String::new(), String::new());
        if let Some(stdout) = &mut self.child.stdout {
            stdout
                .read_to_string(&mut text)
                .context("read its output")?;
        }
        if let Some(stderr) = &mut self.child.stderr {
            stderr
                .read_to_string(&mut complaint)
                .context("read its complaint")?;
        }
        let status = self.child.wait().context("wait for a helper process")?;
        ensure!(status.success(), "helper process: {}", complaint.trim());
        Ok(text)
    }

    /// The same, if it ends in time. What it writes must fit into a pipe.
    pub fn finish_within(&mut self, limit: Duration) -> Result<Option<String>> {
        drop(self.stdin.take());
        let deadline = Instant::now() + limit;
        while self
            .child
            .try_wait()
            .context("look at a helper process")?
            .is_none()
        {
            if Instant::now() > deadline {
                return Ok(None);
            }
            thread::sleep(TURN);
        }
        self.finish().map(Some)
    }
}

/// The process itself: none of its words is one of the others.
pub(super) fn run(words: &[&str]) -> Option<Result<String>> {
    Some(match words {
        [READ, file] => guard::text(file),
        [UNLOAD] => modules::remove(guard::NAME).map(|()| String::new()),
        [NET_NAMESPACE, load @ ..] => in_net_namespace(load.first().copied()),
        _ => return None,
    })
}

fn in_net_namespace(load: Option<&str>) -> Result<String> {
    unshare(CloneFlags::CLONE_NEWNET).context("leave the network namespace")?;
    let mut stdout = std::io::stdout();
    stdout.write_all(b".").and_then(|()| stdout.flush())?;
    let mut line = String::new();
    BufReader::new(std::io::stdin()).read_line(&mut line)?;
    if let Some(parameters) = load {
        Modules::find()?.load_own(guard::NAME, parameters)?;
    }
    Ok(String::new())
}
