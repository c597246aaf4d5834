# SPDX-License-Identifier: GPL-2.0-only
"""What the suite asks of a kernel's configuration, and what it costs to lack it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.contract import reader
from harness.kernels.config import Config
from harness.kernels.version import Version
from harness.suite import catalog
from harness.suite.variant import variant, variants

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from harness.architectures import Recipe
    from harness.contract.model import Contract
    from harness.suite.catalog import Case

# Of a kernel whose version is not known: all that the contract has came before it.
NEWEST = Version(99, 0)


@dataclass(frozen=True)
class Requirement:
    """One option that the suite has a use for."""

    # CONFIG_ symbol.
    symbol: str
    # What it is for, where no case can be run without it; None otherwise.
    why: str | None
    # May it be a module?
    module: bool
    # How many cases are skipped without it, each kind of memory counted, and which rows of the
    # contract they are about.
    cases: int = 0
    rows: tuple[str, ...] = ()


class _AllBut(Config):
    """A configuration with everything set but for its ``symbols``."""

    def value(self, symbol: str) -> str:
        return self.symbols.get(symbol, "y")


@dataclass(frozen=True)
class Item:
    """A case on one kind of memory."""

    case: Case
    memory: str

    def skipped(self, rules: Contract, recipe: Recipe, version: Version, config: Config) -> bool:
        """Return True if it is not run on a kernel of ``recipe`` with ``config``."""
        runs_on = variant(self.memory)
        if runs_on.task == "compat" and recipe.compat and not config.has(recipe.compat.needs):
            return True
        arch = recipe.arch
        return rules.for_case(self.case, arch, version, config, self.memory).skip is not None

    def symbols(self, rules: Contract, recipe: Recipe) -> set[str]:
        """Return the symbols that may decide whether it is run."""
        runs_on = variant(self.memory)
        entries = [entry for row in self.case.rows for entry in rules.rows[row].expect]
        conditions = {entry.config.partition("=")[0] for entry in entries if entry.config}
        needs = {*rules.needs(self.case, runs_on.kind or None), *conditions}
        return needs | ({recipe.compat.needs} if recipe.compat else set())


def items(recipe: Recipe, programs: Sequence[Path], rules: Contract) -> Iterator[Item]:
    """Yield all cases of ``programs``, as they are run on kernels of ``recipe``."""
    for cases in catalog.load(programs).values():
        for case in cases:
            for memory in variants(case.memory, recipe, compat=rules.as_compat(case)):
                yield Item(case, memory)


def requirements(
    recipe: Recipe, programs: Sequence[Path], version: Version, config: Config | None = None
) -> list[Requirement]:
    """Return what the cases in ``programs`` ask of kernels of ``recipe``, what is vital first.

    ``config`` is the configuration that it is compared with: it decides how the network is
    attached; None for one that has everything.
    """
    card = recipe.card(config or _AllBut({}))
    vital = {need.config: need.why for need in recipe.needs}
    vital.update(dict.fromkeys(card.needs or (), "the network"))
    drivers = {recipe.drivers[name] for name in card.modules}
    vital.update(dict.fromkeys(sorted(drivers), "the network"))
    rules = reader.load()
    count: dict[str, int] = defaultdict(int)
    rows: dict[str, set[str]] = defaultdict(set)
    for item in items(recipe, programs, rules):
        if item.skipped(rules, recipe, version, _AllBut({})):
            continue
        for symbol in item.symbols(rules, recipe) - {*vital, *(recipe.never or ())}:
            if item.skipped(rules, recipe, version, _AllBut({symbol: "n"})):
                count[symbol] += 1
                rows[symbol].update(item.case.rows)
    modules = set(recipe.drivers.values())
    return [
        *(Requirement(symbol, why, symbol in drivers) for symbol, why in vital.items()),
        *(
            Requirement(symbol, None, symbol in modules, number, tuple(sorted(rows[symbol])))
            for symbol, number in sorted(count.items(), key=lambda pair: (-pair[1], pair[0]))
        ),
    ]


def missing(wanted: Sequence[Requirement], config: Config) -> list[Requirement]:
    """Return those of ``wanted`` that ``config`` is known to lack."""
    return [
        each
        for each in wanted
        if config.has(each.symbol) is False
        or (config.value(each.symbol) == "m" and not each.module)
    ]


def fragment(recipe: Recipe, wanted: Sequence[Requirement]) -> str:
    """Return lines for scripts/kconfig/merge_config.sh that set ``wanted``.

    What those depend on comes first: a configuration may start from nothing (tinyconfig).
    """
    symbols = dict.fromkeys([*recipe.fragment, *(each.symbol for each in wanted)])
    return "".join(map(_line, symbols))


def _line(option: str) -> str:
    symbol, _, value = option.partition("=")
    return f"# {symbol} is not set\n" if value == "n" else f"{symbol}=y\n"
