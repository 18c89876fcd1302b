// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/explain.h"

namespace parker {

// No default: the compiler names the code that has no paragraph yet.
std::string_view explain(Code code)
{
    switch (code) {
    case Code::failed:
        return "Something failed that parkerd did not foresee, which is a bug in it. The daemon's journal has the "
               "details: "
               "journalctl -u parkerd. Running partitions are not affected. Please report the message together with "
               "the "
               "journal's lines around it.";
    case Code::usage:
        return "The command line was not understood: an unknown verb or option, or an argument too many or too few. "
               "The "
               "message names the word at fault. `parkerctl --help` lists the verbs, `parkerctl VERB --help` what one "
               "of "
               "them takes.";
    case Code::no_such_partition:
        return "No partition has this name: there is no valid manifest for it, and the kernel holds nothing under it. "
               "`parkerctl list` shows the partitions there are. If its manifest exists, `parkerctl validate FILE` "
               "says "
               "why it is not accepted.";
    case Code::not_permitted:
        return "The caller may not do this. Looking at partitions is open to all; changing them, and reading their "
               "memory, "
               "is for root and for those to whom polkit grants the action org.parker1.manage-partitions, "
               ".manage-manifests or .dump-memory. Run the command as root, or have a polkit rule allow it.";
    case Code::daemon_not_running:
        return "parkerd does not answer on the bus. `systemctl status parkerd` says whether it runs and why it ended, "
               "`systemctl start parkerd` starts it. Running partitions do not need it to stay alive, and it finds "
               "them "
               "again when it starts.";
    case Code::module_missing:
        return "The kernel module parker is not loaded, so there is no /dev/parker. `modprobe parker` loads it, and "
               "says "
               "why if it cannot: most often it has not been built for the running kernel (`dkms status`), or Secure "
               "Boot "
               "wants it signed.";
    case Code::invalid_argument:
        return "A request had a value that makes no sense there, such as flags that are not defined, or a number "
               "outside "
               "of its limits. The message names it. If parkerctl itself made the request, parkerctl and parkerd may "
               "be of "
               "different versions: compare `parkerctl --version` with the package's.";
    case Code::bad_machine:
        return "No machine can be read from what `--sysroot` or `--machine` names. --sysroot wants a folder with sys/ "
               "and "
               "proc/ of a Linux machine in it. --machine wants a file that `lstopo FILE.xml` has written, or hwloc's "
               "short description of a machine, such as \"node:8 core:64 pu:2\" (eight NUMA nodes of 64 cores with two "
               "threads each). The message says what is wrong with it, as far as hwloc tells.";

    case Code::unreadable:
        return "A manifest could not be opened or read, or it is not a regular file: a directory, a FIFO, a link that "
               "points nowhere or in a circle. `namei -l FILE` shows each step of the path. Other manifests are not "
               "affected. To disable a manifest of the vendor's, link its name in /etc/parker.d to /dev/null.";
    case Code::loose_mode:
        return "A manifest may be changed by others than root, and whoever can change a manifest can take over the "
               "machine: parkerd does not read such a file. `chown root FILE` and `chmod go-w FILE` put it right. With "
               "`parkerctl validate FILE`, where nothing is applied, this is only a warning.";
    case Code::too_large:
        return "Something is larger than a limit that the message states: the bytes of a file or a value, the depth of "
               "nesting, the number of values, documents or manifests. The limits are far above what a manifest needs, "
               "so look first for a wrong file, or for YAML aliases that multiply. Several partitions can be spread "
               "over "
               "several files.";
    case Code::not_yaml:
        return "The text is not valid YAML at this place, or not UTF-8 text at all. The usual causes are tabs at the "
               "start "
               "of a line, keys that do not line up, a missing space behind a colon, and unclosed quotes or brackets, "
               "sometimes a few lines above the place that is shown. An editor with a YAML language server marks them "
               "while typing. Other documents of the file are still read.";
    case Code::duplicate_key:
        return "A key stands twice in the same map, and YAML leaves open which one counts. Keep one of them. If both "
               "were "
               "meant, one of the two probably belongs to another level: look at the indentation.";
    case Code::unknown_key:
        return "The key does not exist at this place: it is misspelt, or belongs to another level. Unknown keys are "
               "errors, because a manifest that silently ignores a line does something else than it says. The keys "
               "with "
               "their descriptions are in /usr/share/parker/schemas/partition-v1.json.";
    case Code::missing_key:
        return "A key that every manifest needs is not there, or one of two that exclude each other has to be given, "
               "such "
               "as `count` or `list` for CPUs. At the top, `apiVersion`, `name`, `cpus`, `memory` and `kernel` are "
               "needed. "
               "/usr/share/doc/parker/examples has manifests to start from.";
    case Code::wrong_type:
        return "The value is of another kind than the key wants, such as text for a number, or one value for a list. "
               "Mind "
               "that YAML reads unquoted digits as a number: PCI IDs and checksums want quotes. Only true and false "
               "are "
               "truth values, yes and no are text. The schema in /usr/share/parker/schemas/partition-v1.json has the "
               "kind "
               "of each key.";
    case Code::bad_value:
        return "The value is of the right kind, but not one that can be used: a size without its unit, a PCI address "
               "with a "
               "digit too many, a word that is not in the list, a path that is not absolute. The message says what is "
               "expected. Sizes take KiB, MiB, GiB and TiB; times take ms, s, min and h.";
    case Code::duplicate_name:
        return "Two manifests have the same `name`, and a name is a partition's identity. The first one by file name "
               "counts, the other is ignored until one of them gets another name. To replace a file of "
               "/usr/lib/parker.d, "
               "give yours in /etc/parker.d the same *file* name.";
    case Code::manifest_gone:
        return "The manifest that a partition came from is not found any more, but nobody removed it: its file has "
               "nothing or only half of a text in it, as a full disk leaves it, or its folder cannot be read, is away, "
               "or is another one now. The partition goes on with the last good definition. To remove a partition, "
               "remove its file, or make the file a link to /dev/null. A document that is taken out of a file that "
               "stays is gone when its partition has been stopped.";
    case Code::ignored_file:
        return "The file lies among the manifests, but its name does not end in `.yaml`, so parkerd does not read it. "
               "Call it NAME.yaml if it is a manifest. Names that begin with a dot, and what editors and package "
               "managers leave behind (x.yaml~, x.yaml.dpkg-old, x.yaml.bak), are passed over in silence.";
    case Code::invalid_manifest:
        return "At least one manifest has errors, so what was asked for was not done. Each error stands above with its "
               "place. `parkerctl validate FILE` repeats them without touching anything. Partitions whose manifests "
               "are "
               "valid go on, and a partition whose manifest became invalid keeps its last valid one.";

    case Code::bad_image:
        return "The kernel image is missing, truncated, or no x86-64 bzImage that can be loaded above 4 GiB (every "
               "distribution's kernel since Linux 3.8 is one). `file IMAGE` should say \"Linux kernel x86 boot "
               "executable "
               "bzImage\"; vmlinux files, other architectures and compressed copies do not work. The partition was not "
               "started and nothing was taken.";
    case Code::image_mismatch:
        return "The kernel image's SHA-256 is not the one that the manifest pins in `kernel.sha256`: the file was "
               "updated, "
               "or tampered with. Compare with `sha256sum IMAGE`. If the change was meant, write the new sum into the "
               "manifest.";
    case Code::image_too_large:
        return "Kernel, initial RAM disk and what they need while they unpack do not fit into the partition's memory, "
               "or "
               "into one of its ranges. Give the partition more memory, or use a smaller initrd: MODULES=dep in "
               "/etc/initramfs-tools/initramfs.conf shrinks Debian's a lot.";

    case Code::no_such_cpu:
        return "The manifest names a CPU that this machine does not have. `parkerctl host` and `lscpu -e` list the "
               "CPUs. Those of sockets that nobody filled are possible to the kernel, but not there. With `count` "
               "instead of `list`, parkerd chooses by itself.";
    case Code::boot_cpu:
        return "The CPU that the machine booted on, and the other threads of its core, must stay with the boot kernel: "
               "stopping it would reset the machine. It is CPU 0 nearly everywhere; `parkerctl host` marks it. Choose "
               "other CPUs.";
    case Code::cpu_busy:
        return "A CPU that the manifest names, or another thread of its core, belongs to another partition, or the "
               "boot "
               "kernel could not release it. The finding says who holds it. Stop that partition or choose other CPUs; "
               "`sharing: threads` allows two kernels to share a core, at the price of isolation.";
    case Code::not_enough_cpus:
        return "There are not enough free CPUs for the manifest's `count`, counting whole cores and leaving the "
               "boot kernel its own; or there are, but in cores of a size that does not come to that number, as "
               "for three CPUs where cores have two. `parkerctl host` shows the cores, `parkerctl list` who holds "
               "which. The finding says what would fit: fewer CPUs, another number, no `node`, or `sharing: "
               "threads`.";
    case Code::no_such_node:
        return "The manifest names a NUMA node that the machine does not have, or one without what is wanted of it: "
               "some "
               "nodes have CPUs only, some memory only. `parkerctl host` and `numactl --hardware` list them.";
    case Code::not_enough_memory:
        return "The machine, or the NUMA node, does not have that much memory to give while the boot kernel keeps its "
               "minimum. The finding says how much there is. Ask for less, spread it over nodes, or stop another "
               "partition.";
    case Code::memory_busy:
        return "Enough memory is free, but not in large enough pieces: something in the boot kernel cannot be moved "
               "out of "
               "the way. Trying again later, or after `echo 1 > /proc/sys/vm/compact_memory`, often helps. `reserve: "
               "always` takes the memory soon after the machine has booted, when it is easy, and keeps it; the boot "
               "kernel's word movablecore= sets movable memory aside for certain.";
    case Code::no_such_device:
        return "No PCI function has this address, or none of this kind is free. `lspci -nn -D` lists addresses and "
               "IDs; "
               "addresses can change when cards are added, IDs do not. A function that was just plugged in or created "
               "may "
               "need a moment.";
    case Code::root_bus:
        return "The device sits on a PCI root bus (bus 0 as a rule), where the machine's own parts are. An application "
               "kernel looks at whole buses, so only a device behind a root port or a switch, on a bus of its own, can "
               "be "
               "assigned. Most add-in cards and NVMe drives are; `lspci -t` shows the tree.";
    case Code::bridge:
        return "The device is a PCI bridge. Bridges stay with the boot kernel, because they lead to other devices too. "
               "Name the function behind the bridge instead: `lspci -t` shows the tree.";
    case Code::shared_bus:
        return "Another function on the same PCI bus does not go to this partition. An application kernel looks at "
               "whole "
               "buses, so all functions of a bus go together or not at all. Give the partition the others too (the "
               "finding "
               "names them), or move the card to another slot.";
    case Code::device_busy:
        return "The device is in use: it belongs to another partition, or the boot kernel uses it. A drive that is "
               "mounted, swapped to, or part of a RAID, LVM or ZFS set is never taken; unmount or stop that first. "
               "The machine's own network link, alone or below a bond, bridge or VLAN, is never chosen by its "
               "kind, and `parkerctl plan` warns of it where it is named by its address: without it, the machine "
               "may be out of reach. A link that is merely up is chosen last, with a warning. The finding says "
               "what holds the device and, where a kind was asked for, what is in the way of each device of that "
               "kind.";
    case Code::no_msi:
        return "The function has neither MSI nor MSI-X, only the shared interrupt lines of old, and those belong "
               "to the boot kernel: a partition cannot get interrupts from it. Assign another function. As a "
               "warning: nobody could read whether it has them, as the kernel shows them to root alone, or because "
               "the function sleeps. `lspci -vv -s ADDRESS` lists a function's capabilities, as root.";
    case Code::no_ecam:
        return "The device's bus has no memory-mapped configuration space (ECAM) that the machine knows of, and a "
               "partition's kernel has no other way to its devices. The boot kernel lists what there is in "
               "/proc/iomem, as PCI ECAM or PCI MMCONFIG; with `pci=nommconf`, or a firmware without the table "
               "MCFG, there is none. Drives behind Intel VMD, in domains from 10000 on, never have it: the space "
               "that VMD gives them is a part of VMD's own memory, and their interrupts are VMD's. With VMD "
               "switched off in the firmware's setup, such a drive is a device like others, at another address.";
    case Code::sr_iov:
        return "The function is a virtual one (SR-IOV), or has virtual ones. A virtual function cannot go to a "
               "partition: a kernel that looks at its bus does not find it, and it is gone when the driver of its "
               "physical function is. A function that has virtual ones cannot go while it has them: they would go "
               "with it, whoever uses them. `echo 0 > /sys/bus/pci/devices/ADDRESS/sriov_numvfs` takes them away; "
               "the physical function can then be assigned as a whole.";
    case Code::no_low_slice:
        return "Each partition needs a slice of memory below 1 MiB to start its CPUs in, and there is none left. "
               "This bounds a machine to about 14 partitions at a time, fewer where the firmware keeps much of it; "
               "those that hold nothing need none. Stop a partition that holds resources.";
    case Code::dma_unconfined:
        return "The manifest says `isolation.dma: required`, but the machine cannot confine this device: it has no "
               "IOMMU, it "
               "is switched off, or the device's IOMMU group has functions that stay behind. `ls "
               "/sys/kernel/iommu_groups` "
               "is empty without an IOMMU: switch it on in the firmware setup and boot with intel_iommu=on. `dma: "
               "auto` "
               "runs without confinement where there is none.";
    case Code::interrupt_remapping:
        return "The machine remaps interrupts, so an application kernel's interrupts from devices would not arrive: it "
               "writes plain addresses into them. Boot with intremap=off on the boot kernel's command line. Partitions "
               "without devices work as they are.";
    case Code::interrupt_broadcast:
        return "The boot kernel sends some interrupts to all CPUs of the machine at once, and they would reach those "
               "of "
               "partitions: in a partition that is just starting, one of them resets the whole machine. Boot with "
               "no_ipi_broadcast=1 on the boot kernel's command line; it costs a few microseconds now and then. `cat "
               "/proc/cmdline` shows whether it is there.";
    case Code::memory_encrypted:
        return "The boot kernel's memory is encrypted by the processor (SME, or a virtual machine with SEV or TDX), "
               "and a "
               "partition starts without the key: it would read noise for its kernel. Boot without mem_encrypt=on. In "
               "a confidential virtual machine there can be no partitions.";
    case Code::apic_id:
        return "Each CPU has a number for interrupts, its APIC ID. A partition's kernel sends interrupts with 8 bits, "
               "as "
               "the machine does not remap them for it, so a CPU whose number is above 254 would never get one. `grep "
               "-E "
               "'processor|apicid' /proc/cpuinfo` lists the numbers. With `count` instead of `list`, parkerd takes "
               "none "
               "of those CPUs. Where firmware locks the machine into x2APIC mode, switch that off in its setup.";

    case Code::busy:
        return "Another job on the same partition is under way, such as a start or a stop. `parkerctl status NAME` "
               "shows "
               "it. Wait for its end, or use `parkerctl kill NAME`, which does not wait.";
    case Code::limit_exceeded:
        return "One user has as much under way with parkerd as anybody may who is not root: calls that are not "
               "answered "
               "yet, questions to polkit among them, or readers of a log. It keeps the others from having to wait. "
               "Wait until some of it has ended, or end it: a call ends with the program that made it.";
    case Code::cancelled:
        return "The work was given up before its end, because somebody asked for that, or because something more "
               "urgent was to be done: a memory dump is given up when its partition is started, stopped or killed, or "
               "ends. What it had written is of no use.";
    case Code::wrong_state:
        return "The partition is not in a state in which this can be done, such as reading the log of one that does "
               "not "
               "run, or removing one that does. `parkerctl status NAME` shows its state.";
    case Code::start_failed:
        return "The partition's first CPU was woken but did not come to where the kernel is entered. Its resources "
               "have "
               "been given back. `journalctl -k` has what the module saw. Firmware that parks CPUs in an unusual way "
               "can "
               "cause it; another CPU may work.";
    case Code::boot_timeout:
        return "The application kernel was started but gave no heartbeat within `timeouts.boot`. It may have stopped "
               "early: "
               "`parkerctl log NAME` shows its kernel log, read from its memory. Common causes are an image without "
               "ACPI "
               "thermal support, and words in `kernel.cmdline` that hide ACPI. On a slow machine, raise the timeout.";
    case Code::stop_timeout:
        return "The application kernel did not power off within `timeouts.stop` after its power button was pressed, "
               "and was "
               "stopped by force: its file systems may need a check. Something in it must react to the power button, "
               "as "
               "systemd-logind does. `parkerctl log NAME` may show what it waited for; raise the timeout if it only "
               "needs "
               "longer.";
    case Code::not_returned:
        return "The partition is stopped, but something it had could not be given back: a CPU that does not come "
               "online, a "
               "device that its driver does not take. The finding names it. It stays visible in `parkerctl status`, "
               "and "
               "parkerd keeps trying; `journalctl -k` has the kernel's reason.";
    case Code::kernel_refused:
        return "The kernel module refused a request for a reason that has no code of its own. The message has the "
               "kernel's "
               "error, `journalctl -k` may have more. What had been done for the request was undone. A module of "
               "another "
               "version than parkerd can cause it: `modinfo parker` shows which one is installed.";
    case Code::locked_down:
        return "The boot kernel is locked down (Secure Boot does that), and loading another kernel into memory is "
               "among the "
               "things it then forbids. `cat /sys/kernel/security/lockdown` shows the mode. Partitions need "
               "lockdown=none, "
               "usually by switching Secure Boot off.";
    case Code::look_given_up:
        return "parkerd reads a partition's memory for its kernel's log, for what it says about itself, and for why it "
               "died. What stands there is that kernel's own, and may lead in circles, by accident or on purpose: then "
               "the look costs too much, and is given up. The partition is not touched by that, and no other one "
               "waits; there is no log of it, no figures in `parkerctl top`, no cause of a crash. Its own dmesg(1) may "
               "say more.";
    case Code::not_stoppable:
        return "The manifest says `isolation.virtualization: true`, and the processors are Intel's (or like them): a "
               "CPU "
               "with KVM loaded ignores INIT, the only signal that stops it from outside. A kernel that ends by itself "
               "is not "
               "affected. One that hangs, or is killed, may keep its CPUs, memory and devices until the machine is "
               "reset, "
               "and such a machine cannot be restarted by kexec. Since Linux 6.12 it is enough that kvm_intel is "
               "loaded, "
               "before it is enough that a virtual machine runs.";
    }
    return {};
}

} // namespace parker
