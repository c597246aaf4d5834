# SPDX-License-Identifier: GPL-2.0-only
"""Dataclasses to JSON values and back, checked against their annotations."""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar, cast

from harness.errors import InputError

T = TypeVar("T")


def to_json(value: object) -> object:
    """Return ``value`` as json.dumps takes it: dataclasses become objects, tuples arrays."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    return value


def from_json(cls: type[T], value: object) -> T:
    """Return the ``cls`` (a dataclass) that ``value`` describes.

    Fields with a default may be missing; fields that are not known are an error, as a
    misspelt one would be.  Raises InputError that names the place of what is wrong.
    """
    return cast("T", _decode(cls, value, "results"))


def _decode(want: Any, value: object, where: str) -> object:  # noqa: ANN401
    origin = typing.get_origin(want)
    if origin is types.UnionType:  # only "X | None" is used
        if value is None:
            return None
        return _decode(typing.get_args(want)[0], value, where)
    if origin is tuple:
        items = _expect(list, value, where)
        item = typing.get_args(want)[0]
        return tuple(_decode(item, each, f"{where}[{n}]") for n, each in enumerate(items))
    if origin is Mapping:
        item = typing.get_args(want)[1]
        pairs = _expect(dict, value, where).items()
        return {key: _decode(item, each, f"{where}.{key}") for key, each in pairs}
    return _decode_class(want, value, where)


def _decode_class(want: type, value: object, where: str) -> object:
    if dataclasses.is_dataclass(want):
        return _decode_dataclass(want, value, where)
    if issubclass(want, StrEnum):
        return _decode_enum(want, value, where)
    return _decode_plain(want, value, where)


def _decode_dataclass(cls: type, value: object, where: str) -> object:
    given: dict[str, object] = _expect(dict, value, where)
    hints = _hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    if unknown := sorted(set(given) - set(fields)):
        raise InputError(f"{where}: unknown field '{unknown[0][:100]}'")
    for name, f in fields.items():
        has_default = (f.default, f.default_factory) != (dataclasses.MISSING, dataclasses.MISSING)
        if name not in given and not has_default:
            raise InputError(f"{where}: the field '{name}' is missing")
    decoded: dict[str, object] = {
        name: _decode(hints[name], each, f"{where}.{name}") for name, each in given.items()
    }
    return cls(**decoded)


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _decode_enum(cls: type[StrEnum], value: object, where: str) -> StrEnum:
    try:
        return cls(_expect(str, value, where))
    except ValueError:
        expected = ", ".join(cls)
        raise InputError(f"{where}: {str(value)[:100]!r} is none of {expected}") from None


def _decode_plain(want: type[object], value: object, where: str) -> object:
    if want is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise InputError(f"{where}: {str(value)[:20]}... is too large") from None
    decoded = _expect(want, value, where)
    if isinstance(decoded, float) and not math.isfinite(decoded):
        raise InputError(f"{where}: {decoded} is not a finite number")
    return decoded


def _expect(want: type[T], value: object, where: str) -> T:
    # bool is an int to isinstance, and 1 is no truth value.
    if not isinstance(value, want) or (isinstance(value, bool) and want is not bool):
        raise InputError(f"{where}: expected {want.__name__}, found {type(value).__name__}")
    return value
