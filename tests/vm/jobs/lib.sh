# SPDX-License-Identifier: LGPL-2.1-or-later
# What jobs share. Each runs in an application kernel, under busybox, and ends when /tmp/stop appears.

drive() { # mount the partition's drive on /mnt
    until [ -b /dev/nvme0n1 ]; do sleep 0.1; done
    mount -t ext4 /dev/nvme0n1 /mnt
}

stopped() { [ -e /tmp/stop ]; }

idle() { until stopped; do sleep 0.2; done; }
