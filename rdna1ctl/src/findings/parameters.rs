// SPDX-License-Identifier: GPL-2.0

//! Findings about parameters of amdgpu that change what the rules judge, or that hide hangs.
//!
//! Names, defaults and meanings are those of `amdgpu_drv.c`, Linux 7.2. A parameter that does not
//! concern a 0x731f's memory, queues or hangs gets no note.

use crate::sources::parameters::Parameter;
use crate::sources::Facts;

use super::Finding;

/// A parameter: its name, its default, the values to report, and their meaning.
type Known = (&'static str, &'static str, Values, &'static str);

/// The values to report.
enum Values {
    /// All values except the default.
    Any,
    /// These values.
    Of(&'static [&'static str]),
    /// 0 and negative values.
    NotPositive,
}
use Values::{Any, NotPositive, Of};

const KNOWN: [Known; 29] = [
    ("cwsr_enable", "1", Of(&["0"]), "0 takes from the card the means to interrupt a running kernel of a program: a long one then looks like a hang, and KFD resets the card"),
    ("debug_mask", "0", Any, "it turns on tests of amdgpu's developers, such as a small BAR on purpose"),
    ("dpm", "-1", Of(&["0"]), "0 keeps the clocks where the firmware left them"),
    ("emu_mode", "0", Any, "it is for emulators, and lifts time limits"),
    ("gpu_recovery", "-1", Of(&["0"]), "0 leaves a card that hangs as it is: programs then wait for ever"),
    ("gttsize", "-1", Any, "it sets how much of the system's memory the card can reach; too little makes allocations fail, and newer kernels warn about it"),
    ("halt_if_hws_hang", "0", Of(&["1"]), "1 keeps a hang of the scheduler as it is: programs then wait for ever"),
    ("hws_max_conc_proc", "-1", Any, "it limits how many processes run on the card at once"),
    ("ip_block_mask", "0xffffffff", Any, "it leaves parts of the card out"),
    ("lockup_timeout", "", NotPositive, "a negative value waits for ever for a job that hangs; 0 means the default, and does not turn the time-out off"),
    ("mcbp", "-1", Of(&["0"]), "it says whether one graphics job can interrupt another: with 0, one can hold up the others"),
    ("msi", "-1", Of(&["0"]), "0 turns message-signalled interrupts off: fences may then time out"),
    ("no_queue_eviction_on_vm_fault", "0", Of(&["1"]), "1 lets queues go on after a page fault: a fault can then look like a hang"),
    ("no_system_mem_limit", "0", Of(&["1"]), "1 lets programs take all of the system's memory"),
    ("noretry", "-1", Of(&["0"]), "0 repeats an access that faults: a page fault can then look like a hang"),
    ("pcie_gen_cap", "0", Any, "it limits the speed of the PCIe link"),
    ("pcie_lane_cap", "0", Any, "it limits the lanes of the PCIe link"),
    ("ppfeaturemask", "0xfff7bfff", Any, "it turns features of power management on or off; with bit 14 (0x4000) clocks and voltages can be set by hand, and wrong ones make the card hang"),
    ("rebar", "-1", Of(&["0"]), "0 leaves the BAR as the firmware set it"),
    ("reset_method", "-1", Any, "it chooses how a card that hangs is reset; not each way works on Navi10"),
    ("runpm", "-1", Any, "0 keeps the card awake, 1 and 2 choose how it sleeps"),
    ("sched_hw_submission", "2", Any, "it changes how many jobs the card has at once"),
    ("sched_policy", "0", Of(&["1", "2"]), "1 and 2 schedule queues without the firmware's means: fewer queues, and other hangs"),
    ("send_sigterm", "0", Of(&["1"]), "1 ends programs by SIGTERM after an error"),
    ("vis_vramlimit", "0", Any, "it limits how much of VRAM the CPU reaches: KFD then lists fb_private behind a large BAR"),
    ("vm_debug", "0", Of(&["1"]), "1 is for developers, and slows memory management"),
    ("vm_fault_stop", "0", Of(&["1", "2"]), "1 and 2 stop the memory management at a page fault: the card then hangs on purpose"),
    ("vm_update_mode", "-1", Any, "it changes who writes page tables; the CPU needs a large BAR for that"),
    ("vramlimit", "0", Any, "it limits VRAM: banks are smaller than the board's"),
];

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    // A container's modprobe.d is not the host's.
    let is_inside = facts.place.container.is_some();
    let own = facts
        .parameters
        .iter()
        .filter(|one| facts.has_card() && (!is_inside || one.from == "/proc/cmdline"));
    let found = own.filter_map(|one| {
        let (_, default, values, means) = KNOWN.iter().find(|(name, ..)| *name == one.name)?;
        let is_worth_a_word = match values {
            Any => true,
            Of(values) => values.iter().any(|value| is_same(&one.value, value)),
            NotPositive => one.value.contains('-') || is_same(&one.value, "0"),
        };
        (is_worth_a_word && !is_same(&one.value, default)).then(|| note(one, means))
    });
    found.collect()
}

fn note(one: &Parameter, means: &str) -> Finding {
    let (name, value) = (&one.name, &one.value);
    let remedy = match one.from.as_str() {
        "/proc/cmdline" => format!("to have the default: boot without amdgpu.{name}"),
        from => {
            format!("to have the default: remove {name} from {from}, rebuild the initramfs, reboot")
        }
    };
    Finding::note(
        "amdgpu-parameter",
        format!("amdgpu is loaded with {name}={value}: {means}"),
    )
    .seen(&one.from, format!("{name}={value}"))
    .advise(remedy)
}

/// Whether two values are the same number, or the same word.
fn is_same(value: &str, default: &str) -> bool {
    let number = |text: &str| {
        // As kstrtobool() parses them.
        match text {
            "N" | "n" | "false" => return Some(0),
            "Y" | "y" | "true" => return Some(1),
            _ => {}
        }
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text),
        };
        let number = match digits
            .strip_prefix("0x")
            .or_else(|| digits.strip_prefix("0X"))
        {
            Some(digits) => i64::from_str_radix(digits, 16).ok(),
            None => digits.parse().ok(),
        };
        number.map(|number| sign * number)
    };
    value == default || number(value).is_some() && number(value) == number(default)
}
