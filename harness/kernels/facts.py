# SPDX-License-Identifier: GPL-2.0-only
"""What a kernel image says of itself, worked out once and kept in the cache."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.host.cache import cache_dir, locked, new_file
from harness.kernels import compression, ikconfig, images, inside

if TYPE_CHECKING:
    from pathlib import Path

# Raise it when facts are worked out differently: older ones in caches are then left alone.
_GENERATION = "images-4"
# Formats that QEMU 7.2 boots as they are; it reads EFI zboot images since 8.0.
_AS_THEY_ARE = frozenset({"bzImage", "Image", "Image.gz", "zImage"})
# Layers around a kernel: a zboot image, compressed.
_DEEPEST = 2
# Bytes; whatever is larger is no kernel image, and is not read whole to find that out.
_LARGEST = 1 << 29


@dataclass(frozen=True)
class Facts:
    """What is known of an image from its contents alone."""

    # Of the file, in hex.
    sha256: str
    # A name of images.FORMATS, and a key of it.
    format: str
    machine: str
    # As uname -r prints it.
    release: str
    # The most precise version it states: "6.1.176-1" of Debian's "6.1.0-50-amd64".
    version: str
    # The .config inside it (CONFIG_IKCONFIG); None without one.
    config: str | None
    # harness.kernels.inside; None when it cannot be unpacked here.
    vermagic: str | None
    drivers: list[str] | None
    banner: str | None
    banner_at: int | None


def facts(path: Path, name: str, known_sha256: str | None = None) -> Facts:
    """Work out the facts of the image ``path``, called ``name`` in errors.

    ``known_sha256`` saves reading a file whose contents were hashed before.  Raises InputError
    when it is no kernel image, cannot be read, or is not whole.
    """
    data = b"" if known_sha256 else _contents(path, name)
    sha256 = known_sha256 or hashlib.sha256(data).hexdigest()
    kept = cache_dir("kernels", _GENERATION) / f"{sha256}.json"
    if kept.is_file():
        return Facts(**json.loads(kept.read_text()))
    found = _work_out(data or _contents(path, name), sha256, name)
    with new_file(kept) as temporary:
        temporary.write_text(json.dumps(asdict(found)))
    return found


def bootable(path: Path, image: Facts, name: str) -> tuple[Path, Facts]:
    """Return a file that QEMU 7.2 boots, and its facts: ``path``, or what is packed in it.

    Raises InputError when it cannot be unpacked.
    """
    for _ in range(_DEEPEST):
        if image.format not in _AS_THEY_ARE:
            path = _unwrapped(path, image, name)
            image = facts(path, name)
    if image.format not in _AS_THEY_ARE:
        raise InputError(f"{name} is packed more than {_DEEPEST} times: unpack it and name that")
    return path, image


def _unwrapped(path: Path, image: Facts, name: str) -> Path:
    inner = cache_dir("kernels", _GENERATION) / f"{image.sha256}.unpacked"
    with locked(inner):
        if not inner.is_file():
            data = _contents(path, name)
            try:
                kernel = images.unwrapped(data, images.identify(data, name))
            except compression.DamagedError as error:
                raise InputError(f"{name} is a damaged {image.format}: {error}") from error
            with new_file(inner) as temporary:
                temporary.write_bytes(kernel)
    return inner


def _contents(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            large = os.fstat(file.fileno()).st_size > _LARGEST
            data = file.read(1 << 16) if large else file.read(_LARGEST)
    except OSError as error:
        message = f"cannot read {name}: {error.strerror}"
        raise InputError(message) from error
    if large:
        message = f"{name} is too large for a kernel image: it is {images.describe(data)}"
        raise InputError(message)
    return data


def _work_out(data: bytes, sha256: str, name: str) -> Facts:
    image = images.identify(data, name)
    try:
        kernel = images.unpacked(data, image)
    except compression.DamagedError as error:
        message = f"{name} is a damaged {image.format}: {error}"
        raise InputError(message) from error
    says = images.release(image, kernel)
    if says is None:
        message = f"{name} looks like a {image.format} but says no 'Linux version': is it damaged?"
        raise InputError(message)
    banner = inside.banner(kernel) or (None, None)
    return Facts(
        sha256,
        image.format,
        image.machine,
        *says,
        ikconfig.extract(kernel),
        inside.vermagic(kernel, says[0]),
        inside.drivers(kernel),
        *banner,
    )
