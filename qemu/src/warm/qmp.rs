// SPDX-License-Identifier: GPL-2.0

//! Speaks QMP, QEMU's control protocol: one line of JSON for each message.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{bail, Context, Result};
use serde_json::{json, Value};

/// The limit for an answer. QEMU answers at once, or never.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to QEMU.
pub struct Qmp {
    from: BufReader<UnixStream>,
    to: UnixStream,
    events: VecDeque<Value>,
}

impl Qmp {
    /// Connects, and reads QEMU's greeting.
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

    /// Sends a command, and waits for its answer.
    pub fn order(&mut self, name: &str, arguments: Value) -> Result<()> {
        // Write everything at once: QEMU acts on the last bracket, and may exit before the newline.
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

    /// Leaves the memory in its file, and requests an event at the end of a migration.
    pub fn prepare_migration(&mut self) -> Result<()> {
        let on = |name| json!({ "capability": name, "state": true });
        let capabilities = json!({ "capabilities": [on("x-ignore-shared"), on("events")] });
        self.order("migrate-set-capabilities", capabilities)
    }

    /// Writes the state of the devices to a file (`migrate`) or reads it (`migrate-incoming`), and
    /// waits for the end.
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

    /// A QEMU that answers with all of `lines`, regardless of the commands.
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
        // Closing a socket with unread data causes an error, not an end of file.
        let mut order = String::new();
        BufReader::new(&other)
            .read_line(&mut order)
            .expect("an order");
        drop(other);
        let error = gone.expect("a greeting").migrated().expect_err("gone");
        assert!(format!("{error:#}").contains("QEMU has ended"), "{error:#}");
    }
}
