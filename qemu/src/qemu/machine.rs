// SPDX-License-Identifier: GPL-2.0

//! The virtual machine of a guest, and QEMU's arguments for it.

use std::ffi::OsString;
use std::fmt::Write;

use anyhow::{ensure, Result};
use serde::Deserialize;

/// The size of Linux's memory sections. A section must not span two NUMA nodes.
const SECTION_MIB: u32 = 128;

/// The virtual machine of a guest.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Machine {
    /// The number of CPUs, if `numa` is empty.
    pub cpus: u32,
    /// The size of the memory, in MiB.
    pub memory_mib: u32,
    /// Whether clocks count instructions. Only an emulated CPU can do that.
    pub icount: bool,
    /// The NUMA nodes, by number. Empty: all is one node, and the firmware describes none.
    pub numa: Vec<NumaNode>,
}

/// The contents of a NUMA node.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum NumaNode {
    /// One CPU and memory.
    Cpu,
    /// Memory only, as with CXL or HBM.
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
    /// Fails for a machine that QEMU or Linux would refuse.
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

    /// QEMU's arguments for the machine, except for its ports.
    pub fn words(&self) -> Vec<OsString> {
        // One instruction takes one nanosecond, and the time jumps while the guest sleeps. Runs
        // repeat exactly, and for that the date must be fixed, too.
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

    /// One socket for each node with a CPU. Linux warns if a socket spans two nodes.
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

    /// The memory of a node, in MiB: an equal share in full sections. The first node gets the rest.
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
