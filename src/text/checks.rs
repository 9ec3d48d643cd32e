// SPDX-License-Identifier: GPL-2.0

//! The file `checks`: what each rule says of each card.

use core::fmt::{
    self,
    Display,
    Write, //
};

use crate::{
    facts::{
        map::Maps,
        snapshot::Snapshot, //
    },
    rules::{
        findings,
        About, //
    },
};

use super::record::{
    heading,
    node_number,
    record,
    Known,
    Pair, //
};

/// Writes `checks`. A rule about the node as a whole has `bank=-`.
pub fn checks<M: Maps>(snapshot: &Snapshot<M>, out: &mut dyn Write) -> fmt::Result {
    heading(out, "checks")?;
    for (key, card) in snapshot.cards() {
        findings(snapshot, key, About::Card, &mut |finding| {
            let bank: &dyn Display = match finding.bank {
                Some(bank) => &Known(bank.number),
                None => &'-',
            };
            let pairs: [Pair<'_>; 6] = [
                ("node", &node_number(Some(finding.node))),
                ("bank", bank),
                ("rule", &finding.rule.name),
                ("expected", &finding.judgement.expected),
                ("observed", &finding.judgement.observed),
                ("verdict", &finding.judgement.verdict),
            ];
            record(out, card, &pairs)
        })?;
    }
    Ok(())
}
