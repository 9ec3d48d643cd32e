// SPDX-License-Identifier: GPL-2.0

//! The machine that a guest runs on, and QEMU's words for it.

use std::ffi::OsString;
use std::fmt::Write;

use anyhow::{ensure, Result};
use serde::Deserialize;

/// Linux keeps memory in sections of that size: none may lie on two nodes.
const SECTION_MIB: u32 = 128;

/// The machine that a guest runs on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Machine {
    /// How many CPUs it has, if it has no `numa`.
    pub cpus: u32,
    /// How much memory it has, in MiB.
    pub memory_mib: u32,
    /// Whether its clocks count instructions, which only an emulated CPU can.
    pub icount: bool,
    /// Its NUMA nodes, by number; none: all is one node, and firmware names none.
    pub numa: Vec<NumaNode>,
}

/// What a NUMA node holds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum NumaNode {
    /// One CPU and memory.
    Cpu,
    /// Memory only, as of CXL or HBM.
    Memory,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            cpus: 1,
            memory_mib: 1024,
            icount: false,
            numa: Vec::new(),
        }
    }
}

impl Machine {
    /// Refuses a machine that QEMU or Linux would.
    pub fn check(&self) -> Result<()> {
        let nodes = self.numa.len();
        if nodes == 0 {
            return Ok(());
        }
        ensure!(
            self.numa.contains(&NumaNode::Cpu),
            "no node of `numa` has a CPU"
        );
        ensure!(
            self.cpus == Self::default().cpus,
            "`cpus` and `numa` both say how many CPUs there are"
        );
        ensure!(
            self.share_mib() > 0,
            "{} MiB are too few for {nodes} nodes of {SECTION_MIB} MiB each",
            self.memory_mib
        );
        Ok(())
    }

    /// QEMU's words for it, but for its ports.
    pub fn words(&self) -> Vec<OsString> {
        // A nanosecond is an instruction; where the guest sleeps, its time jumps. The date is
        // part of what has to repeat.
        let icount = match self.icount {
            true => " -icount shift=0,sleep=off -rtc base=2026-01-01,clock=vm",
            false => "",
        };
        let words = format!(
            "-machine q35 -smp {} -m {} \
             -nodefaults -no-user-config -no-reboot -display none{icount}{}",
            self.smp(),
            self.memory_mib,
            self.numa_words()
        );
        words.split(' ').map(OsString::from).collect()
    }

    /// A socket for each node that has a CPU: Linux warns of one socket on two nodes.
    fn smp(&self) -> String {
        if self.numa.is_empty() {
            return self.cpus.to_string();
        }
        let nodes = self.numa.iter();
        let sockets = nodes.filter(|node| **node == NumaNode::Cpu).count();
        format!("{sockets},sockets={sockets}")
    }

    fn numa_words(&self) -> String {
        let mut words = String::new();
        let mut cpu = 0;
        for (number, node) in self.numa.iter().enumerate() {
            let mib = self.node_mib(number);
            // Writing to a string cannot fail.
            let _ = write!(
                words,
                " -object memory-backend-ram,id=numa{number},size={mib}M \
                 -numa node,nodeid={number},memdev=numa{number}"
            );
            if *node == NumaNode::Cpu {
                let _ = write!(words, ",cpus={cpu}");
                cpu += 1;
            }
        }
        words
    }

    /// Equal shares in whole sections; the first node has what is left.
    fn node_mib(&self, number: usize) -> u32 {
        let share = self.share_mib();
        let others = u32::try_from(self.numa.len().saturating_sub(1)).unwrap_or(u32::MAX);
        match number {
            0 => self.memory_mib.saturating_sub(share.saturating_mul(others)),
            _ => share,
        }
    }

    fn share_mib(&self) -> u32 {
        let nodes = u32::try_from(self.numa.len().max(1)).unwrap_or(u32::MAX);
        self.memory_mib / nodes / SECTION_MIB * SECTION_MIB
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(text: &str) -> Machine {
        toml::from_str(text).expect("a machine")
    }

    fn text(machine: &Machine) -> String {
        let words = machine.words();
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    const REST: &str = "-nodefaults -no-user-config -no-reboot -display none";

    #[test]
    fn a_machine_without_numa_has_no_word_of_it() {
        assert_eq!(
            text(&Machine::default()),
            format!("-machine q35 -smp 1 -m 1024 {REST}")
        );
        let four = machine("cpus=4");
        assert!(four.check().is_ok() && text(&four).contains("-smp 4 -m"));
    }

    #[test]
    fn each_node_has_memory_and_those_of_cpus_a_socket() {
        let between = machine("numa=['cpu','memory','cpu']");
        assert!(between.check().is_ok());
        let node = |number: u32, mib: u32, cpu: &str| {
            format!(
                "-object memory-backend-ram,id=numa{number},size={mib}M \
                 -numa node,nodeid={number},memdev=numa{number}{cpu}"
            )
        };
        let nodes = [
            node(0, 512, ",cpus=0"),
            node(1, 256, ""),
            node(2, 256, ",cpus=1"),
        ];
        assert_eq!(
            text(&between),
            format!(
                "-machine q35 -smp 2,sockets=2 -m 1024 {REST} {}",
                nodes.join(" ")
            )
        );
        let before = text(&machine("numa=['memory','cpu']"));
        assert!(
            before.contains("-smp 1,sockets=1") && before.ends_with("memdev=numa1,cpus=0"),
            "{before}"
        );
    }

    #[test]
    fn the_nodes_have_all_the_memory_there_is() {
        for (mib, nodes, expected) in [
            (1024, "'cpu','cpu'", vec![512, 512]),
            (1024, "'cpu','cpu','cpu','cpu'", vec![256; 4]),
            (1000, "'cpu','memory','cpu'", vec![488, 256, 256]),
        ] {
            let machine = machine(&format!("memory_mib={mib}\nnuma=[{nodes}]"));
            let seen: Vec<_> = (0..machine.numa.len())
                .map(|number| machine.node_mib(number))
                .collect();
            assert_eq!(seen, expected);
            assert_eq!(seen.iter().sum::<u32>(), mib);
        }
    }

    #[test]
    fn a_machine_that_cannot_be_is_refused() {
        for (text, why) in [
            ("numa=['memory']", "no node of `numa` has a CPU"),
            ("cpus=2\nnuma=['cpu']", "both say"),
            ("memory_mib=320\nnuma=['cpu','cpu','cpu']", "too few"),
        ] {
            let error = machine(text).check().expect_err(text).to_string();
            assert!(error.contains(why), "{error}");
        }
        assert!(toml::from_str::<Machine>("numa=['cxl']").is_err());
    }
}
