// SPDX-License-Identifier: GPL-2.0

//! Findings: what follows from what was read, each with its evidence and what to do.

mod card;
mod debugfs;
mod driver;
mod environment;
mod module;
mod overrides;
mod userspace;
mod verdicts;

pub mod variables;

use rdna1_records::Record;
use schemars::JsonSchema;
use serde::Serialize;

use crate::sources::Facts;

/// How a finding is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Something is wrong, and something can be done.
    Trouble,
    /// Worth knowing; nothing is wrong.
    Note,
    /// It could not be found out.
    Unseen,
    /// Looked at, and all is well.
    Good,
}

/// What a finding rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Evidence {
    /// The file or the record.
    pub from: String,
    /// What stands there.
    pub what: String,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// Its name: lower-case words with `-` between. It stays the same from version to version.
    pub id: String,
    /// How it is to be taken.
    pub state: State,
    /// What is the matter, in one sentence.
    pub says: String,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// What to do about it, step by step.
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

    /// Takes the values of those keys as evidence.
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

/// The page that explains the rules.
const TRUTH: &str = "docs/truth.md";

/// All that is found, in the order in which it is best read: what KFD says first, then from the
/// module to the programs.
pub fn all(facts: &Facts) -> Vec<Finding> {
    let parts = [
        verdicts::findings(facts),
        module::findings(facts),
        card::findings(facts),
        driver::findings(facts),
        userspace::findings(facts),
        environment::findings(facts),
    ];
    parts.into_iter().flatten().collect()
}
