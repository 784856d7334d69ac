# SPDX-License-Identifier: MIT
"""What connections cost in memory, and to whom it can be charged.

To the server's process alone: its resident set, in it the stacks of its threads, its page tables
(VmPTE), and the buffers of its sockets, which the kernel tells socket by socket (what `ss --memory`
shows, over NETLINK_SOCK_DIAG). To nobody in particular: the kernel's own objects (the socket itself,
its file, its place in epoll; a thread's kernel stack), which are counted for the whole
machine. On loopback both ends of a connection are in that figure, the client's as well.
"""

from __future__ import annotations

import re
import socket
import struct
from dataclasses import asdict, dataclass
from pathlib import Path

from ..rig import Failure

SP_FIELDS = 2  # of /proc/PID/task/TID/syscall: … stack pointer, program counter

# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20
NLM_F_REQUEST_DUMP, NLMSG_ERROR, NLMSG_DONE = 0x301, 2, 3
INET_DIAG_SKMEMINFO, ESTABLISHED = 7, 1
DIAG_MSG, DIAG_STATE_AT, DIAG_INODE_AT = 72, 1, 68
(RMEM, _RCVBUF, _WMEM, _SNDBUF, FORWARD, QUEUED, OPTION, BACKLOG) = range(8)


@dataclass(frozen=True)
class Memory:
    """Bytes at one time."""

    rss_bytes: int
    stack_bytes: int | None  #: resident, of all threads; None: the kernel does not say where they are
    page_table_bytes: int
    threads: int
    sockets: int  #: that the server has accepted on its port
    socket_bytes: int | None  #: in their buffers; None: without NETLINK_SOCK_DIAG
    kernel_bytes: int  #: slab and kernel stacks of the whole machine

    def facts(self) -> dict[str, int | None]:
        return asdict(self)


def read(pid: int, port: int) -> Memory:
    """Of a server and the sockets of its port. Failure if the process is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        resident = rss_bytes(pid, status)
        stacks = stack_bytes(pid)
    except (FileNotFoundError, ProcessLookupError):
        raise Failure("the server ended while its memory was read") from None
    held, buffered = sockets(port)
    return Memory(
        rss_bytes=resident,
        stack_bytes=stacks,
        page_table_bytes=kib(status, "VmPTE"),
        threads=int(field(status, "Threads") or 0),
        sockets=held,
        socket_bytes=buffered,
        kernel_bytes=kernel_bytes(Path("/proc/meminfo").read_text()),
    )


def field(text: str, name: str) -> str | None:
    found = re.search(rf"^{name}:\s+(\d+)", text, re.M)
    return found[1] if found else None


def kib(text: str, name: str) -> int:
    return int(field(text, name) or 0) * 1024


def rss_bytes(pid: int, status: str) -> int:
    """Counted page by page. VmRSS is not that exact: up to Linux 6.1 (Debian 12's) each thread keeps its
    first 64 page faults to itself, which is all of what a thread per connection touches."""
    try:
        counted = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:  # a kernel without it
        counted = ""
    return kib(counted, "Rss") or kib(status, "VmRSS")


def kernel_bytes(meminfo: str) -> int:
    return kib(meminfo, "Slab") + kib(meminfo, "KernelStack")


# --- Stacks -------------------------------------------------------------------------------------


def stack_bytes(pid: int) -> int | None:
    """Resident bytes of the mappings that hold the threads' stack pointers. A stack keeps the pages
    that were ever touched, so that it does not matter where in it a thread is now. A thread that runs
    has no stack pointer to show; if some do and some do not, those that do stand for all."""
    pointers, running = [], 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            words = (task / "syscall").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        except OSError:  # a kernel without it, or one that does not let us
            return None
        if len(words) > SP_FIELDS:
            pointers.append(int(words[-SP_FIELDS], 16))
        else:
            running += 1
    if not pointers:
        return None
    resident = stacks_of(Path(f"/proc/{pid}/smaps").read_text(), pointers)
    return round(resident * (len(pointers) + running) / len(pointers))


def stacks_of(smaps: str, pointers: list[int]) -> int:
    """Resident bytes of every mapping that one of these addresses is in, each counted once."""
    wanted = sorted(pointers)
    total, inside, at = 0, False, 0
    for line in smaps.splitlines():
        head, _, rest = line.partition(" ")
        if head == "Rss:":
            total += int(rest.split()[0]) * 1024 if inside else 0
        elif "-" in head and not head.endswith(":"):
            first, last = (int(end, 16) for end in head.split("-"))
            while at < len(wanted) and wanted[at] < first:  # in no mapping
                at += 1
            inside = at < len(wanted) and wanted[at] < last
            while at < len(wanted) and wanted[at] < last:
                at += 1
    return total


# --- Sockets ------------------------------------------------------------------------------------


def sockets(port: int) -> tuple[int, int | None]:
    """Accepted TCP sockets whose own port is this, and the bytes in their buffers. One that still waits
    in the backlog is established, too, but has no file and so no inode. Without NETLINK_SOCK_DIAG the
    count comes from /proc/net/tcp, and the bytes are not known."""
    try:
        return _diagnose(port)
    except OSError:
        return _from_proc(port), None


def _from_proc(port: int) -> int:
    count = 0
    for name in ("tcp", "tcp6"):
        path = Path("/proc/net") / name
        if path.exists():
            rows = (line.split() for line in path.read_text().splitlines()[1:])
            count += sum(
                int(row[1].rpartition(":")[2], 16) == port and row[3] == "01" and row[9] != "0"
                for row in rows
            )
    return count


def _diagnose(port: int) -> tuple[int, int]:
    count, total = 0, 0
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as asking:
        for family in (socket.AF_INET, socket.AF_INET6):
            asking.send(_question(family, port))
            more = True
            while more:
                more, found = _answers(asking.recv(1 << 18))
                count += len(found)
                total += sum(found)
    return count, total


def _question(family: int, port: int) -> bytes:
    wanted = 1 << (INET_DIAG_SKMEMINFO - 1)
    head = struct.pack("=BBBxI", family, socket.IPPROTO_TCP, wanted, 1 << ESTABLISHED)
    place = struct.pack("!HH", port, 0) + bytes(36) + b"\xff" * 8  # any peer, no cookie
    body = head + place
    return struct.pack("=IHHII", 16 + len(body), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP, 1, 0) + body


def _answers(data: bytes) -> tuple[bool, list[int]]:
    """Is there more to come, and the buffered bytes of each socket in this message."""
    at, found = 0, []
    while at + 16 <= len(data):
        size, kind = struct.unpack_from("=IH", data, at)
        if kind == NLMSG_DONE:
            return False, found
        if kind == NLMSG_ERROR:
            raise OSError("NETLINK_SOCK_DIAG refuses")
        (inode,) = struct.unpack_from("=I", data, at + 16 + DIAG_INODE_AT)
        if data[at + 16 + DIAG_STATE_AT] == ESTABLISHED and inode:
            found.append(_buffered(data[at + 16 + DIAG_MSG : at + size]))
        at += (size + 3) & ~3
    return True, found


def _buffered(attributes: bytes) -> int:
    """Received and not read, written and not acknowledged, and what is reserved for more. What the
    device still holds of the written is counted in the queue already."""
    at = 0
    while at + 4 <= len(attributes):
        size, kind = struct.unpack_from("=HH", attributes, at)
        if kind == INET_DIAG_SKMEMINFO:
            words = struct.unpack_from("=8I", attributes, at + 4)
            return sum(words[i] for i in (RMEM, FORWARD, QUEUED, OPTION, BACKLOG))
        at += max(4, (size + 3) & ~3)
    return 0
