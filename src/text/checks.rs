// SPDX-License-Identifier: GPL-2.0

//! The file `checks`: what each rule says of each card.

use core::fmt::{
    self,
    Write, //
};

use crate::{
    facts::{
        map::Maps,
        snapshot::Snapshot, //
    },
    rules::findings,
};

use super::record::{
    heading,
    node_number,
    Known,
    Record, //
};

/// Writes `checks`. A rule about the card as a whole has `bank=-`.
pub fn checks<M: Maps>(snapshot: &Snapshot<M>, out: &mut impl Write) -> fmt::Result {
    heading(out, "checks")?;
    for (key, card) in snapshot.cards() {
        findings(snapshot, key, card, |finding| {
            let record = Record::of_card(out, card)?.pair("node", node_number(card))?;
            let record = match finding.bank {
                Some(bank) => record.pair("bank", Known(bank.number))?,
                None => record.pair("bank", '-')?,
            };
            record
                .pair("rule", finding.rule.name)?
                .pair("expected", finding.judgement.expected)?
                .pair("observed", finding.judgement.observed)?
                .pair("verdict", finding.judgement.verdict)?
                .end()
        })?;
    }
    Ok(())
}
