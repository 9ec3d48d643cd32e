// SPDX-License-Identifier: GPL-2.0

//! The file `checks`: what each rule says of each card.

use core::fmt::{
    self,
    Write, //
};

use crate::{
    facts::{
        list::Lists,
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
pub fn checks<L: Lists>(snapshot: &Snapshot<L>, out: &mut impl Write) -> fmt::Result {
    heading(out, "checks")?;
    for (index, card) in snapshot.cards() {
        findings(snapshot, index, card, |finding| {
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
