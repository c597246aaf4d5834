# SPDX-License-Identifier: GPL-2.0-only
"""What the host makes of an agent's frames, those of a hostile guest included.

A real agent in a real VM is in host_tests/vm/test_agent.py.
"""

from __future__ import annotations

import itertools
import json
import re
import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from harness import architectures
from harness.guest import agent as module
from harness.guest.agent import Agent, FrameReader
from harness.guest.ssh import SshError
from harness.host.clock import Clock
from harness.image import native
from harness.machine.evidence import EvidenceLog

SOURCE = (architectures.IMAGES / "init" / "serve.c").read_text()


def frame(kind: str, payload: bytes) -> bytes:
    return kind.encode() + struct.pack(">I", len(payload)) + payload


class Channel:
    """A channel whose other end says what it is told to, in pieces, then falls silent or ends."""

    def __init__(self, pieces, *, ends=True) -> None:
        self.pieces, self._ends = list(pieces), ends
        self.sent = b""
        self.closed = False
        self.stderr = b""

    def settimeout(self, timeout) -> None:
        assert timeout > 0

    def sendall(self, data) -> None:
        self.sent += data

    def recv(self, size):
        if self.pieces:
            return self.pieces.pop(0)[:size]
        if self._ends:
            return b""
        raise TimeoutError

    def recv_stderr_ready(self):
        return bool(self.stderr)

    def recv_stderr(self, size):
        return self.stderr[:size]

    def close(self) -> None:
        self.closed = True


class Ssh:
    """A connection whose one channel is given."""

    def __init__(self, channel, folder) -> None:
        self._channel = channel
        self.log = EvidenceLog(folder, Clock(), "vm0")

    def start(self, argv):
        assert argv == ["/sbin/agent", "serve"]
        return self._channel


@pytest.fixture
def agent(tmp_path):
    def start(*pieces, **more) -> Agent:
        return Agent(Ssh(Channel(pieces, **more), tmp_path)).__enter__()

    return start


def run(agent, *, timeout=5.0, **more):
    return agent.run(["/bin/x", "y"], timeout=timeout, **more)


# Frames as they should be and as they should not, and bytes that are none.
TEXT = st.sampled_from([b"exit 0", b"exit 255", b"signal SEGV", b"exit 1000", b"exit", b"", b"x"])
FRAME = st.one_of(
    st.builds(frame, st.sampled_from("OE"), st.binary(min_size=1, max_size=40)),
    st.builds(frame, st.just("X"), TEXT),
    st.builds(frame, st.just("H"), st.binary(min_size=1, max_size=40)),
    st.builds(frame, st.sampled_from("OEHXR\0"), st.binary(max_size=80)),
    st.builds(lambda kind, n: struct.pack(">cI", kind, n),
              st.sampled_from([b"O", b"E", b"H", b"X"]), st.integers(0, 2**32 - 1)),
    st.binary(max_size=20),
)  # fmt: skip
STREAM = st.lists(FRAME, max_size=8).map(b"".join)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(edges)]
    return [piece for piece in pieces if piece]


def joined(reader: FrameReader, pieces) -> list[tuple[bytes, bytes]]:
    """What was read, with parts that belong together put together."""
    found: list[tuple[bytes, bytes]] = []
    for piece in pieces:
        for kind, payload in reader.feed(piece):
            if found and kind in b"OE" and found[-1][0] == kind:
                found[-1] = (kind, found[-1][1] + payload)
            else:
                found.append((kind, payload))
    return found


@settings(deadline=None)
@given(STREAM, st.lists(st.integers(0, 1 << 20), max_size=12))
@example(frame("O", b"abc") + frame("X", b"exit 0"), [1, 5, 6, 7])
def test_frames_are_the_same_however_they_come(data, places):
    whole, parts = FrameReader(), FrameReader()
    assert joined(whole, [data]) == joined(parts, cut(data, places))
    assert (whole.broken, whole.between) == (parts.broken, parts.between)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("OE"), st.binary(min_size=1, max_size=300)), max_size=9))
def test_what_is_sent_is_what_is_read(sent):
    reader = FrameReader()
    data = b"".join(frame(kind, payload) for kind, payload in sent) + frame("X", b"exit 3")
    found = joined(reader, cut(data, [7, 50, 51, 300]))
    assert found[-1] == (b"X", b"exit 3")
    for kind in "OE":
        expected = b"".join(payload for k, payload in sent if k == kind)
        assert b"".join(payload for k, payload in found if k == kind.encode()) == expected
    assert reader.between
    assert not reader.broken


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STREAM, st.lists(st.integers(0, 1 << 20), max_size=12), st.booleans())
def test_no_guest_can_make_it_raise(agent, data, places, closes):
    """Whatever comes, the outcome says one thing: an end, a loss or a time-out."""
    started = agent(*cut(data, places), ends=closes)
    done = run(started)
    ends = [done.exit_status is not None, done.signal is not None]
    assert sum([*ends, done.timed_out, done.lost, done.flooded]) == 1
    if done.lost or done.timed_out:
        with pytest.raises(SshError):
            run(started)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"Q\0\0\0\1x", "a frame of unknown type b'Q'"),
        (b"R\0\0\0\1x", "a frame of unknown type b'R'"),
        (b"O\0\1\0\1", "a frame O of 65537 bytes: expected 1 to 65536"),
        (b"E\xff\xff\xff\xff", "a frame E of 4294967295 bytes"),
        (b"H\0\0\x10\1", "a frame H of 4097 bytes: expected 1 to 4096"),
        (frame("X", b"exit 0") + frame("H", b"x 0 0"), "frames after the command's end"),
        (b"X\0\0\0\x41", "a frame X of 65 bytes: expected 1 to 64"),
        (b"O\0\0\0\0", "a frame O of 0 bytes"),
        (frame("X", b"exit 1000"), "an end that is none: b'exit 1000'"),
        (frame("X", b"exit -1"), "an end that is none"),
        (frame("X", b"exit 0\n"), "an end that is none"),
        (frame("X", b"signal segv"), "an end that is none"),
        (frame("X", b"exit 0") + frame("O", b"x"), "frames after the command's end"),
        (frame("X", b"exit 0") * 2, "frames after the command's end"),
        (frame("X", b"exit 0") + b"O", "frames after the command's end"),
        (frame("O", b"x"), "the channel was closed"),
        (b"", "the channel was closed"),
    ],
)
def test_what_is_no_protocol_is_a_loss(agent, tmp_path, data, why):
    started = agent(*[data] if data else [])
    done = run(started)
    assert done.lost
    assert not done.timed_out
    entry = json.loads((tmp_path / "ssh.jsonl").read_text().splitlines()[-1])
    assert why in entry["error"]
    assert entry["lost"]
    with pytest.raises(SshError, match=re.escape(why)):
        run(started)
    assert started._channel.closed


@pytest.mark.parametrize(
    ("text", "status", "signal"),
    [(b"exit 0", 0, None), (b"exit 127", 127, None), (b"signal RTMIN", None, "RTMIN"),
     (b"signal 40", None, "40")],
)  # fmt: skip
def test_ends(agent, text, status, signal):
    done = run(agent(frame("O", b"out"), frame("E", b"err"), frame("X", text)))
    assert (done.exit_status, done.signal) == (status, signal)
    assert (done.stdout, done.stderr) == (b"out", b"err")
    assert [done.lost, done.timed_out, done.flooded] == [False, False, False]


def test_commands_one_after_the_other(agent):
    started = agent(*[frame("O", b"%d" % n) + frame("X", b"exit %d" % n) for n in range(9)])
    for n in range(9):
        done = run(started)
        assert (done.stdout, done.exit_status) == (b"%d" % n, n)
    assert started._channel.sent == frame("R", b"/bin/x\0y") * 9


def test_how_the_kernel_is_comes_with_the_end(agent):
    started = agent(
        frame("H", b"tainted 0 0\nx 1 ")[:9],
        frame("H", b"tainted 0 0\nx 1 ")[9:] + frame("X", b"exit 0"),
        frame("X", b"exit 0"),
    )
    assert run(started).health == "tainted 0 0\nx 1 "
    assert run(started).health == "", "not the last command's"


def test_silence_is_a_time_out(agent):
    done = run(agent(frame("O", b"x"), ends=False))
    assert done.timed_out
    assert not done.lost
    assert done.stdout == b"x"


def test_a_result_that_came_while_this_process_stood_still_counts(agent, monkeypatch):
    """Ctrl-Z, and fg a minute later: the guest had gone on, and its answer is there."""
    started = agent(frame("O", b"x"), frame("X", b"exit 0"))
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    waits = started._channel.recv

    def recv(size):
        if not now[0]:
            now[0] = 60.0
            raise TimeoutError
        return waits(size)

    started._channel.recv = recv
    done = run(started)
    assert (done.timed_out, done.stdout, done.exit_status) == (False, b"x", 0)


def test_a_guest_that_prints_on_is_cut_after_one_more_look(agent, monkeypatch):
    started = agent(ends=False)
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])

    def recv(_):
        now[0] += 30.0
        return frame("O", b"x")

    started._channel.recv = recv
    done = run(started)
    assert done.timed_out
    assert done.stdout == b"xx"


def test_output_comes_in_order_while_it_runs(agent):
    seen = []
    pieces = [frame("O", b"a")[:3], frame("O", b"a")[3:] + frame("E", b"!") + frame("O", b"b"),
              frame("X", b"exit 0")]  # fmt: skip
    run(agent(*pieces), on_output=seen.append)
    assert seen == [b"a", b"b"]


@pytest.mark.parametrize("kind", ["O", "E"])
def test_a_flood_is_cut(agent, kind):
    piece = frame(kind, bytes(65000))
    done = run(agent(*[piece] * 1000))
    assert done.flooded
    assert not done.lost
    assert 4 << 20 < len(done.stdout + done.stderr) < 5 << 20


def test_a_frame_that_never_ends_takes_no_memory():
    """65536 bytes were announced, and only ever one comes at a time, before the next frame."""
    reader = FrameReader()
    tracemalloc.start()
    try:
        for _ in range(20):
            for _kind, payload in reader.feed(b"O\0\1\0\0"):
                assert payload
            for _ in range(65536 // 64):
                for _kind, payload in reader.feed(bytes(64)):
                    assert len(payload) == 64
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert reader.between


def test_an_interrupt_spoils_it(agent):
    started = agent(frame("O", b"x"), frame("X", b"exit 0"))

    def interrupt(_: bytes) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(started, on_output=interrupt)
    with pytest.raises(SshError, match="was still running"):
        run(started)


@pytest.mark.parametrize("argv", [["x" * 65537], ["x"] * 1025, ["a", "b\0c"]])
def test_what_it_does_not_take_is_not_sent(agent, argv):
    started = agent(frame("X", b"exit 0"))
    with pytest.raises(SshError, match="agent cannot run"):
        started.run(argv, timeout=5)
    assert started._channel.sent == b""
    assert run(started).exit_status == 0


def test_what_the_agent_itself_says_is_kept(agent):
    started = agent()
    started._channel.stderr = b"agent: poll: Out of memory\n"
    assert run(started).stderr == b"agent: poll: Out of memory\n"


def test_host_and_guest_have_the_same_limits():
    numbers = {name: int(value) for name, value in re.findall(r"#define (\w+)\s+(\d+)", SOURCE)}
    assert numbers["HEADER"] == module._HEADER.size
    assert numbers["MAX_COMMAND"] == module._MOST_COMMAND
    assert numbers["MAX_ARGS"] == module._MOST_ARGUMENTS
    assert numbers["MAX_OUTPUT"] == module._MOST_PAYLOAD[b"O"] == module._MOST_PAYLOAD[b"E"]
    assert Path("/", native.AGENT) == Path(module.PATH)


class Lost(Channel):
    """A channel whose guest is gone: paramiko raises this when it writes to the socket."""

    def __init__(self, pieces, lost=()) -> None:
        super().__init__(pieces)
        self._lost = lost

    def sendall(self, data) -> None:
        if "sendall" in self._lost:
            raise EOFError
        super().sendall(data)

    def recv(self, size):
        if "recv" in self._lost:
            raise EOFError
        return super().recv(size)

    def shutdown_write(self) -> None:
        raise EOFError

    def close(self) -> None:
        super().close()
        raise EOFError


def test_an_agent_whose_guest_is_gone_is_closed_without_a_word(tmp_path):
    channel = Lost([])
    Agent(Ssh(channel, tmp_path)).__enter__().close()
    assert channel.closed


def test_a_command_that_cannot_be_sent_any_more(tmp_path):
    agent = Agent(Ssh(Lost([], ["sendall"]), tmp_path)).__enter__()
    with pytest.raises(SshError, match="agent cannot run /bin/x: EOFError"):
        run(agent)


def test_a_command_whose_output_cannot_be_read_any_more(tmp_path):
    outcome = run(Agent(Ssh(Lost([], ["recv"]), tmp_path)).__enter__())
    assert outcome.lost
    assert outcome.exit_status is None
