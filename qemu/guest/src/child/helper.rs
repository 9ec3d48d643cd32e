// SPDX-License-Identifier: GPL-2.0

//! Helper processes that run beside the case.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{ensure, Context, Result};
use modproof_wait::modules::{self, Modules};
use nix::sched::{unshare, CloneFlags};

use super::verbs::VERB;
use crate::files;

/// Reads a file.
const READ: &str = "read";
/// Unloads a module.
const UNLOAD: &str = "unload";
/// Waits in its own network namespace, and may load a module there.
const NET_NAMESPACE: &str = "net-namespace";

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A helper process. It stays until the case calls [`Self::finish`].
pub struct Helper {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Helper {
    /// Starts a helper that reads a file.
    pub fn reading(file: &Path) -> Result<Self> {
        Self::start(&[READ, file.to_str().context("a path that is not UTF-8")?])
    }

    /// Starts a helper that unloads a module.
    pub fn unloading(module: &str) -> Result<Self> {
        Self::start(&[UNLOAD, module])
    }

    /// Starts a helper in its own network namespace. It waits for [`Self::go_on`], loads the
    /// module `load` if there is one, and ends.
    pub fn in_net_namespace(load: Option<&str>) -> Result<Self> {
        let mut words = vec![NET_NAMESPACE];
        words.extend(load);
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

    /// Wakes a waiting helper.
    pub fn go_on(&mut self) -> Result<()> {
        let mut stdin = self.stdin.take().context("it goes on already")?;
        stdin.write_all(b"\n").context("wake a helper process")
    }

    /// Waits until the helper ends, and returns its output.
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

    /// Like [`Self::finish`], but returns `None` after `limit`. The output must fit into a pipe.
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
            thread::sleep(POLL_INTERVAL);
        }
        self.finish().map(Some)
    }
}

/// The body of a helper process; `None` if the words name none of these helpers.
pub(super) fn run(words: &[&str]) -> Option<Result<String>> {
    Some(match words {
        [READ, file] => files::text(Path::new(file)),
        [UNLOAD, module] => modules::remove(module).map(|()| String::new()),
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
    if let Some(module) = load {
        Modules::find()?.load_own(module, "")?;
    }
    Ok(String::new())
}
