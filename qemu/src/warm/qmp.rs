// SPDX-License-Identifier: GPL-2.0

//! QMP, QEMU's protocol for orders: a line of JSON each.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{bail, Context, Result};
use serde_json::{json, Value};

/// QEMU answers at once; what it does not answer in this time it never will.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to QEMU.
pub struct Qmp {
    from: BufReader<UnixStream>,
    to: UnixStream,
    events: VecDeque<Value>,
}

impl Qmp {
    /// Takes QEMU's greeting.
    pub fn greet(socket: UnixStream) -> Result<Self> {
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut qmp = Self {
            to: socket.try_clone()?,
            from: BufReader::new(socket),
            events: VecDeque::new(),
        };
        let greeting = qmp.line()?;
        if greeting.get("QMP").is_none() {
            bail!("QEMU greets with {greeting}");
        }
        qmp.order("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Gives an order, and waits for the answer to it.
    pub fn order(&mut self, name: &str, arguments: Value) -> Result<()> {
        // In one piece: QEMU obeys at the last bracket, and may be gone before a line's end.
        let order = json!({ "execute": name, "arguments": arguments }).to_string() + "\n";
        self.to
            .write_all(order.as_bytes())
            .with_context(|| format!("QEMU does not hear {name}"))?;
        loop {
            let line = self.line().with_context(|| name.to_owned())?;
            if line.get("return").is_some() {
                return Ok(());
            }
            if let Some(error) = line.get("error") {
                let why = error["desc"].as_str().unwrap_or_default();
                bail!("QEMU refuses {name}: {why}");
            }
            self.events.push_back(line);
        }
    }

    /// Memory stays in its file, and the end of a migration is an event.
    pub fn prepare_migration(&mut self) -> Result<()> {
        let on = |name| json!({ "capability": name, "state": true });
        let capabilities = json!({ "capabilities": [on("x-ignore-shared"), on("events")] });
        self.order("migrate-set-capabilities", capabilities)
    }

    /// Writes the state of the devices to a file, or with `migrate-incoming`
    /// reads it, and waits until that is done.
    pub fn migrate(&mut self, name: &str, file: &Path) -> Result<()> {
        let file = file.to_string_lossy().replace('\'', r"'\''");
        let uri = match name {
            "migrate" => format!("exec:cat >'{file}'"),
            _ => format!("exec:cat '{file}'"),
        };
        self.order(name, json!({ "uri": uri }))?;
        self.migrated()
    }

    fn migrated(&mut self) -> Result<()> {
        loop {
            let event = match self.events.pop_front() {
                Some(event) => event,
                None => self.line().context("waiting for the migration")?,
            };
            if event["event"] == "MIGRATION" {
                match event["data"]["status"].as_str() {
                    Some("completed") => return Ok(()),
                    Some("failed") => bail!("QEMU says that the migration failed"),
                    _ => {}
                }
            }
        }
    }

    fn line(&mut self) -> Result<Value> {
        let mut line = String::new();
        let length = self.from.read_line(&mut line);
        if length.context("QEMU does not answer")? == 0 {
            bail!("QEMU has ended");
        }
        serde_json::from_str(&line).with_context(|| format!("QEMU says {line:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A QEMU that says all of `lines`, whatever it is told.
    fn qmp(lines: &[&str]) -> (Result<Qmp>, UnixStream) {
        let (ours, mut theirs) = UnixStream::pair().expect("sockets");
        let said = [&[r#"{"QMP": {}}"#, r#"{"return": {}}"#], lines].concat();
        writeln!(theirs, "{}", said.join("\n")).expect("written");
        (Qmp::greet(ours), theirs)
    }

    #[test]
    fn events_before_an_answer_are_not_lost() {
        let (qmp, _other) = qmp(&[
            r#"{"event": "MIGRATION", "data": {"status": "active"}}"#,
            r#"{"event": "STOP"}"#,
            r#"{"event": "MIGRATION", "data": {"status": "completed"}}"#,
            r#"{"return": {}}"#,
        ]);
        let mut qmp = qmp.expect("a greeting");
        qmp.order("migrate", json!({"uri": "x"}))
            .expect("an answer");
        qmp.migrated().expect("complete");
    }

    #[test]
    fn what_goes_wrong_is_told() {
        let (refused, _other) = qmp(&[r#"{"error": {"desc": "no such thing"}}"#]);
        let error = refused.expect("a greeting").order("x", json!({}));
        assert_eq!(
            error.expect_err("refused").to_string(),
            "QEMU refuses x: no such thing"
        );
        let (failed, _other) = qmp(&[r#"{"event": "MIGRATION", "data": {"status": "failed"}}"#]);
        assert!(failed.expect("a greeting").migrated().is_err());
        let (gone, other) = qmp(&[]);
        // A socket that is closed with something unread in it is an error, not an end.
        let mut order = String::new();
        BufReader::new(&other)
            .read_line(&mut order)
            .expect("an order");
        drop(other);
        let error = gone.expect("a greeting").migrated().expect_err("gone");
        assert!(format!("{error:#}").contains("QEMU has ended"), "{error:#}");
    }
}
