# SPDX-License-Identifier: GPL-2.0-only
"""Print what a dump says of the tasks that do not go on, of uffds, and of who holds what lock.

``python -m harness.postmortem.core VMCORE VMLINUX``, with drgn; harness/postmortem/summary.py runs
it.  What cannot be read, of a kernel that has it otherwise or a dump that is broken, is said in
its place.
"""

from __future__ import annotations

import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

import drgn
from drgn.helpers.linux.fs import for_each_file
from drgn.helpers.linux.locking import RwsemLocked, mutex_owner, rwsem_locked, rwsem_owner
from drgn.helpers.linux.mm import for_each_vma
from drgn.helpers.linux.pid import for_each_task
from drgn.helpers.linux.sched import task_state_to_char
from drgn.helpers.linux.wait import waitqueue_for_each_entry

if TYPE_CHECKING:
    from collections.abc import Iterator

# A guest has some 60 tasks beside its kernel threads; a list that a bug has made a ring has no end.
_MOST_TASKS = 1024
_MOST_STACKS = 40
_MOST_ENTRIES = 100


def _main(vmcore: str, vmlinux: str) -> None:
    program = drgn.Program()
    program.set_core_dump(vmcore)
    try:
        program.load_debug_info([vmlinux])
    except drgn.MissingDebugInfoError as error:
        print(f"not all debug information is there (modules' is not needed): {error}\n")
    for title, part in (("tasks", _tasks), ("uffd contexts", _contexts), ("locks", _locks)):
        print(f"== {title}")
        said = False
        for line in _guarded(part(program)):
            print(line)
            said = True
        print("" if said else "none\n")


def _guarded(part: Iterator[str]) -> Iterator[str]:
    """Yield what ``part`` says; whatever it meets is said as well, and is its end."""
    try:
        yield from part
    except Exception as error:  # noqa: BLE001 (a dump can be broken in any way)
        yield f"cannot be read: {type(error).__name__}: {error}"


def _all(program: Any) -> Iterator[Any]:  # noqa: ANN401
    return islice(for_each_task(program), _MOST_TASKS)


def _name(task: Any) -> str:  # noqa: ANN401
    return f"{task.comm.string_().decode('utf-8', 'replace')} {task.pid.value_()}"


def _tasks(program: Any) -> Iterator[str]:  # noqa: ANN401
    """Return where the tasks stand that wait for the kernel or run; name the others."""
    shown, others = 0, []
    for task in _all(program):
        state = task_state_to_char(task)
        if state not in "DRT" or shown == _MOST_STACKS:
            others.append(f"{_name(task)} ({state})")
            continue
        shown += 1
        yield f"{_name(task)}: state {state}"
        yield from _guarded(_stack(program, task))
        yield ""
    yield f"the others: {', '.join(others) or 'none'}"


def _stack(program: Any, task: Any) -> Iterator[str]:  # noqa: ANN401
    yield str(program.stack_trace(task))


def _contexts(program: Any) -> Iterator[str]:  # noqa: ANN401
    """Return for each userfaultfd_ctx who has it, what it has registered, and who waits for it."""
    users: dict[int, list[str]] = {}
    ranges: dict[int, list[str]] = {}
    # The kernel's own names of VM flags (mm/debug.c): their bits have moved.
    names = [entry for entry in program["vmaflag_names"] if entry.name]
    flags = [(entry.mask.value_(), entry.name.string_().decode()) for entry in names]
    seen = set()
    for task in _all(program):
        for fd, context in _open(task):
            users.setdefault(context, []).append(f"{_name(task)} fd {fd}")
        mm = task.mm.value_()
        if mm and mm not in seen:
            seen.add(mm)
            for context, text in _registered(task.mm, flags):
                ranges.setdefault(context, []).append(f"{text} of {_name(task)}")
    for address in dict.fromkeys([*users, *ranges]):
        yield f"{address:#x}: {', '.join(users.get(address, [])) or 'no open file'}"
        yield from (f"  registered: {text}" for text in ranges.get(address, []))
        yield from _guarded(_context(drgn.Object(program, "struct userfaultfd_ctx *", address)))


def _context(context: Any) -> Iterator[str]:  # noqa: ANN401
    features, flags = context.features.value_(), context.flags.value_()
    released = ", released" if context.released else ""
    references = context.refcount.refs.counter.value_()
    yield f"  features {features:#x}, flags {flags:#o}, references {references}{released}"
    for queue, what in (("fault_pending_wqh", "not read"), ("fault_wqh", "read")):
        for entry in islice(
            waitqueue_for_each_entry(context.member_(queue).address_of_()), _MOST_ENTRIES
        ):
            yield from _guarded(_waiter(entry, what))


def _waiter(entry: Any, what: str) -> Iterator[str]:  # noqa: ANN401
    """Return for an entry of a context's queue which task waits, for what, and where it stands."""
    wait = drgn.container_of(entry, "struct userfaultfd_wait_queue", "wq")
    task = drgn.Object(entry.prog_, "struct task_struct *", entry.private.value_())
    fault = wait.msg.arg.pagefault
    address, flags = fault.address.value_(), fault.flags.value_()
    woken = ", woken" if wait.waken else ""
    yield f"  waits, {what}: {_name(task)} at {address:#x}, flags {flags:#x}{woken}"
    for stack in _guarded(_stack(entry.prog_, task)):
        yield from (f"    {line}" for line in stack.splitlines())


def _open(task: Any) -> Iterator[tuple[int, int]]:  # noqa: ANN401
    """Yield the task's uffds, and the address of each one's context; threads share them."""
    if not task.files or task.pid.value_() != task.tgid.value_():
        return
    operations = task.prog_["userfaultfd_fops"].address_of_().value_()
    for fd, file in for_each_file(task):
        if file.f_op.value_() == operations:
            yield fd, file.private_data.value_()


def _registered(mm: Any, flags: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:  # noqa: ANN401
    """Yield the context of each range that has one, and the range with its modes."""
    for vma in for_each_vma(mm):
        if context := vma.vm_userfaultfd_ctx.ctx.value_():
            bits = vma.vm_flags.value_()
            modes = [name for mask, name in flags if mask & bits and name.startswith("uffd")]
            start, end = vma.vm_start.value_(), vma.vm_end.value_()
            yield context, f"{start:x}-{end:x} {'|'.join(modes)}"


def _locks(program: Any) -> Iterator[str]:  # noqa: ANN401
    """Return who holds a mmap_lock or one of hugetlb's fault mutexes; of lockdep all it knows."""
    seen = set()
    for task in _all(program):
        yield from _guarded(_held(program, task))
        mm = task.mm.value_()
        if mm and mm not in seen:
            seen.add(mm)
            yield from _guarded(_mmap_lock(task))
    table = program["hugetlb_fault_mutex_table"]
    for number in range(program["num_fault_mutexes"].value_()):
        if owner := mutex_owner(table[number].address_of_()):
            yield f"hugetlb_fault_mutex_table[{number}]: by {_name(owner)}"


def _mmap_lock(task: Any) -> Iterator[str]:  # noqa: ANN401
    """Return how the lock of ``task``'s memory is held, if it is; readers leave no names."""
    lock = task.mm.mmap_lock.address_of_()
    locked = rwsem_locked(lock)
    if locked is RwsemLocked.WRITE_LOCKED:
        yield f"mmap_lock of {_name(task)}: for writing, by {_name(rwsem_owner(lock))}"
    elif locked is RwsemLocked.READ_LOCKED:
        yield f"mmap_lock of {_name(task)}: for reading"


def _held(program: Any, task: Any) -> Iterator[str]:  # noqa: ANN401
    """Return what lockdep knows that ``task`` holds; a kernel without it has no such member."""
    if not any(member.name == "lockdep_depth" for member in task.type_.type.members):
        return
    classes = program["lock_classes"]
    for number in range(task.lockdep_depth.value_()):
        held = task.held_locks[number]
        name = classes[held.class_idx.value_()].name.string_().decode("utf-8", "replace")
        at = program.symbol(held.acquire_ip.value_()).name
        yield f"{_name(task)}: {name} at {held.instance.value_():#x}, taken in {at}"


if __name__ == "__main__":
    _main(*sys.argv[1:])
