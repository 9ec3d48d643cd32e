// SPDX-License-Identifier: GPL-2.0

//! The file `checks`: the output of each rule for each card.

use core::fmt;

use crate::{
    facts::prelude::*,
    rules::*, //
};

use super::record::*;

/// Writes `checks`. A rule about the node as a whole has `bank=-`.
pub fn checks(snapshot: &Snapshot, out: &mut dyn fmt::Write) -> fmt::Result {
    heading(out, "checks")?;
    for card in snapshot.cards() {
        findings(snapshot, card, About::Card, &mut |finding| {
            let mut record = Record::of(card, out);
            record.node(Some(finding.node));
            match finding.bank {
                Some(bank) => record.number_known("bank", bank.number),
                None => record.word("bank", "-"),
            }
            record.word("rule", finding.rule.name);
            record.show("expected", &finding.judgement.expected);
            record.show("observed", &finding.judgement.observed);
            record.word("verdict", finding.judgement.verdict.name());
            record.end()
        })?;
    }
    Ok(())
}
