# SPDX-License-Identifier: GPL-2.0-only
"""``python -m harness bisect``: the commit that broke a case, found and written up."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from typing import TYPE_CHECKING

from harness import architectures
from harness.bisection import state as kept
from harness.bisection.build import Builder, default_command
from harness.bisection.campaign import Campaign
from harness.bisection.git import Repository, Worktree
from harness.bisection.report import CONFIG, MAIL, Report
from harness.bisection.state import State
from harness.bisection.trial import Trials
from harness.errors import Exit, HarnessError, HostError, InputError
from harness.host.cache import cache_dir, host_errors, locked_if_free
from harness.results.store import utc_now
from harness.run.settings import from_options

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from harness.run.settings import Settings

log = logging.getLogger("harness")


def main(options: argparse.Namespace) -> int:
    """Bisect as ``options`` say, or go on with it, and print what it came to.

    Returns 0 when the first bad commit is found, 125 when what is left cannot be tested.
    """
    recipe = architectures.load(options.arch)
    tree = options.tree.expanduser().absolute()
    repository = Repository(tree)
    key = repository.key()
    good = repository.resolve(options.good, "--good")
    bad = repository.resolve(options.bad, "--bad")
    config = _config(options, tree)
    command = options.build or default_command(recipe, config)
    base = repository.merge_base(good, bad)
    # What makes it this bisection and no other: the same words go on with it.
    facts = [key, good, bad, options.arch, command, config, options.case, options.k, options.runs]
    facts += [options.append, options.boot]
    name = f"bisect-{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:10]}"
    folder = options.results.absolute() / name
    with host_errors(f"cannot make {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CONFIG).write_text(config, errors="surrogateescape")
    # One for a repository and an architecture, whatever is bisected: what is built stays of use.
    place = hashlib.sha256(f"{key} {options.arch}".encode()).hexdigest()[:10]
    worktree = Worktree(repository, cache_dir("bisection") / f"bisect-{options.arch}-{place}", name)
    with locked_if_free(worktree.folder) as held:
        if not held:
            raise InputError(f"{worktree.folder} is being worked on by another bisection")
        known = kept.load(folder)
        state = known or State(options.arch, good, bad, command, utc_now())
        count = repository.count(good, bad)
        log.info("bisect: %d commits between %s and %s, in %s", count, good[:12], bad[:12], folder)
        if base != good:
            log.info("--good is no ancestor of --bad: git has their merge base tested first")
        if known is not None:
            log.info("going on with it: %d commits are known", len(known.commits))
        campaign = Campaign(
            folder,
            state,
            worktree,
            Builder(worktree.folder, recipe, command, folder / CONFIG),
            Trials(folder, _settings(options, worktree.folder), options.n),
            tuple(options.case),
            options.k or "",
            options.runs,
        )
        return _bisect(campaign)


def _bisect(campaign: Campaign) -> int:
    worktree = campaign.worktree
    if campaign.state.outcome is None:
        try:
            campaign.run()
        except KeyboardInterrupt:
            print(
                f"\ninterrupted: the same command goes on with it; what is known is in "
                f"{campaign.folder}; {_kept(worktree)}"
            )
            return Exit.INTERRUPTED
        except HarnessError:
            if (worktree.folder / ".git").exists():
                log.info("%s", _kept(worktree))
            raise
    outcome = campaign.state.outcome
    assert outcome is not None
    report = Report(campaign.state, campaign.folder, worktree.repository)
    with host_errors(f"cannot write {campaign.folder / MAIL}"):
        (campaign.folder / MAIL).write_text(report.mail(), encoding="utf-8")
    print(f"\n{report.text()}", end="", flush=True)
    worktree.remove()
    return 0 if outcome.first_bad else HostError.exit_code


def _kept(worktree: Worktree) -> str:
    """Return what is left: a build of minutes, from which the tree's next bisection goes on."""
    return (
        "its worktree stays for the next bisection of this tree; to remove it: "
        f"git -C {worktree.repository.folder} worktree remove --force {worktree.folder}"
    )


def _config(options: argparse.Namespace, tree: Path) -> str:
    """Return the configuration to build with; InputError when there is none."""
    path = options.config or tree / ".config"
    try:
        return str(path.read_text(errors="surrogateescape"))
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}: expected the configuration to build with; "
            "configure the tree, or name one with --config FILE"
        ) from error


def _settings(options: argparse.Namespace, kernel: Path) -> Settings:
    return dataclasses.replace(from_options(options), kernel=str(kernel))
