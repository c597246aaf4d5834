# SPDX-License-Identifier: GPL-2.0-only
"""The fastest way to a ready guest: a clone of a saved VM, which is made when there is none.

Two templates are kept: of the guest just booted, and of the same with the programs pushed.
A changed program costs a push, not a boot.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.errors import HarnessError, HostError
from harness.guest.guest import Guest, booted, examined, prepare_to_save, restored
from harness.guest.keys import Keys
from harness.guest.speed import slowness_of
from harness.machine import templates
from harness.machine.boot import KERNELS, BootError, BootTrouble
from harness.machine.evidence import EvidenceLog
from harness.machine.vm import VM, LaunchError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.guest.guest import Examine
    from harness.machine.command import Boot
    from harness.machine.templates import Template

log = logging.getLogger("harness")

# What may come of booting a kernel without its unpacker.
_OF_THE_WAY_IN = KERNELS | {BootTrouble.SILENT}

# How often a template is tried before it is suspected.
_RESTORE_ATTEMPTS = 2
# So many bad ones in a row are no accident of a disk.
_BAD_TEMPLATES = 2


@dataclass(frozen=True)
class GuestContents:
    """What is in a guest, beyond the machine."""

    # sha256 in hex, of the kernel's image and of the initramfs.
    kernel: str
    image: str
    # Files pushed into it: programs, and the modules that they load.
    files: tuple[Path, ...]

    def names(self, boot: Boot) -> tuple[str, str]:
        """Return the keys of the template without the programs, and of that with them."""
        base = (self.kernel, self.image)
        pushed = [_identity(file) for file in self.files]
        return templates.key(boot, base), templates.key(boot, (*base, *pushed))


def _identity(program: Path) -> str:
    """Tell ``program`` from any other: hashing twenty of them would take 0.1 s of each start.

    Its folder in the cache is named after all that it was made from.
    """
    facts = program.stat()
    return f"{program} {facts.st_ino} {facts.st_size} {facts.st_mtime_ns}"


class _SuspectError(HostError):
    """No guest came of a template, or what was to be made from it did not.

    That may be its own fault, or the host's: a boot will tell.
    """

    def __init__(self, template: Template, error: HarnessError) -> None:
        self.template = template
        super().__init__(str(error).splitlines()[0])


class GuestFactory:
    """Starts ready guests, for one worker."""

    def __init__(
        self, contents: GuestContents, keys: Keys, scale: float, examine: Examine | None = None
    ) -> None:
        """``keys`` are those of the clones; ``scale`` multiplies the time limits.

        ``examine`` is called with a VM that does not boot, while it is still there.
        """
        self._contents = contents
        self.keys = keys
        self._scale = scale
        self._examine = examine
        # How often a boot has shown a template to be bad; templates do not work here when two
        # were, and are not tried again.
        self._bad = 0
        # The kernel does not come up without its unpacker.
        self._boot_packed = False

    @contextlib.contextmanager
    def ready(self, boot: Boot, log_to: EvidenceLog) -> Iterator[Guest]:
        """Give a ready guest that ends with the block; ``boot`` need not have keys.

        A kernel that does not boot without its unpacker is booted with it, here and from then on.
        Raises BootError when the kernel does not boot, and what ``booted`` raises.
        """
        if boot.packed is None or self._boot_packed:
            image = boot if boot.packed is None else replace(boot, kernel=boot.packed, packed=None)
            with self._ready(image, log_to) as guest:
                yield guest
            return
        with contextlib.ExitStack() as stack:
            try:
                guest = stack.enter_context(self._ready(boot, log_to))
            except BootError as error:
                if error.trouble not in _OF_THE_WAY_IN:
                    raise
                guest = self._booted_as_image(boot, log_to, stack, error)
            yield guest

    def _booted_as_image(
        self, boot: Boot, log_to: EvidenceLog, stack: contextlib.ExitStack, direct: BootError
    ) -> Guest:
        """Start a guest from the image, whose kernel alone did not come up, as ``direct`` says."""
        why = str(direct).splitlines()[0]
        log.warning("%s: booting the image as it is, not its kernel alone: %s", log_to.vm, why)
        self._boot_packed = True
        try:
            return stack.enter_context(self.ready(boot, log_to))
        except BootError as error:
            # The boot that says more of the kernel is the one to be told of.
            raise direct if direct.splats and not error.splats else error from None

    @contextlib.contextmanager
    def _ready(self, boot: Boot, log_to: EvidenceLog) -> Iterator[Guest]:
        cold = replace(boot, overlay=self.keys.overlay())
        with contextlib.ExitStack() as stack:
            suspect: _SuspectError | None = None
            guest: Guest | None = None
            try:
                guest = self._clone(boot, log_to, stack)
            except _SuspectError as error:
                suspect = error
                log.warning("%s: a saved VM does not come back, it is booted: %s", log_to.vm, error)
            if guest is None:
                files = self._contents.files
                guest = stack.enter_context(
                    booted(cold, self.keys, files, log_to, self._scale, self._examine)
                )
            if suspect is not None:
                # The host, QEMU, the kernel, the network: all of them are well.
                log.warning("%s: the saved VM is thrown away; the next one is new", log_to.vm)
                templates.discard(suspect.template)
                self._bad += 1
            yield guest

    def _clone(self, boot: Boot, log_to: EvidenceLog, stack: contextlib.ExitStack) -> Guest | None:
        """Start a clone that ends with ``stack``; None when it has to be booted.

        Raises _SuspectError when that may be for a template that is bad.
        """
        if self._bad >= _BAD_TEMPLATES:
            return None
        try:
            template = self._template(boot, log_to)
        except (BootError, _SuspectError):
            raise
        except HarnessError as error:
            log.warning("%s: no saved VM, it is booted: %s", log_to.vm, error)
            return None
        with templates.held(template.key):
            going_on = template.clone(boot)
            for tries_left in reversed(range(_RESTORE_ATTEMPTS)):
                try:
                    with _suspecting(template):
                        guest = stack.enter_context(
                            restored(
                                going_on, self.keys, (), log_to, self._scale, template.slowness
                            )
                        )
                except LaunchError as error:
                    log.warning("%s: a saved VM is not started, it is booted: %s", log_to.vm, error)
                    return None
                except _SuspectError as error:
                    # Once may be an accident: a host that stood still.
                    if not tries_left:
                        raise
                    log.info("%s: a saved VM is tried again: %s", log_to.vm, error)
                else:
                    self._bad = 0
                    return guest
        return None

    def _template(self, boot: Boot, log_to: EvidenceLog) -> Template:
        """Return the template that clones are made from, made if it is not there."""
        base, full = self._contents.names(boot)
        if base == full:
            return self._booted_template(boot, base, log_to)
        if found := _load(full, log_to):
            return found
        with templates.making(full):
            return _load(full, log_to) or self._push(boot, base, full, log_to)

    def _push(self, boot: Boot, base: str, full: str, log_to: EvidenceLog) -> Template:
        """Make the template ``full`` from ``base``."""
        log.info("%s: putting the programs into a saved VM", log_to.vm)
        start = self._booted_template(boot, base, log_to)
        with _builder_log(log_to) as log_of_it:
            nodes = boot.profile.nodes
            with templates.held(base), templates.building(full, nodes, start) as made:
                going_on = replace(boot, ram=made.ram, state=start.state)
                files = self._contents.files
                with (
                    _suspecting(start),
                    restored(
                        going_on, Keys(), files, log_of_it, self._scale, start.slowness
                    ) as guest,
                ):
                    lines = (*start.console.read_text().splitlines(), *guest.vm.console.since())
                    guest.agent.close()
                    guest.ssh.close()
                    prepare_to_save(guest.vm, self._scale * start.slowness)
                    made.finish(guest.vm, lines, start.slowness)
        return _made(full)

    def _booted_template(self, boot: Boot, base: str, log_to: EvidenceLog) -> Template:
        """Return the template without the programs, made if it is not there."""
        if found := _load(base, log_to):
            return found
        with templates.making(base):
            if found := _load(base, log_to):
                return found
            log.info("%s: booting a VM to save it; later guests are its clones", log_to.vm)
            with (
                _builder_log(log_to) as log_of_it,
                templates.building(base, boot.profile.nodes) as made,
            ):
                cold = replace(boot, ram=made.ram, overlay=Keys().overlay())
                with VM(cold, log_of_it) as vm:
                    examined(vm, self._scale, self._examine)
                    slowness = slowness_of(vm, self._scale)
                    prepare_to_save(vm, self._scale * slowness)
                    made.finish(vm, vm.console.since(), slowness)
        return _made(base)


@contextlib.contextmanager
def _builder_log(log_to: EvidenceLog) -> Iterator[EvidenceLog]:
    """Give the log of a VM that is started to be saved."""
    log_of_it = EvidenceLog(log_to.folder, log_to.clock, f"{log_to.vm}-template")
    try:
        yield log_of_it
    finally:
        log_of_it.close()


def _load(name: str, log_to: EvidenceLog) -> Template | None:
    try:
        return templates.load(name)
    except templates.TemplateError as error:
        log.warning("%s: a saved VM is thrown away and made anew: %s", log_to.vm, error)
        templates.discard(error.template)
        return None


def _made(name: str) -> Template:
    template = templates.load(name)
    if template is None:
        raise HostError(f"the saved VM {name} is gone already: is somebody emptying the cache?")
    return template


@contextlib.contextmanager
def _suspecting(template: Template) -> Iterator[None]:
    """Turn what goes wrong with a VM that was started from ``template`` into a _SuspectError.

    Where it was not even started (no memory, no file, no QEMU), there is nothing to suspect.
    """
    try:
        yield
    except LaunchError:
        raise
    except HarnessError as error:
        raise _SuspectError(template, error) from error
