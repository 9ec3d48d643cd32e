// SPDX-License-Identifier: GPL-2.0

//! Findings: conclusions from the facts, each with its evidence and with advice.

mod access;
mod card;
mod debugfs;
mod driver;
mod environment;
mod event_kinds;
mod judged;
mod module;
mod overrides;
mod parameters;
mod path;
mod permissions;
mod userspace;
mod verdicts;
mod visible;

pub mod code;
pub mod events;
pub mod happened;
pub mod place;
pub mod programs;
pub mod unknown;
pub mod variables;

use rdna1_records::Record;
use schemars::JsonSchema;
use serde::Serialize;

use crate::sources::Facts;

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Something is wrong, and something can be done.
    Trouble,
    /// Worth knowing; nothing is wrong.
    Note,
    /// The facts that decide it could not be read.
    Unseen,
    /// Checked, and nothing is wrong.
    Good,
}

/// A fact that supports a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Evidence {
    /// The file or the record.
    pub from: String,
    /// Its contents.
    pub what: String,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// Its name: lower-case words, joined by `-`. It stays the same in all versions.
    pub id: String,
    /// How serious it is.
    pub state: State,
    /// The conclusion, in one sentence.
    pub says: String,
    /// The facts that support it.
    pub evidence: Vec<Evidence>,
    /// The steps to take.
    pub advice: Vec<String>,
}

impl Finding {
    fn new(state: State, id: &str, says: impl Into<String>) -> Self {
        Self {
            id: id.to_owned(),
            state,
            says: says.into(),
            evidence: Vec::new(),
            advice: Vec::new(),
        }
    }

    fn good(id: &str, says: impl Into<String>) -> Self {
        Self::new(State::Good, id, says)
    }

    fn note(id: &str, says: impl Into<String>) -> Self {
        Self::new(State::Note, id, says)
    }

    fn trouble(id: &str, says: impl Into<String>) -> Self {
        Self::new(State::Trouble, id, says)
    }

    fn unseen(id: &str, says: impl Into<String>) -> Self {
        Self::new(State::Unseen, id, says)
    }

    fn seen(mut self, from: impl Into<String>, what: impl Into<String>) -> Self {
        self.evidence.push(Evidence {
            from: from.into(),
            what: what.into(),
        });
        self
    }

    /// Adds the values of these keys as evidence.
    fn seen_in(self, file: &str, record: &Record, keys: &[&str]) -> Self {
        let pairs = keys
            .iter()
            .filter_map(|key| Some(format!("{key}={}", record.find(key)?)));
        let what = pairs.collect::<Vec<_>>().join(" ");
        self.seen(file, what)
    }

    fn advise(mut self, step: impl Into<String>) -> Self {
        self.advice.push(step.into());
        self
    }
}

/// A value of a record; `?` where it is missing.
fn value<'a>(record: &'a Record, key: &str) -> &'a str {
    record.find(key).unwrap_or("?")
}

/// The page that explains the rules.
const TRUTH: &str = "docs/truth.md";

/// The verdict lie, in words for people.
pub const MISMATCH: &str = "KFD's topology does not match the hardware";

/// All findings in reading order: the verdicts first, then from the module to the programs.
pub fn all(facts: &Facts) -> Vec<Finding> {
    let parts = [
        verdicts::findings(facts),
        module::findings(facts),
        card::findings(facts),
        driver::findings(facts),
        parameters::findings(facts),
        happened::findings(facts),
        vec![place::finding(facts)],
        access::findings(facts),
        userspace::findings(facts),
        programs::findings(facts),
        environment::findings(facts),
    ];
    parts.into_iter().flatten().collect()
}
