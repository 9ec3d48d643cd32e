// SPDX-License-Identifier: GPL-2.0

//! Predicts a device's state, and the module's possible verdicts, from the steps so far.

use anyhow::{bail, ensure, Context, Result};

/// A device with its PCI address.
pub struct Placed {
    /// Its predicted state.
    pub device: Device,
    /// Its PCI address.
    pub gpu: String,
}

/// The predicted state of a fixture device.
#[derive(Clone, Debug)]
pub struct Device {
    /// The fixture's words that added it.
    pub words: String,
    /// Whether it is a Navi10, which the module judges.
    pub is_card: bool,
    /// Whether the PCI bus has the function.
    pub present: bool,
    /// Whether a driver is bound to the function.
    pub bound: bool,
    /// Whether it is runtime-suspended.
    pub asleep: bool,
    /// Whether the fixture holds KFD while it adds the node.
    pub held: bool,
    /// The number of nodes that KFD keeps from earlier binds of a driver.
    pub old_nodes: usize,
    /// Whether KFD has a node of the driver that is bound now.
    pub live_node: bool,
}

/// How far the module can judge a card.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// The driver is bound and KFD has exactly its node: every rule is truth.
    Known,
    /// KFD has not filled the node: neither a lie nor the truth.
    Held,
    /// KFD has nodes that the module cannot compare with the PCI function.
    NotComparable,
    /// KFD has a node, but the bus has no function.
    Gone,
    /// The bus has the function, but KFD has no node.
    NotInKfd,
    /// Neither KFD nor the bus has the card.
    Nowhere,
}

/// Boards that are not a Navi10.
const OTHERS: [&str; 4] = ["rx6600", "mi100", "mi250a", "raphael"];

/// The value of `key` among `key=value` words.
pub fn word<'w>(words: &'w str, key: &str) -> Option<&'w str> {
    let mut pairs = words.split_whitespace().filter_map(|w| w.split_once('='));
    pairs.find(|(k, _)| *k == key).map(|(_, value)| value)
}

impl Device {
    /// The state right after the fixture added the device.
    pub fn added(words: &str) -> Self {
        let kfd = word(words, "kfd") != Some("0");
        let bound = word(words, "driver").map_or(kfd, |driver| driver == "1");
        let held = word(words, "hold").is_some();
        Self {
            words: words.to_owned(),
            is_card: word(words, "board").is_none_or(|board| !OTHERS.contains(&board)),
            present: true,
            bound,
            asleep: false,
            held,
            old_nodes: 0,
            live_node: kfd,
        }
    }

    /// The number of its KFD nodes.
    pub fn nodes(&self) -> usize {
        self.old_nodes + usize::from(self.live_node)
    }

    /// How far the module can judge it now.
    pub fn standing(&self) -> Standing {
        match (self.present, self.nodes()) {
            (false, 0) => Standing::Nowhere,
            (false, _) => Standing::Gone,
            (true, 0) => Standing::NotInKfd,
            _ if self.held => Standing::Held,
            (true, 1) if self.bound && self.live_node => Standing::Known,
            (true, _) => Standing::NotComparable,
        }
    }

    /// The possible next steps, except those that are always possible.
    pub fn next_steps(&self) -> Vec<&'static str> {
        const ALL: [&str; 11] = [
            "release",
            "unbind",
            "bind",
            "resize 8",
            "resize 10",
            "resize 13",
            "unplug",
            "replug",
            "replug bind=0",
            "drop",
            "sleep",
        ];
        let mut steps = ALL.to_vec();
        steps.push("wake");
        steps.retain(|step| self.clone().take(step).is_ok());
        steps
    }

    /// Applies a step to the predicted state; fails if the step is not possible now.
    pub fn take(&mut self, step: &str) -> Result<()> {
        let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
        let free = !self.held && !self.asleep;
        let possible = match verb {
            "release" => self.held,
            "unbind" => free && self.bound,
            "bind" => self.present && !self.bound && self.had_driver(),
            "resize" => self.present && !self.bound,
            "unplug" => free && self.present && self.had_node(),
            "replug" => !self.present && self.had_node(),
            "drop" => free && self.old_nodes > 0,
            "sleep" => free && self.bound,
            "wake" => self.asleep,
            "reload" | "suspend" => true,
            _ => bail!("{step}: no such step"),
        };
        ensure!(possible, "{step} cannot come to a device like {self:?}");
        match verb {
            "release" => self.held = false,
            "bind" => self.bound = true,
            "unbind" | "unplug" => {
                self.present = verb != "unplug";
                self.bound = false;
                self.old_nodes += usize::from(std::mem::take(&mut self.live_node));
            }
            "replug" => {
                let bind = word(rest, "bind")
                    .context("bind=")
                    .map_or(true, |b| b == "1");
                self.present = true;
                (self.bound, self.live_node) = (bind, bind);
            }
            "drop" => self.old_nodes = 0,
            "sleep" | "wake" => self.asleep = verb == "sleep",
            _ => {}
        }
        Ok(())
    }

    fn had_node(&self) -> bool {
        word(&self.words, "kfd") != Some("0")
    }

    fn had_driver(&self) -> bool {
        word(&self.words, "driver").map_or(self.had_node(), |driver| driver == "1")
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::{CONTENTS, LIES, MOMENTS, MOMENT_MACHINES};
    use super::*;

    fn after(words: &str, steps: &[&str]) -> Device {
        let mut device = Device::added(words);
        for step in steps {
            device.take(step).expect(step);
        }
        device
    }

    #[test]
    fn what_can_be_said_follows_from_the_steps() {
        for (words, steps, standing) in [
            ("", &[][..], Standing::Known),
            ("hold=ids", &[], Standing::Held),
            ("hold=ids", &["release"], Standing::Known),
            ("kfd=0", &[], Standing::NotInKfd),
            ("kfd=0 driver=1", &["unbind"], Standing::NotInKfd),
            ("", &["sleep"], Standing::Known),
            ("", &["unbind"], Standing::NotComparable),
            ("", &["unbind", "bind"], Standing::NotComparable),
            ("", &["unbind", "drop", "bind"], Standing::NotInKfd),
            ("", &["unplug"], Standing::Gone),
            ("", &["unplug", "drop"], Standing::Nowhere),
            ("", &["unplug", "drop", "replug"], Standing::Known),
            ("", &["unplug", "replug"], Standing::NotComparable),
            ("", &["unplug", "replug", "drop"], Standing::Known),
            ("", &["unplug", "replug bind=0"], Standing::NotComparable),
        ] {
            let device = after(words, steps);
            assert_eq!(device.standing(), standing, "{words} {steps:?}");
        }
        let mut twice = after("", &["unplug", "replug", "unplug", "replug"]);
        assert_eq!((twice.nodes(), twice.old_nodes), (3, 2));
        twice.take("drop").expect("old nodes");
        assert_eq!(twice.standing(), Standing::Known);
    }

    #[test]
    fn steps_come_where_they_can() {
        let next = |words, steps| after(words, steps).next_steps();
        assert_eq!(next("", &[]), ["unbind", "unplug", "sleep"]);
        assert_eq!(next("hold=fill", &[]), ["release"]);
        assert_eq!(next("", &["sleep"]), ["wake"]);
        assert_eq!(
            next("", &["unplug", "replug"]),
            ["unbind", "unplug", "drop", "sleep"]
        );
        assert!(next("", &["unbind"]).contains(&"resize 13"));
        assert!(next("kfd=0", &[])
            .iter()
            .all(|step| step.starts_with("resize")));
    }

    #[test]
    fn only_navi10_is_judged() {
        assert!(Device::added("board=5600xt bar=small").is_card);
        assert!(Device::added("").is_card);
        assert!(!Device::added("bar=large board=mi100").is_card);
    }

    #[test]
    fn the_table_holds_what_can_be() {
        for moment in MOMENTS {
            let (first, rest) = moment.steps.split_first().expect("steps");
            let words = first.strip_prefix("add").expect("the first adds the card");
            let mut device = Device::added(words);
            for step in rest.iter().filter(|step| **step != "remove") {
                device.take(step).expect(moment.name);
            }
        }
        for machine in MOMENT_MACHINES
            .iter()
            .chain(CONTENTS.iter().map(|c| &c.devices))
        {
            assert!(machine.iter().any(|words| Device::added(words).is_card));
        }
        let rules: Vec<_> = LIES.iter().take(11).map(|lie| lie.rule).collect();
        assert!(rules.into_iter().eq(crate::truth::rules()));
    }
}
