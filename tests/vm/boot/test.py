# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine comes up with the product in it."""


def test_systemd_is_content(m) -> None:
    """systemd is up and no unit has failed"""
    assert m.out("systemctl is-system-running || true") == "running", m.out("systemctl --failed --no-legend")


def test_module_loads(m) -> None:
    """modprobe loads parker.ko, and /dev/parker is for root alone"""
    m.run("modprobe parker")
    assert m.out("stat -c '%F %a %U' /dev/parker") == "character special file 600 root"
    assert m.out("ls /sys/class/parker") == ""


def test_module_unloads(m) -> None:
    """The module leaves when no partition exists, and comes again"""
    m.run("systemctl stop parkerd", check=False)
    m.run("modprobe parker && modprobe -r parker && modprobe parker")


def test_module_says_what_it_is(m) -> None:
    """modinfo names the licence and that the module is for this kernel"""
    info = m.out("modinfo parker")
    assert "GPL" in info and m.out("uname -r") in info, info
