// SPDX-License-Identifier: GPL-2.0

//! Runs `rdna1ctl requests` in a case and compares its counts with the expected ones.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{bail, ensure, Context, Result};
use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;
use serde_json::Value;

use crate::ask::Request;
use crate::ctl;

/// The message that `rdna1ctl requests` prints when tracing is on.
const BEGUN: &str = "rdna1ctl: tracing requests to KFD";

/// The exit status if every request was counted.
pub const COMPLETE: i32 = 0;
/// The exit status if some requests may be missing.
pub const INCOMPLETE: i32 = 3;

/// Non-zero counts; a key is the process, the request and the counter, such as `12 svm set`.
pub type Numbers = BTreeMap<String, u64>;

/// A running `rdna1ctl requests --json`.
pub struct Tracer(Child);

impl Tracer {
    /// Starts it and waits until it counts every new request.
    pub fn start(arguments: &[&str]) -> Result<Self> {
        let arguments = [&["requests", "--json"], arguments].concat();
        let mut command = ctl::command(&arguments)?;
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("start rdna1ctl requests")?;
        let said = child.stderr.as_mut().context("no error output")?;
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        ensure!(
            line.starts_with(BEGUN),
            "rdna1ctl {arguments:?}: expected {BEGUN:?}, seen {line:?}"
        );
        Ok(Self(child))
    }

    /// The tracer's process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends SIGINT, as Ctrl-C does; the tracer must exit with `status`.
    pub fn end(self, status: i32) -> Result<Requests> {
        self.signal(Signal::SIGINT)?;
        self.output(status)
    }

    /// Sends SIGINT; the tracer may report complete or incomplete counts.
    pub fn end_in_any_way(self) -> Result<Requests> {
        self.signal(Signal::SIGINT)?;
        self.output_by(&[COMPLETE, INCOMPLETE])
    }

    /// Waits until the tracer exits on its own; it must exit with `status`.
    pub fn output(self, status: i32) -> Result<Requests> {
        self.output_by(&[status])
    }

    fn output_by(self, expected: &[i32]) -> Result<Requests> {
        let output = self.0.wait_with_output().context("wait for rdna1ctl")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let status = output.status.code();
        ensure!(
            status.is_some_and(|status| expected.contains(&status)),
            "rdna1ctl requests: expected one of the statuses {expected:?}, seen {}\n{text}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        Requests::parse(text)
    }

    /// Ends the tracer by SIGKILL.
    pub fn murder(mut self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        let status = self.0.wait().context("wait for rdna1ctl")?;
        ensure!(!status.success(), "SIGKILL did not end it: {status}");
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.id())?);
        kill(pid, signal).with_context(|| format!("send {signal} to rdna1ctl"))
    }
}

/// Runs a command that must fail with `status` and an empty stdout; returns its stderr.
pub fn refused(command: &mut Command, status: i32) -> Result<String> {
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = output.spawn()?.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        output.status.code() == Some(status) && output.stdout.is_empty(),
        "rdna1ctl requests: expected status {status} and no output, seen {}\n{}{said}",
        output.status,
        String::from_utf8_lossy(&output.stdout)
    );
    Ok(said)
}

/// The JSON document that `rdna1ctl requests` printed.
pub struct Requests {
    text: String,
    document: Value,
}

impl Requests {
    /// Parses the document.
    pub fn parse(text: String) -> Result<Self> {
        let document = serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))?;
        Ok(Self { text, document })
    }

    /// The list at a top-level key.
    pub fn list(&self, key: &str) -> Result<&Vec<Value>> {
        let list = self.document[key].as_array();
        list.with_context(|| format!("{key} is no list:\n{}", self.text))
    }

    /// Demands the value at a JSON pointer.
    pub fn expect(&self, pointer: &str, wanted: &Value) -> Result<()> {
        let seen = self.document.pointer(pointer);
        ensure!(
            seen == Some(wanted),
            "{pointer}: expected {wanted}, seen {seen:?}\n{}",
            self.text
        );
        Ok(())
    }

    /// The number at a JSON pointer.
    pub fn number(&self, pointer: &str) -> Result<u64> {
        let number = self.document.pointer(pointer).and_then(Value::as_u64);
        number.with_context(|| format!("{pointer} is no number:\n{}", self.text))
    }

    /// All counts of the document except zeros.
    pub fn numbers(&self) -> Result<Numbers> {
        let mut numbers = Numbers::new();
        for process in self.list("processes")? {
            let pid = &process["pid"];
            for card in process["cards"].as_array().context("cards")? {
                let gpu_id = card["gpu_id"].as_str().context("gpu_id")?;
                for heap in card["memory"].as_array().context("memory")? {
                    let name = heap["heap"].as_str().context("heap")?;
                    collect(&mut numbers, &format!("{pid} alloc {gpu_id} {name}"), heap);
                }
                for (kind, key) in [("policy", "policies"), ("queue", "queues")] {
                    collect(&mut numbers, &format!("{pid} {kind} {gpu_id}"), &card[key]);
                }
            }
            let svm = &process["svm"];
            collect(&mut numbers, &format!("{pid} svm"), &svm["operations"]);
            collect(&mut numbers, &format!("{pid} svm"), svm);
            for one in svm["attributes"].as_array().unwrap_or(&Vec::new()) {
                let (op, kind) = (one["op"].as_str(), one["attribute"].as_str());
                let name = format!(
                    "{pid} svm_attribute {} {}",
                    op.context("op")?,
                    kind.context("attribute")?
                );
                collect(&mut numbers, &name, one);
            }
        }
        collect(&mut numbers, "all", &self.document);
        numbers.retain(|name, _| !matches!(name.as_str(), "all form" | "all left_out"));
        Ok(numbers)
    }

    /// Demands exactly these counts.
    pub fn expect_numbers(&self, expected: &Numbers) -> Result<()> {
        let seen = self.numbers()?;
        let names: std::collections::BTreeSet<_> = seen.keys().chain(expected.keys()).collect();
        let mut wrong = Vec::new();
        for name in names {
            let (expected, seen) = (expected.get(name), seen.get(name));
            if expected != seen {
                wrong.push(format!("{name}: expected {expected:?}, seen {seen:?}"));
            }
        }
        wrong.truncate(40);
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(())
    }
}

fn collect(numbers: &mut Numbers, name: &str, object: &Value) {
    for (key, value) in object.as_object().into_iter().flatten() {
        if let Some(number) = value.as_u64().filter(|number| *number != 0) {
            numbers.insert(format!("{name} {key}"), number);
        }
    }
}

/// Adds to `expected` the counts for a process that makes `request` `times` times.
pub fn add(expected: &mut Numbers, pid: u32, request: &Request, times: u64) -> Result<()> {
    let mut rise = |name: String| *expected.entry(name).or_default() += times;
    match request {
        Request::Alloc { gpu_id, flags, .. } => {
            let has = |bit: u32| flags & (1 << bit) != 0;
            let heaps = ["vram", "gtt", "userptr", "doorbell", "mmio"];
            let heap = heaps.into_iter().zip(0..).find(|(_, bit)| has(*bit));
            let heap = heap.map_or("none", |(heap, _)| heap);
            let name = format!("{pid} alloc {gpu_id:#x} {heap}");
            rise(format!("{name} requests"));
            let (extended, uncached, coherent, queue) = (has(24), has(25), has(26), has(27));
            let fine = extended || uncached || coherent;
            for (key, is) in [
                ("queue", queue),
                ("coarse", !queue && !fine),
                ("coherent", !queue && coherent),
                ("uncached", !queue && uncached),
                ("ext_coherent", !queue && extended),
            ] {
                if is {
                    rise(format!("{name} {key}"));
                }
            }
            if fine && !queue && ["vram", "gtt", "userptr"].contains(&heap) {
                rise("all fine".to_owned());
            }
        }
        Request::Svm { op, attributes, .. } => {
            let op = ["set", "get"].get(*op as usize).copied().unwrap_or("other");
            rise(format!("{pid} svm {op}"));
            if op == "other" {
                return Ok(());
            }
            let mut fine = false;
            for (kind, value) in attributes.iter().take(64) {
                let kind = match kind {
                    0 => "preferred_loc",
                    1 => "prefetch_loc",
                    2 => "access",
                    3 => "access_in_place",
                    4 => "no_access",
                    5 => "set_flags",
                    6 => "clr_flags",
                    7 => "granularity",
                    _ => "other",
                };
                rise(format!("{pid} svm_attribute {op} {kind} attributes"));
                if op == "set" && kind.ends_with("_flags") {
                    for (key, bit) in [("coherent", 0x2), ("ext_coherent", 0x80)] {
                        if value & bit != 0 {
                            rise(format!("{pid} svm_attribute {op} {kind} {key}"));
                            fine |= kind == "set_flags";
                        }
                    }
                }
            }
            for _ in attributes.iter().skip(64) {
                rise(format!("{pid} svm unread"));
            }
            if fine {
                rise("all fine".to_owned());
            }
        }
        Request::Policy {
            gpu_id,
            default,
            alternate,
        } => {
            let name = format!("{pid} policy {gpu_id:#x}");
            rise(format!("{name} requests"));
            for (which, policy) in [("default", default), ("alternate", alternate)] {
                match policy {
                    0 => rise(format!("{name} {which}_coherent")),
                    1 => rise(format!("{name} {which}_noncoherent")),
                    _ => (),
                }
            }
        }
        Request::Queue { gpu_id, kind } => {
            let name = format!("{pid} queue {gpu_id:#x}");
            let kinds = [
                "compute",
                "sdma",
                "compute_aql",
                "sdma_xgmi",
                "sdma_by_engine",
            ];
            let kind = kinds.get(*kind as usize).copied().unwrap_or("other");
            rise(format!("{name} requests"));
            rise(format!("{name} {kind}"));
        }
        Request::Version => bail!("AMDKFD_IOC_GET_VERSION is not counted"),
    }
    Ok(())
}
