# SPDX-License-Identifier: GPL-2.0-only
"""The console: lines are the same however they come, and no guest can flood the host."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import HostError
from harness.host.clock import Clock
from harness.machine import console as module
from harness.machine import loop
from harness.machine.console import Console
from harness.machine.evidence import EvidenceLog

LONGEST = 4096


@pytest.fixture
def log(tmp_path):
    evidence = EvidenceLog(tmp_path, Clock(), "vm0")
    yield evidence
    evidence.close()


@pytest.fixture
def console(log) -> Console:
    return Console(log)


@pytest.fixture
def logged(tmp_path):
    def read() -> list[str]:
        return [line.split(" vm0: ")[1] for line in (tmp_path / "serial.log").open()]

    return read


def small(tmp_path_factory) -> Console:
    return Console(EvidenceLog(tmp_path_factory.getbasetemp(), Clock(), "h"))


# Lengths about the limit as well as everyday lines; with newlines at their end or without.
LINES = st.one_of(
    st.binary(max_size=20),
    st.builds(
        lambda length, byte: bytes([byte]) * length,
        st.sampled_from([LONGEST - 1, LONGEST, LONGEST + 1, 2 * LONGEST, 2 * LONGEST + 1]),
        st.integers(32, 126),
    ),
)
PRINTED = st.lists(LINES, max_size=6).map(b"\n".join)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=PRINTED, draw=st.data())
def test_lines_are_the_same_however_they_come(tmp_path_factory, data, draw):
    cuts = draw.draw(st.lists(st.integers(0, len(data)), max_size=8).map(sorted))
    at_newlines = [at + step for at, byte in enumerate(data) if byte == 10 for step in (0, 1)]
    whole, parts, edges = (small(tmp_path_factory) for _ in range(3))
    whole.feed(data)
    for console, places in ((parts, cuts), (edges, at_newlines)):
        for start, end in zip([0, *places], [*places, len(data)], strict=True):
            console.feed(data[start:end])
    for console in (whole, parts, edges):
        console.close()
        console._log.close()
    assert whole.since() == parts.since() == edges.since()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=PRINTED)
def test_no_line_is_lost_or_too_long(tmp_path_factory, data):
    console = small(tmp_path_factory)
    console.feed(data)
    console.close()
    console._log.close()
    expected = []
    lines = data.split(b"\n")
    for line in lines if lines[-1] else lines[:-1]:
        cut = range(0, max(len(line), 1), LONGEST)
        expected += [line[at : at + LONGEST].decode("utf-8", "replace") for at in cut]
    for text, wanted in zip(console.since(), expected, strict=True):
        assert len(text) <= LONGEST
        assert text == wanted or not wanted.isprintable()


def test_a_character_cut_in_two_arrives_whole(console):
    for byte in "käse\n".encode():
        console.feed(bytes([byte]))
    assert console.since() == ("käse",)


def test_what_controls_a_terminal_is_gone_everywhere(console, logged):
    console.feed(b"\x1b[31mred\x1b[0m\r\nnul\0\xff\xfe\n")
    assert console.since() == ("red", "nul\ufffd\ufffd")
    assert logged() == ["red\n", "nul\ufffd\ufffd\n"]


def test_marks_count_lines(console):
    assert console.mark() == 0
    console.feed(b"one\ntwo\nthr")
    mark = console.mark()
    assert mark == 2
    console.feed(b"ee\nfour\n")
    assert console.since(mark) == ("three", "four")
    assert console.since() == ("one", "two", "three", "four")
    assert console.since(4) == console.since(100) == ()


def test_an_unfinished_line_counts_when_the_console_closes(console, logged):
    console.feed(b"a\nlast words")
    assert console.since() == ("a",)
    console.close()
    console.close()
    assert console.since() == ("a", "last words")
    assert logged() == ["a\n", "last words\n"]
    assert console.closed


def test_the_time_of_the_last_byte(console):
    assert console.last_output is None
    console.feed(b"no newline")
    first = console.last_output
    assert first is not None
    time.sleep(0.02)
    console.feed(b".")
    assert console.last_output > first
    console.close()
    assert console.last_output < first + 5


def test_old_lines_are_forgotten_but_keep_their_numbers(console, monkeypatch, log):
    monkeypatch.setattr(module, "_KEPT_LINES", 100)
    console = Console(log)
    console.feed(b"".join(b"%d\n" % number for number in range(1000)))
    assert console.mark() == 1000
    assert console.since() == tuple(str(number) for number in range(900, 1000))
    assert console.since(990)[0] == "990"
    assert console.since(5) == console.since()
    assert console.wait_for(lambda line: line == "950", since=0, timeout=0) == (950, "950")
    assert console.wait_for(lambda line: line == "5", since=0, timeout=0) is None


def test_a_line_without_an_end_does_not_grow(console):
    for _ in range(200):
        console.feed(b"x" * 1000)
    assert len(console._partial) <= LONGEST
    assert set(map(len, console.since())) == {LONGEST}


def test_many_lines_at_once_take_no_time(console, monkeypatch, log):
    monkeypatch.setattr(log, "serial", lambda *_: 1)
    began = time.process_time()
    console.feed(b"\n" * (1 << 20))
    # Half a minute when each line copies all that follow it.
    assert time.process_time() - began < 15
    assert console.mark() == 1 << 20


@pytest.mark.parametrize("line", [b"\n", b"x" * 999 + b"\n", "\u20ac".encode() * 333 + b"\n"])
def test_the_log_is_bounded_in_bytes(console, monkeypatch, tmp_path, line):
    monkeypatch.setattr(module, "_LOGGED_BYTES", 1 << 20)
    for _ in range(64):
        console.feed(line * ((1 << 15) // len(line)))
    written = (tmp_path / "serial.log").read_bytes()
    assert len(written) < (1 << 20) + 2000
    assert len(written) > (1 << 20) - 2000
    assert written.count(b"no longer logged") == 1
    assert written.splitlines()[-1].endswith(b" vm0: (this is 1 MiB: no longer logged)")
    # What is not logged is still there to be judged.
    console.feed(b"Kernel panic - not syncing: x\n")
    assert console.since()[-1] == "Kernel panic - not syncing: x"
    assert b"panic" not in (tmp_path / "serial.log").read_bytes()


def test_the_log_is_bounded_as_it_ships():
    assert module._LOGGED_BYTES == 64 << 20
    assert module._KEPT_LINES * LONGEST < 128 << 20


def test_a_full_disk_does_not_silence_the_console(console, tmp_path, caplog):
    (tmp_path / "serial.log").symlink_to("/dev/full")
    console.feed(b"one\ntwo\n")
    assert console.since() == ("one", "two")
    assert caplog.text.count("No space left on device") == 1


def test_a_line_that_is_there_is_found_at_once(console):
    console.feed(b"one\ntwo\ntwo\n")
    assert console.wait_for(lambda line: line == "two", since=0, timeout=0) == (1, "two")
    assert console.wait_for(lambda line: line == "two", since=2, timeout=0) == (2, "two")
    assert console.wait_for(lambda line: line == "one", since=1, timeout=0) is None


def later(seconds: float, *calls) -> threading.Thread:
    def run() -> None:
        time.sleep(seconds)
        for call, *arguments in calls:
            call(*arguments)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_line_is_waited_for(console):
    thread = later(0.2, (console.feed, b"a\nwan"), (console.feed, b"ted\nb\n"))
    began = time.monotonic()
    assert console.wait_for(lambda line: line == "wanted", since=0, timeout=30) == (1, "wanted")
    assert 0.1 < time.monotonic() - began < 20
    thread.join()


def test_waiting_ends_with_the_time(console):
    console.feed(b"other\n")
    began = time.monotonic()
    assert console.wait_for(lambda line: line == "wanted", since=0, timeout=0.3) is None
    assert 0.3 <= time.monotonic() - began < 20


def test_waiting_ends_with_the_console(console):
    console.feed(b"last")
    thread = later(0.3, (console.close,))
    began = time.monotonic()
    assert console.wait_for(lambda line: line == "wanted", since=0, timeout=30) is None
    assert time.monotonic() - began < 20
    thread.join()
    # Its last line, which has no newline, counts.
    assert console.wait_for(lambda line: line == "last", since=0, timeout=0) == (0, "last")


def test_a_guest_that_prints_without_end_is_not_waited_for(monkeypatch, log):
    monkeypatch.setattr(log, "serial", lambda *_: 1)
    monkeypatch.setattr(module, "_KEPT_LINES", 100)
    console = Console(log)
    stop = threading.Event()

    def flood() -> None:
        while not stop.is_set():
            console.feed(b"flood\n" * 100)

    thread = threading.Thread(target=flood)
    thread.start()
    later(10, (stop.set,))  # so that a wait without an end fails instead
    try:
        # Looking at a line takes longer than the guest needs for the next one.
        assert console.wait_for(lambda _: time.sleep(1e-4), since=0, timeout=0.5) is None
        assert not stop.is_set()
    finally:
        stop.set()
        thread.join()


def test_it_reads_a_socket_until_its_end(console, logged):
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        console.attach(ours)
        theirs.sendall(b"one\ntw")
        assert console.wait_for(lambda line: line == "one", since=0, timeout=30) == (0, "one")
        theirs.sendall(b"o\nthree")
        theirs.close()
        assert console.wait_for(lambda line: line == "three", since=0, timeout=30) == (2, "three")
    assert console.closed
    assert logged() == ["one\n", "two\n", "three\n"]


def test_what_is_typed_arrives_whole_while_the_other_end_is_slow(console):
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    data = bytes(range(256)) * 4000
    got = bytearray()
    with ours, theirs:
        console.attach(ours)

        theirs.settimeout(5)

        def read() -> None:
            with contextlib.suppress(TimeoutError):
                while len(got) < len(data):
                    time.sleep(0.001)
                    got.extend(theirs.recv(50_000))

        thread = threading.Thread(target=read)
        thread.start()
        console.send(data)
        thread.join()
        assert got == data
        theirs.close()
        console.wait_for(lambda _: False, since=0, timeout=5)  # it reads to the end


def test_a_console_that_takes_no_input_is_an_error(console):
    with pytest.raises(HostError, match="not attached"):
        console.send(b"x")
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours:
        with theirs:
            console.attach(ours)
            began = time.monotonic()
            with pytest.raises(HostError, match="does not take input"):
                console.send(bytes(10 << 20), timeout=0.3)
            assert time.monotonic() - began < 20
        console.wait_for(lambda _: False, since=0, timeout=5)
        with pytest.raises(HostError, match="does not take input"):
            console.send(b"x")


def test_a_file_number_may_be_used_again(console, log):
    """By the next VM's console: it must not be taken for the one that was closed."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with theirs:
        console.attach(ours)
        theirs.sendall(b"one\n")
        assert console.wait_for(lambda line: line == "one", since=0, timeout=30)
        number = ours.fileno()
        console.detach(timeout=0.05)
        assert console.closed
        ours.close()
        ours, others = socket.socketpair()
        ours.setblocking(False)
        with ours, others:
            assert ours.fileno() == number
            second = Console(log)
            second.attach(ours)
            # What is there already is read without waiting for it.
            loop.run(asyncio.sleep(0.01), 10)
            others.sendall(b"two\n")
            assert second.wait_for(lambda line: line == "two", since=0, timeout=10) == (0, "two")
            second.detach(timeout=0.05)
    console.detach()
    with pytest.raises(HostError, match="not attached"):
        console.send(b"x")


def test_detaching_reads_to_the_end(console):
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours:
        console.attach(ours)
        theirs.sendall(b"one\nlast" * 5000)
        theirs.close()
        console.detach(timeout=30)
    assert console.since()[-1] == "last"
    assert console.mark() == 5001


SPLAT = b"[    1.000000][  T812] BUG: Bad page state in process x  pfn:1\n"
PLAIN = b"[    2.000000][  T812] foo: message\n"


@pytest.mark.parametrize("lines", [100, 20_001, 60_000])
def test_no_splat_is_lost_however_much_comes_after_it(console, monkeypatch, log, lines):
    monkeypatch.setattr(log, "serial", lambda *_: 1)
    console.feed(PLAIN)
    mark = console.mark()
    console.feed(SPLAT + PLAIN * lines)
    ((splat,), more) = console.splats(mark)
    assert (splat.first_line_index, more) == (mark, 0)
    kept, after = console.take(mark)
    assert after == lines + 2
    assert kept[0] == splat.lines[0]
    dropped = lines + 1 - module._KEPT_LINES
    notes = [line for line in kept if "only splats are kept" in line]
    assert [int(note.split()[0].strip("(")) for note in notes] == [dropped] * (dropped > 0)


def test_lines_that_are_all_kept_are_taken_as_they_are(console):
    console.feed(PLAIN * 3)
    assert console.take(1) == (console.since(1), 3)


def test_splats_are_found_while_the_console_is_open(console):
    for byte in SPLAT:
        console.feed(bytes([byte]))
    assert len(console.splats()[0]) == 1


def test_splats_before_a_case_take_none_of_its_room(console):
    console.feed(SPLAT * 300)
    mark = console.mark()
    console.forget_splats(mark)
    assert console.splats() == ((), 0)
    console.feed(SPLAT * 150)
    found, more = console.splats(mark)
    assert (len(found), more) == (100, 50)


STAMP = b"[  100.000900][  T812] "


@pytest.mark.parametrize("before", range(LONGEST - len(STAMP) - 30, LONGEST + 3))
def test_an_overlong_line_is_not_cut_in_a_stamp(tmp_path_factory, before):
    whole = small(tmp_path_factory)
    whole.feed(b"x" * before + STAMP + b"BUG: KASAN: use-after-free in foo+0x1/0x2\n")
    whole.close()
    whole._log.close()
    (splat,) = whole.splats()[0]
    assert splat.title == "BUG: KASAN: use-after-free in foo+0x1/0x2"
    assert max(map(len, whole.since())) <= LONGEST


@pytest.mark.parametrize("chunk", [1, 100, 4096, 1 << 20])
def test_an_overlong_line_is_cut_in_the_same_places(tmp_path_factory, chunk):
    line = b"y" * 5000 + STAMP + b"z" * 9000 + b"[  100.0"
    consoles = [small(tmp_path_factory) for _ in range(2)]
    for console, size in zip(consoles, (len(line), chunk), strict=True):
        for start in range(0, len(line), size):
            console.feed(line[start : start + size])
        console.close()
        console._log.close()
    assert consoles[0].since() == consoles[1].since()
    assert b"".join(text.encode() for text in consoles[0].since()) == line


def test_what_is_not_logged_is_counted(console, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_LOGGED_BYTES", 1000)
    console.feed(b"a line\n" * 500)
    console.close()
    *lines, full, last = (tmp_path / "serial.log").read_text().splitlines()
    assert "no longer logged" in full
    assert last.endswith(f"({500 - len(lines)} more lines were not logged)")


@pytest.mark.parametrize("chunk", [1 << 20, 4096])
def test_bytes_in_large_portions_cost_little(console, monkeypatch, log, chunk):
    """50 MB/s on an idle machine; this only tells a cost for each line from one for each block."""
    monkeypatch.setattr(log, "serial", lambda *_: 1)
    data = (PLAIN * 200_000)[: 6 << 20]
    began = time.process_time()
    for start in range(0, len(data), chunk):
        console.feed(data[start : start + chunk])
    assert len(data) / (time.process_time() - began) > 10e6


def test_single_bytes_cost_no_more_for_being_many(console):
    def cost(length: int) -> float:
        began = time.process_time()
        for _ in range(length):
            console.feed(b"x")
        return time.process_time() - began

    cost(1000)
    # An unfinished line is not copied with each byte.
    assert cost(40_000) < 40 * max(cost(4_000), 1e-3)
