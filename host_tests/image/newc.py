# SPDX-License-Identifier: GPL-2.0-only
"""Reads "newc" archives as the kernel does (init/initramfs.c), written for the tests alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    name: str
    inode: int
    mode: int
    uid: int
    gid: int
    links: int
    mtime: int
    device: tuple[int, int]
    data: bytes


def members(archive: bytes) -> list[Member]:
    """All members of one archive or of several behind each other, in order."""
    found = []
    position = 0
    while position < len(archive):
        if archive[position] == 0:  # between archives
            position += 1
            continue
        # The kernel looks for a header at multiples of four alone.
        assert position % 4 == 0, "a header is not aligned"
        assert archive[position : position + 6] == b"070701", "no header where one must be"
        numbers = [
            int(archive[position + 6 + 8 * i : position + 14 + 8 * i], 16) for i in range(13)
        ]
        inode, mode, uid, gid, links, mtime, size, _, _, major, minor, length, _ = numbers
        end = position + 110 + length
        assert archive[end - 1] == 0, "a name does not end with NUL"
        name = archive[position + 110 : end - 1].decode()
        start = end + -end % 4
        position = start + size + -(start + size) % 4
        assert position <= len(archive), "the archive ends within a member"
        if name != "TRAILER!!!":
            data = archive[start : start + size]
            device = (major, minor)
            found.append(Member(name, inode, mode, uid, gid, links, mtime, device, data))
    return found


def tree(archive: bytes) -> dict[str, Member]:
    """What the file system is after the kernel has unpacked ``archive``."""
    return {member.name: member for member in members(archive)}
