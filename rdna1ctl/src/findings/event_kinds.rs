// SPDX-License-Identifier: GPL-2.0

//! The kinds of events in the kernel's log: the kernel's messages, their meaning, and advice.
//!
//! The messages are those of amdgpu and KFD from Linux 5.4 to 7.2: `gmc_v10_0_process_interrupt()`,
//! `amdgpu_job_timedout()`, `amdgpu_device_gpu_recover()`, `amdgpu_fence_fallback()`,
//! `unmap_queues_cpsch()`, `gfx_v10_0_priv_inst_irq()`.

use super::State;

/// A kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A program's access to memory that is not mapped for it.
    PageFault,
    /// Code that the card does not know, or that it must not run.
    IllegalCode,
    /// A job that did not end in time.
    RingTimeout,
    /// A job that ended after all, or after its ring was reset.
    RingRecovered,
    /// KFD could not stop a program's queues.
    Preemption,
    /// A reset of the whole card.
    Reset,
    /// A reset that failed.
    ResetFailed,
    /// The contents of VRAM are lost.
    VramLost,
    /// The card does not answer on the bus.
    DeviceLost,
    /// The firmware for power management does not answer.
    PowerFirmware,
    /// The card was too hot.
    Overheated,
    /// A screen update that did not end in time.
    FlipTimeout,
    /// An interrupt did not come, and a timer took its place.
    FenceFallback,
}

impl Kind {
    /// The name of its finding.
    pub fn id(self) -> &'static str {
        match self {
            Self::PageFault => "log-page-fault",
            Self::IllegalCode => "log-illegal-code",
            Self::RingTimeout => "log-ring-timeout",
            Self::RingRecovered => "log-ring-recovered",
            Self::Preemption => "log-preemption",
            Self::Reset => "log-reset",
            Self::ResetFailed => "log-reset-failed",
            Self::VramLost => "log-vram-lost",
            Self::DeviceLost => "log-device-lost",
            Self::PowerFirmware => "log-power-firmware",
            Self::Overheated => "log-overheated",
            Self::FlipTimeout => "log-flip-timeout",
            Self::FenceFallback => "log-fence-fallback",
        }
    }

    /// How serious it is.
    pub fn state(self) -> State {
        match self {
            Self::RingRecovered | Self::FenceFallback => State::Note,
            _ => State::Trouble,
        }
    }

    /// The event in words.
    pub fn says(self) -> &'static str {
        match self {
            Self::PageFault => {
                "page fault on the card: a program accessed memory that is not mapped for it"
            }
            Self::IllegalCode => {
                "a program gave the card code that it does not know, or must not run"
            }
            Self::RingTimeout => "time-out of a ring: a job on the card did not end in time",
            Self::RingRecovered => "a job or its ring was reset, and the card went on",
            Self::Preemption => {
                "KFD could not stop the queues of a program: the card's scheduler hung"
            }
            Self::Reset => "amdgpu reset the card: all programs on it lost their work",
            Self::ResetFailed => "a reset of the card failed: it is unusable until a reboot",
            Self::VramLost => "the contents of VRAM were lost in a reset",
            Self::DeviceLost => "the card did not answer on the PCI bus",
            Self::PowerFirmware => "the card's firmware for power management did not answer",
            Self::Overheated => "the card was too hot, and was slowed down or switched off",
            Self::FlipTimeout => {
                "an update of the screen did not end in time: the desktop freezes so"
            }
            Self::FenceFallback => {
                "an interrupt of the card did not come, and a timer took its place"
            }
        }
    }

    /// The next steps.
    pub fn advice(self) -> &'static [&'static str] {
        match self {
            Self::PageFault | Self::IllegalCode => &[
                "usual causes: an override of the ISA, libraries without code for gfx1010, or an error in \
                 the program; see override and rocblas-without-gfx1010",
                "rdna1ctl run -- COMMAND shows the faults of one program",
            ],
            Self::RingTimeout | Self::Preemption => &[
                "code for another ISA hangs so (see override); so does a kernel of a program that runs \
                 for very long, or an unstable clock or supply",
            ],
            Self::Reset | Self::VramLost => {
                &["programs that used the card must be started again; the lines before say why it came to that"]
            }
            Self::ResetFailed | Self::DeviceLost => &[
                "switch the machine off and on: a warm reboot may not be enough",
                "if it comes again: check the supply, the slot and a riser",
            ],
            Self::Overheated => &[
                "clean the fans and the cooler, and look whether they turn; undo changed clocks and voltages",
            ],
            Self::FlipTimeout => &[
                "if it comes with log-ring-timeout, treat that; else try another cable or refresh rate, and a \
                 newer kernel",
            ],
            Self::PowerFirmware => &["undo changed clocks and voltages; switch the machine off and on"],
            Self::RingRecovered => &["if it comes often, treat it as log-ring-timeout"],
            Self::FenceFallback => &[
                "harmless once, as after a suspend; if it comes often, interrupts get lost: try without \
                 amdgpu.msi=0 and pci=nomsi",
            ],
        }
    }
}

/// Whether amdgpu or KFD logged that line.
pub(super) fn is_of_amdgpu(text: &str) -> bool {
    if driver(text).is_some_and(|driver| driver != "amdgpu") {
        return false;
    }
    text.contains("amdgpu")
        || text.contains("[drm") && !text.contains("radeon")
        || text.starts_with("kfd")
}

/// The driver at the start of a line that names a device: `xe 0000:00:02.0: ...` (dev_printk()).
fn driver(text: &str) -> Option<&str> {
    let (driver, rest) = text.split_once(' ')?;
    let (device, _) = rest.split_once(' ')?;
    let device = device.strip_suffix(':')?;
    let is_address = device.matches(':').count() == 2 && device.contains('.');
    is_address.then_some(driver)
}

/// The kind of event that a message reports.
pub(super) fn kind(text: &str) -> Option<Kind> {
    let has = |words: &[&str]| words.iter().all(|word| text.contains(word));
    // Up to Linux 5.10, the first two have no prefix.
    let of_queues = [
        "unsuccessful queues preemption",
        "qcm fence wait loop timeout",
        "HIQ MQD's queue_doorbell_id",
        "Failed to evict process queues",
        "Failed to evict queue",
        "Queue preemption failed for queue",
        "unmapping queues failed",
        "unmap queue failed",
    ];
    if of_queues.iter().any(|words| text.contains(words)) {
        return Some(Kind::Preemption);
    }
    if !is_of_amdgpu(text) {
        return None;
    }
    let is = |words: &[&[&str]]| words.iter().any(|words| has(words));
    let kinds: [(Kind, &[&[&str]]); 13] = [
        (Kind::PageFault, &[&["hub", "page fault"]]),
        (Kind::IllegalCode, &[&["Illegal ", "in command stream"]]),
        (
            Kind::RingRecovered,
            &[
                &["device wedged, but recovered"],
                &["timeout, but soft recovered"],
                &["Ring ", " reset succeeded"],
                &["Ring ", " reset success"],
                &["queue id ", " at pasid ", " is reset"],
            ],
        ),
        (
            Kind::RingTimeout,
            &[&["ring ", " timeout"], &["Ring ", " reset failed"]],
        ),
        (
            Kind::ResetFailed,
            &[
                &["device wedged, needs"],
                &["GPU reset", ") failed"],
                &["GPU reset end with ret = -"],
                &["GPU Recovery Failed"],
                &["GPU reset failed"],
                &["ASIC reset failed"],
                &["reset failed with error"],
            ],
        ),
        (Kind::Reset, &[&["GPU reset begin"]]),
        (Kind::VramLost, &[&["VRAM is lost due to GPU reset"]]),
        (
            Kind::DeviceLost,
            &[
                &["device lost from bus"],
                &["GPU has fallen off the bus"],
                &["device is lost from bus"],
                &[
                    "Unable to change power state from D3cold to D0",
                    "inaccessible",
                ],
            ],
        ),
        (
            Kind::PowerFirmware,
            &[
                &["SMU: I'm not done with your previous command"],
                &["SMU: response:0xFFFFFFFF"],
                &["SMU is hung"],
                // From Linux 7.3 on.
                &["SMU: No response"],
                &["SMU: bus error"],
            ],
        ),
        (
            Kind::Overheated,
            &[
                &["GPU HW Critical Temperature Fault"],
                &["GPU over temperature range"],
            ],
        ),
        (Kind::FlipTimeout, &[&["flip_done timed out"]]),
        (Kind::FenceFallback, &[&["Fence fallback timer expired"]]),
        (
            Kind::RingTimeout,
            &[&["Waiting for fences timed out"], &["IB test failed on"]],
        ),
    ];
    let found = kinds.iter().find(|(_, words)| is(words));
    found.map(|(kind, _)| *kind)
}
