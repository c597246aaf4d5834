# SPDX-License-Identifier: GPL-2.0-only
"""What can be known of a kernel's fitness before it boots: its options, drivers and modules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.errors import InputError, UntestableError
from harness.image.modules import Resolved, resolve
from harness.kernels import modinfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.architectures import Recipe
    from harness.kernels.kernel import Kernel

_OTHER_BUILD = "make modules, or name the build tree or package that they all come from"
_ALONE = "name the build tree or package instead of the bare image"

_LEFT_BEHIND = "make modules; where packages split a kernel, put its linux-modules beside it"


@dataclass(frozen=True)
class Preflight:
    """What is known of a kernel before it boots."""

    # Why it cannot be tested, each with what to do; empty when it can, as far as is known.
    problems: tuple[str, ...]
    # CONFIG_ symbol -> why it is of no use though it is set: its module is not there.
    lost: Mapping[str, str]
    # Modules that a run loads, and whether the kernel takes each: None, or why not.
    modules: Mapping[str, str | None]


def examine(recipe: Recipe, kernel: Kernel) -> Preflight:
    """Return what is known of ``kernel``, which is informed().

    Raises HostError when its modules cannot be read.
    """
    card = recipe.card(kernel.config)
    problems = _missing_options(recipe, kernel, card.needs or ())
    lost: dict[str, str] = {}
    verdicts: dict[str, str | None] = {}
    try:
        network = resolve((*card.modules, *recipe.modules), kernel.modules)
        verdicts.update(_verdicts(network, recipe, kernel))
        problems += _no_network(recipe, kernel, card.modules, network)
        for names in recipe.modules_on_demand.values():
            found = resolve(names, kernel.modules)
            verdicts.update(_verdicts(found, recipe, kernel))
            lost.update(_lost(recipe, kernel, names))
    except InputError as error:
        problems.append(str(error))
    problems += _refused(verdicts)
    return Preflight(tuple(problems), lost, verdicts)


def check(recipe: Recipe, kernel: Kernel) -> Kernel:
    """Return ``kernel`` with all that is known of it before it boots.

    Raises UntestableError when it cannot be tested as it is.
    """
    kernel = informed(recipe, kernel)
    found = examine(recipe, kernel)
    if found.problems:
        raise UntestableError(f"{kernel.origin} cannot be tested: {'; '.join(found.problems)}")
    return replace(kernel, config=replace(kernel.config, lost=found.lost))


def informed(recipe: Recipe, kernel: Kernel) -> Kernel:
    """Return ``kernel`` with what its image and modules add to an unknown configuration.

    That is only ever that a driver is there: of one that is not it cannot be told whether it
    is off, or a module that was left behind.
    """
    if kernel.config.whole:
        return kernel
    builtin = kernel.modules.builtin() if kernel.modules is not None else frozenset()
    known = {}
    for name, symbol in recipe.drivers.items():
        if name in builtin or (not builtin and name in (kernel.drivers or ())):
            known[symbol] = "y"
        elif kernel.modules is not None and kernel.modules.read(name) is not None:
            known[symbol] = "m"
    return replace(kernel, config=kernel.config.knowing(known))


def _missing_options(recipe: Recipe, kernel: Kernel, more: Sequence[str]) -> list[str]:
    wanted = {need.config: need.why for need in recipe.needs}
    wanted.update(dict.fromkeys(more, "the network"))
    missing = []
    for symbol, why in wanted.items():
        value = kernel.config.value(symbol)
        if value == "m":
            missing.append(f"{symbol} ({why}) is a module and must be built in")
        elif kernel.config.has(symbol) is False:
            missing.append(f"{symbol} ({why}) is not set")
    if not missing:
        return []
    fragment = f"'python -m harness config {recipe.arch}' prints all that a kernel needs"
    return [f"{'; '.join(missing)}, says {kernel.config.source}: {fragment}"]


def _no_network(recipe: Recipe, kernel: Kernel, names: Sequence[str], found: Resolved) -> list[str]:
    """Return which drivers of the network are not to be had; nothing where that is not known."""
    missing, unset = [], []
    for name in names:
        if name not in found.absent:
            continue
        symbol = recipe.drivers[name]
        value = kernel.config.value(symbol)
        if value == "m":
            missing.append(f"{symbol} is a module, and there is no {name}.ko")
        elif value == "n":
            unset.append(f"{symbol} is not set")
        elif value is None and _not_built_in(name, kernel):
            missing.append(f"{name} ({symbol}) is not built in, and there is no {name}.ko")
    # What a driver depends on: it cannot be loaded without.
    others = found.absent - set(names) - set(recipe.modules)
    if kernel.modules is not None:
        missing += [f"there is no {name}.ko" for name in sorted(others)]
    problems = []
    if unset:
        problems.append(f"it has no network: {'; '.join(unset)}")
    if missing:
        advice = (kernel.advice or _ALONE) if kernel.modules is None else _LEFT_BEHIND
        problems.append(f"it has no network: {'; '.join(missing)}: {advice}")
    return problems


def _not_built_in(name: str, kernel: Kernel) -> bool:
    """Return True if the driver is certainly not built in; the configuration is not known."""
    if kernel.modules is not None and (builtin := kernel.modules.builtin()):
        return name not in builtin
    return kernel.drivers is not None and name not in kernel.drivers


def _verdicts(found: Resolved, recipe: Recipe, kernel: Kernel) -> dict[str, str | None]:
    machine, release, vermagic = recipe.kernel_machine, kernel.release, kernel.vermagic
    return {
        name: modinfo.refusal(info, machine, release, vermagic)
        for name, info in found.infos.items()
    }


def _refused(verdicts: Mapping[str, str | None]) -> list[str]:
    """Return each reason why modules are refused, once, with the first of them as a sample."""
    reasons: dict[str, list[str]] = {}
    for name, why in verdicts.items():
        if why is not None:
            reasons.setdefault(why, []).append(f"{name}.ko")
    return [
        f"its modules ({names[0]}{f' and {len(names) - 1} more' if names[1:] else ''}) were {why}: "
        f"{_OTHER_BUILD}"
        for why, names in reasons.items()
    ]


def _lost(recipe: Recipe, kernel: Kernel, names: Sequence[str]) -> dict[str, str]:
    """Return the symbols of ``names`` that are modules without a file, and why each is of no use.

    A driver is of no use without a module that it depends on, either.
    """
    lost: dict[str, str] = {}
    for name in names:
        symbol = recipe.drivers.get(name)
        if symbol is not None and kernel.config.value(symbol) == "m":
            absent = sorted(resolve([name], kernel.modules).absent)
            if absent:
                files = ", ".join(f"{other}.ko" for other in absent)
                lost[symbol] = f"{symbol} is a module, and there is no {files}: make modules"
    return lost
