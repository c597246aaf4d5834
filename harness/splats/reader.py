# SPDX-License-Identifier: GPL-2.0-only
"""Find splats in a console's lines as they come: nothing is kept but the splats.

Messages are told apart by their context (harness.splats.printk): each has at most one splat open,
which takes what the context prints until it ends, another opens, or the context falls silent.

Only text that printk wrote counts: it has a time stamp, and a program's output on the same
console has none.  As long as no line has one (printk.time=0), each counts as the kernel's.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.splats.formats import END, HALF, REPLAY, TRACE_HEADER, Format, match, openings
from harness.splats.kinds import MAX_LINE, MAX_LINES, MAX_SPLATS, MAX_TITLE, TIMING, Kind, Splat
from harness.splats.printk import STAMP, Record, records
from harness.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Seconds of the guest's that its context is silent for, after which a splat is over.
_SILENCE = 20.0
# Lines of other contexts, after which one whose context says nothing more is over.
_OTHERS = 5000
# Messages after which a splat is over: its context floods the console.
_MOST_READ = 2000
# Lines that are looked through for what a stack dump without a title is about.
_BEFORE = 40
# Lines kept of all splats; each further one keeps its first ones alone.
_MOST_LINES = 10_000
_FEW_LINES = 20
_MORE_PANICS = 4
# Lines that a message may be cut into by newlines in a task's name, of 15 characters.
_MOST_HALVES = 16
# What stands between a stack dump's title and its trace (lib/dump_stack.c), and is none.
_DUMP_INFO = ("CPU: ", "Hardware name: ", "Workqueue: ", "Modules linked in:", "Tainted: ", "<")


@dataclass
class _Open:
    """A splat, or a dump that is none, as it is read."""

    # None for a dump that is no complaint.
    kind: Kind | None
    title: str
    # Number of its first line.
    first: int
    stamp: str
    most: int
    # The line of die() comes next.
    fault: bool
    lines: list[str] = field(default_factory=list)
    # Has it a trace of its own?
    traced: bool = False
    # Its messages, kept or not.
    read: int = 0
    # Of its last message: the time in the guest, and the line's number.
    when: float = 0.0
    last: int = 0
    # What led to this panic, which prints the trace for both.
    cause: _Open | None = None

    def goes_on_with(self, row: Format) -> bool:
        """Return True if what ``row`` begins is another part of this, no splat of its own."""
        if row.die and self.fault:
            return True
        return self.kind in row.continues and (row.late or not self.traced)

    def add(self, record: Record, number: int) -> None:
        self.when, self.last = _seconds(record.stamp), number
        self.read += 1
        self.traced = self.traced or _is_header(record.text)
        if len(self.lines) < self.most:
            self.lines.append(record.line[:MAX_LINE])
        if self.cause is not None:
            self.cause.add(record, number)

    def splat(self) -> Splat:
        assert self.kind is not None
        dropped = self.read - len(self.lines)
        note = (f"({dropped} more lines of it are not kept here)",) if dropped else ()
        return Splat(self.kind, self.title, (*self.lines, *note), self.first)


class Reader:
    """Reads the lines of one console, in order, however many at a time.

    Its memory is bounded: MAX_SPLATS are kept, the others counted.
    """

    def __init__(self) -> None:
        # Number of the next line.
        self._count = 0
        # A line with a time stamp has been seen: one without is a program's.
        self._stamped = False
        # The lines that are being read, the first one's number, and lines before them.
        self._block: Sequence[str] = ()
        self._begins = 0
        self._before: deque[str] = deque(maxlen=_BEFORE)
        self._open: dict[str, _Open] = {}
        # By context, of a message that may go on in the next line: stamp, text, how many lines.
        self._halves: dict[str, tuple[str, str, int]] = {}
        # Number of the line at which the contexts that are silent were last looked for.
        self._swept = 0
        self._found: list[_Open] = []
        self._kept_lines = 0
        # The next message repeats the last one.
        self._replayed = False
        self._uncounted = 0

    def read(self, lines: Sequence[str]) -> None:
        """Take complete lines, without control characters."""
        text = "\n".join(lines)
        self._close_silent()
        if not self._stamped and STAMP.search(text):
            # What was taken for the kernel's for want of stamps was a program's.
            self._stamped = True
            self.forget(self._count)
            self._open.clear()
        self._block, self._begins = lines, self._count
        may_open = deque(openings(text if self._stamped else _as_if_stamped(text)))
        at = 0
        while at < len(lines):
            while may_open and may_open[0] < at:
                may_open.popleft()
            if not self._open and not self._halves:
                # Nothing is read but what may open something.
                at = may_open[0] if may_open else len(lines)
            if at < len(lines):
                self._count = self._begins + at
                opens = bool(may_open) and may_open[0] == at
                if opens or not self._adds(lines[at]):
                    self._read_line(lines[at], opens=opens)
                at += 1
        self._count = self._begins + len(lines)
        self._before.extend(lines[-_BEFORE:])

    def forget(self, before: int) -> None:
        """Forget the splats that began before line number ``before``."""
        self._found = [found for found in self._found if found.first >= before]
        self._kept_lines = sum(len(found.lines) for found in self._found)
        self._uncounted = 0

    def splats(self, since: int = 0) -> tuple[tuple[Splat, ...], int]:
        """Return the splats that began in line ``since`` or later, and how many more did.

        One that is still open is returned as far as it goes.
        """
        found = tuple(found.splat() for found in self._found if found.first >= since)
        return found, self._uncounted

    def _adds(self, line: str) -> bool:
        """Take a line that opens nothing, if it is plain; return False if it is not.

        This is the short way of _read_line() for most of a splat's lines.
        """
        found = STAMP.match(line)
        if found is None or self._halves or self._replayed or line.find("[", found.end()) >= 0:
            return False
        current = self._open.get(found[2] or "")
        if current is None:
            return True
        if len(current.lines) < 2 or current.cause is not None or current.read >= _MOST_READ:
            return False
        when = float(found[1])
        if when - current.when > _SILENCE or self._count - current.last > _OTHERS:
            return False
        if "race:" in line or line.startswith("====", found.end()):
            return False
        current.when, current.last = when, self._count
        current.read += 1
        if len(current.lines) < current.most:
            current.lines.append(line[:MAX_LINE])
        return True

    def _read_line(self, line: str, *, opens: bool) -> None:
        """Read a line, which may open something or does not."""
        messages = records(line)
        if not messages and not self._stamped:
            messages = [Record("", "", line, line)]
        elif not messages and REPLAY in line:
            self._replayed = True
        for message in messages:
            self._read_message(message, opens=opens)

    def _read_message(self, message: Record, *, opens: bool) -> None:
        context = message.context
        current = self._open.get(context)
        if current is not None and self._is_over(current, message):
            del self._open[context]
            current = None
        replayed, self._replayed = self._replayed, False
        if current is not None and self._repeats(current, message, forced=replayed):
            return
        if opens or self._halves:
            message = self._joined(message)
            row = match(message.text)
        else:
            row = None
        if row is None:
            self._go_on(current, message)
        elif current is not None and current.goes_on_with(row):
            current.add(message, self._count)
            current.fault = row.fault
            if row.refines and row.kind is not None:
                current.kind = row.kind
        else:
            self._begin(row, current, message)

    def _go_on(self, current: _Open | None, message: Record) -> None:
        """Take a message that begins nothing known."""
        header = _is_header(message.text)
        # A dump that is no complaint has one trace.
        another = header and current is not None and current.kind is None and current.traced
        if current is not None and not another:
            current.add(message, self._count)
            if current.read >= _MOST_READ or END.match(message.text):
                del self._open[message.context]
        elif header:
            # Beside a splat, the others that run show where they are.
            beside = any(other.kind is not None for other in self._open.values())
            kind = None if beside else Kind.UNCLASSIFIED
            self._start(kind, self._title_before(message), message)

    def _begin(self, row: Format, current: _Open | None, message: Record) -> None:
        if row.kind is None and current is None and row.joins:
            current = next((o for o in self._open.values() if o.kind in TIMING), None)
            if current is not None:
                self._open[message.context] = current
        if row.kind is None and current is not None and current.kind is not None:
            current.add(message, self._count)
            return
        self._start(row.kind, message.text[:MAX_TITLE].strip(), message, fault=row.fault)
        if row.kind is Kind.PANIC and current is not None and not current.traced:
            self._open[message.context].cause = current

    def _start(
        self, kind: Kind | None, title: str, message: Record, *, fault: bool = False
    ) -> None:
        # The last line says how many there were.
        most = MAX_LINES - 1 if self._kept_lines < _MOST_LINES else _FEW_LINES
        begun = _Open(kind, title, self._count, message.stamp, most, fault)
        begun.add(message, self._count)
        self._open[message.context] = begun
        # A panic is kept after however many: it says how the guest ended.
        most_splats = MAX_SPLATS + (_MORE_PANICS if kind is Kind.PANIC else 0)
        if kind is not None and len(self._found) < most_splats:
            self._kept_lines = sum(len(found.lines) for found in self._found)
            self._found.append(begun)
        elif kind is not None:
            self._uncounted += 1

    def _close_silent(self) -> None:
        if self._count < self._swept + _OTHERS // 4:
            return
        self._swept = self._count
        self._halves.clear()
        gone = [c for c, found in self._open.items() if self._count - found.last > _OTHERS]
        for context in gone:
            del self._open[context]

    def _is_over(self, current: _Open, message: Record) -> bool:
        silent = _seconds(message.stamp) - current.when
        return silent > _SILENCE or self._count - current.last > _OTHERS

    def _repeats(self, current: _Open, message: Record, *, forced: bool) -> bool:
        """Take a message that the console had begun with and now prints whole."""
        first = len(current.lines) == 1 and message.stamp == current.stamp != ""
        last = current.lines[-1] if current.lines else ""
        longer = forced or (first and len(message.line) > len(last))
        if not longer or not message.line.startswith(last):
            return False
        if not first:
            current.lines[-1:] = [message.line[:MAX_LINE]]
            return True
        row = match(message.text)
        if row is not None:
            current.kind, current.fault = row.kind, row.fault
        current.title = message.text[:MAX_TITLE].strip()
        current.lines[:] = [message.line[:MAX_LINE]]
        return True

    def _joined(self, message: Record) -> Record:
        """Return a message together with the one that it continues, if it does."""
        if not self._halves and not HALF.match(message.text):
            return message
        stamp, begun, lines = self._halves.pop(message.context, ("", "", 0))
        if lines and stamp == message.stamp:
            message = message._replace(text=begun + message.text)
        if HALF.match(message.text) and lines < _MOST_HALVES:
            self._halves[message.context] = (message.stamp, message.text, lines + 1)
        return message

    def _title_before(self, message: Record) -> str:
        """Return the last message of a context that may say what its stack dump is about."""
        at = self._count - self._begins
        for line in reversed([*self._before, *self._block[max(0, at - _BEFORE) : at]]):
            for record in reversed(records(line) or [Record("", "", "", line)]):
                text = record.text.strip()
                if record.context != message.context or text.startswith(_DUMP_INFO):
                    continue
                if text and _seconds(message.stamp) - _seconds(record.stamp) < 1:
                    return text[:MAX_TITLE]
        return message.text[:MAX_TITLE].strip()


def _as_if_stamped(text: str) -> str:
    """Return ``text`` with what openings() looks behind for, before each of its lines."""
    return "] " + text.replace("\n", "\n] ")


def _is_header(text: str) -> bool:
    return "race:" in text and TRACE_HEADER.match(text.lstrip()) is not None


def _seconds(stamp: str) -> float:
    return float(stamp or 0)


def find(lines: Iterable[str]) -> list[Splat]:
    """Return the splats in console ``lines``, in order, at most MAX_SPLATS."""
    reader = Reader()
    reader.read([clean(line) for line in lines])
    return list(reader.splats()[0])
