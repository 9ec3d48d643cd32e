// SPDX-License-Identifier: GPL-2.0

//! No false alarms: healthy systems of many kinds.

mod machine;

use machine::{Atomics, Machine, RELEASE};

const NODES: &str = "/sys/class/kfd/kfd/topology/nodes";

fn capture(name: &str) -> Machine {
    let machine = Machine::without_module(&format!("reconstructed/{name}"));
    machine.load_module();
    machine
}

/// Adds another AMD GPU, such as an APU's, to the bus and to KFD.
fn add_gpu(machine: &Machine, node: u32, address: &str, render: &str) {
    machine.put(&format!("{NODES}/{node}/gpu_id"), "777\n");
    machine.put(
        &format!("{NODES}/{node}/properties"),
        "vendor_id 4098\ndevice_id 5688\nlocation_id 1792\ngfx_target_version 90012\nunique_id 0\n",
    );
    let place = format!("/sys/bus/pci/devices/{address}");
    for (name, text) in [
        ("vendor", "0x1002\n"),
        ("device", "0x1638\n"),
        ("class", "0x030000\n"),
        ("uevent", "DRIVER=amdgpu\nPCI_ID=1002:1638\n"),
        (&*format!("drm/{render}/dev"), "226:129\n"),
    ] {
        machine.put(&format!("{place}/{name}"), text);
    }
    machine.put(&format!("/dev/dri/{render}"), "");
}

type Change = fn(&Machine);

#[test]
fn nothing_is_wrong() {
    let plain: [(&str, Change); 18] = [
        ("as it is", |_| {}),
        ("a processor's GPU behind it", |m| {
            add_gpu(m, 2, "0000:07:00.0", "renderD129")
        }),
        ("a processor's GPU before it", |m| {
            std::fs::rename(m.path(&format!("{NODES}/1")), m.path(&format!("{NODES}/2"))).unwrap();
            let link = format!("{NODES}/0/io_links/0/properties");
            if m.path(&link).exists() {
                m.edit(&link, "node_to 1", "node_to 2");
            }
            let link = format!("{NODES}/2/io_links/0/properties");
            m.edit(&link, "node_from 1", "node_from 2");
            add_gpu(m, 1, "0000:02:00.0", "renderD127");
        }),
        ("amdgpu is built in", |m| {
            m.edit(
                &format!("/lib/modules/{RELEASE}/modules.dep"),
                "kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.xz: kernel/lib/crc16.ko.xz\n",
                "",
            );
        }),
        ("lines of a newer kernel", |m| {
            let file = format!("{NODES}/1/properties");
            let text = std::fs::read_to_string(m.path(&file)).unwrap();
            m.put(
                &file,
                format!(
                    "{text}capability2 0\ncwsr_size 13848576\nrecommended_sdma_engine_id_mask 0\n"
                ),
            );
        }),
        ("a virtual machine", |m| {
            m.put("/sys/class/dmi/id/sys_vendor", "QEMU\n")
        }),
        ("over ssh", |m| {
            m.put(
                "/proc/self/environ",
                "SSH_CONNECTION=192.0.2.1 5 192.0.2.2 22\0",
            )
        }),
        ("a Docker container with the devices", |m| {
            m.put("/.dockerenv", "")
        }),
        ("toolbox, with Podman", |m| {
            m.put("/run/.containerenv", "engine=\"podman-5.4\"\n");
            m.put("/run/.toolboxenv", "");
        }),
        ("a program on the card", |m| {
            m.add_program(4242, "HOME=/root\0ROCR_VISIBLE_DEVICES=0\0")
        }),
        ("programs that have nothing to do with it", |m| {
            for (pid, environment) in [
                (700, "LD_PRELOAD=/usr/lib/libjemalloc.so.2\0"),
                (701, "LD_LIBRARY_PATH=/opt/x\0CUDA_VISIBLE_DEVICES=0\0"),
                (702, "HIP_VISIBLE_DEVICES=-1\0"),
            ] {
                m.put(&format!("/proc/{pid}/comm"), "daemon\n");
                m.put(&format!("/proc/{pid}/environ"), environment);
            }
        }),
        ("units of a distribution", |m| {
            let unit = "/usr/lib/systemd/system";
            m.put(&format!("{unit}/mariadb.service"), "[Service]\nEnvironment=LD_PRELOAD=/usr/lib/x.so MYSQLD_OPTS=\nEnvironmentFile=-/etc/default/mariadb\n");
            m.put(
                &format!("{unit}/getty@.service"),
                "[Service]\nEnvironment=TERM=linux\nUnsetEnvironment=LANG\n",
            );
            m.put("/etc/environment", "PATH=\"/usr/bin:/bin\"\nLANG=C\n");
            m.put(
                "/etc/profile.d/vte.sh",
                "[ -n \"$BASH_VERSION\" ] || return 0\nfoo() {\n echo 'x\n'\n}\n",
            );
        }),
        ("parameters for the display", |m| {
            m.put(
                "/proc/cmdline",
                "ro quiet amdgpu.dc=1 amdgpu.dcdebugmask=0x10 amdgpu.si_support=1 iommu=pt",
            );
        }),
        ("a log with a hot plug and a suspend", |m| {
            let log = std::fs::read_to_string(m.path("/dev/kmsg")).unwrap();
            m.put("/dev/kmsg", format!("{log}6,950,9000000,-;PM: suspend entry (deep)\n6,951,9000001,-;amdgpu 0000:03:00.0: amdgpu: MODE1 reset\n6,952,9000002,-;amdgpu 0000:03:00.0: amdgpu: PSP is resuming...\n6,953,9000003,-;[drm] PCIE GART of 512M enabled (table at 0x0000008000000000).\n6,954,9000004,-;amdgpu 0000:03:00.0: amdgpu: SMU is resumed successfully!\n6,955,9000005,-;amdgpu 0000:03:00.0: amdgpu: ring gfx_0.0.0 uses VM inv eng 0 on hub 0\n"));
        }),
        ("a render node of another card that is closed", |m| {
            use std::os::unix::fs::PermissionsExt as _;
            m.put("/dev/dri/renderD200", "");
            let closed = std::fs::Permissions::from_mode(0o000);
            std::fs::set_permissions(m.path("/dev/dri/renderD200"), closed).unwrap();
        }),
        ("an editor's terminal, which is a snap", |m| {
            m.put("/proc/self/attr/current", "unconfined\n");
            m.put("/proc/self/environ", "SNAP=/snap/code/1\0");
        }),
        (
            "control groups and capabilities that nobody could read",
            |m| {
                m.put(
                    "/proc/self/mounts",
                    "proc /proc proc rw 0 0\nnone /sys/kernel/debug debugfs rw 0 0\n\n \nx\n",
                );
            },
        ),
        ("an override for another GPU's node", |m| {
            m.put("/etc/environment", "HSA_OVERRIDE_GFX_VERSION_5=10.3.0\n");
            m.add_program(4242, "HSA_OVERRIDE_GFX_VERSION_5=10.3.0\0");
        }),
    ];
    for capture_name in ["0x731f-5700xt-largebar", "0x731f-5600xt-smallbar"] {
        for (name, change) in plain {
            let machine = capture(capture_name);
            change(&machine);
            machine.write_files();
            let troubles: Vec<_> = machine
                .findings()
                .into_iter()
                .filter(|(_, state, _)| state == "trouble")
                .collect();
            assert!(troubles.is_empty(), "{capture_name}, {name}: {troubles:#?}");
        }
    }
}

/// Real setups: real configuration space, the narrow slot of an eGPU, a domain of Intel's VMD.
#[test]
fn what_owners_have() {
    let machine = Machine::healthy();
    machine.add_switch("8.0", 2);
    let troubles = |machine: &Machine| {
        let found = machine.findings();
        let found = found.into_iter().filter(|(_, state, _)| state == "trouble");
        found.map(|(id, ..)| id).collect::<Vec<_>>()
    };
    machine.write_files();
    assert_eq!(troubles(&machine), [""; 0], "an eGPU at x2");
    let vmd = Machine::bare();
    let pci = "domain_bus_device_function=10000:03:00.0\nvendor=0x1002\ndevice=0x731f\nrevision=0xc1\nbar0_bytes=8589934592\n";
    let from = machine::captures().join("reconstructed/0x731f-5700xt-largebar/topology");
    machine::copy(&from, &vmd.path("/sys/class/kfd/kfd/topology"));
    vmd.put("/sys/class/kfd/kfd/topology/generation_id", "2\n");
    vmd.edit(&format!("{NODES}/1/properties"), "domain 0", "domain 65536");
    vmd.put("/sys/module/amdgpu/refcnt", "1\n");
    vmd.put("/dev/kfd", "");
    vmd.put("/dev/dri/renderD128", "");
    vmd.add_card(pci, Atomics::Completer);
    vmd.load_module();
    vmd.put(
        "/dev/kmsg",
        "3,5,9000000,-;amdgpu 10000:03:00.0: amdgpu: [gfxhub] page fault (src_id:0 ring:24 vmid:8 pasid:1)\n",
    );
    // rdna1ctl also finds that address in the log.
    assert_eq!(troubles(&vmd), ["log-page-fault"], "a VMD domain");
}
