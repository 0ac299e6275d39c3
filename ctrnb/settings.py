"""Build frozen settings dataclasses from plain mappings, refusing what they do not know.

Settings arrive from TOML files, the command line (``--set training.lr=0.001``) and ledgers. All of them pass
through :func:`build`, so a misspelt name or an ill-typed value is an error everywhere and never a silent default.
"""

import dataclasses
import json
import re
import tomllib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ctrnb.errors import ConfigError, nearest

T = TypeVar("T")
NAME = re.compile(r"\w[\w .,()+-]*")
LARGEST_NUMBER, LARGEST_SEED = 2**31 - 1, 2**63 - 1  # whole numbers that numpy and torch take as sizes, and as seeds


def build(cls: type[T], values: Mapping[str, Any], *, where: str = "") -> T:
    """Return ``cls(**values)`` with every value converted to its field's type.

    Raises:
        ConfigError: a name that ``cls`` lacks (with the nearest one), one that it needs, a value of another type, or a whole
            number other than a seed that is too large.
    """
    hints = get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    place = f" in {where}" if where else ""
    converted = {}
    for name, value in values.items():
        if name not in names:
            raise ConfigError(
                f"{cls.__name__} has no setting {name!r}{place}.{nearest(name, names)} It has: {', '.join(names)}."
            )
        try:
            converted[name] = convert(value, hints[name])
        except ConfigError:  # from settings within these; it says more
            raise
        except (TypeError, ValueError, OverflowError, RecursionError):
            raise ConfigError(
                f"{cls.__name__}.{name}={shown(value)}{place}: expected {describe(hints[name])}."
            ) from None
        if "seed" not in name:
            check_size(converted[name], f"{cls.__name__}.{name}={shown(value)}{place}")
    required = [each.name for each in dataclasses.fields(cls) if has_no_default(each)]  # type: ignore[arg-type]
    missing = [name for name in required if name not in converted]
    if missing:
        raise ConfigError(f"{cls.__name__}{place} lacks {', '.join(missing)}. It needs: {', '.join(required)}.")
    return cls(**converted)


def check_size(value: Any, where: str) -> None:
    """Raise ConfigError for a whole number above LARGEST_NUMBER, or for one within a tuple; ``where`` begins the message.

    Other values, small ones below zero among them, are left to what takes them.
    """
    if isinstance(value, tuple):
        for each in value:
            check_size(each, where)
    elif isinstance(value, int) and value > LARGEST_NUMBER:
        raise ConfigError(f"{where}: a whole number must be below 2**31. Give a smaller one.")


def check_seed(seed: int, where: str = "seed") -> None:
    """Raise ConfigError for a seed out of range."""
    if not 0 <= seed <= LARGEST_SEED:
        raise ConfigError(f"{where}={shown(seed)}: a seed is a whole number from 0 to 2**63 - 1.")


def shown(value: Any) -> str:
    """Return a value as a message writes it, without its middle where it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no whole number of so many digits
        return "a number of thousands of digits"
    return text if len(text) <= 200 else f"{text[:100]} ... {text[-20:]}"


def check_name(name: str, where: str) -> None:
    """Raise ConfigError for a name that a page, a spreadsheet, a shell or a terminal might take for more than a name."""
    if not NAME.fullmatch(name) or len(name) > 100:
        raise ConfigError(
            f"{where}={name!r}: a name begins with a letter or digit and is made of letters, digits, spaces and _ . , ( ) + -"
            ", at most 100 of them. Write name = ... into the TOML."
        )


def has_no_default(field: dataclasses.Field) -> bool:
    """Return whether a field must be given."""
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def convert(value: Any, hint: Any) -> Any:
    """Return ``value`` as type ``hint``; lists become tuples and text is read as JSON where that fits.

    Raises:
        TypeError, ValueError, OverflowError: it is of another type, or none that is allowed.
        RecursionError: it is nested too deep.  ConfigError: settings within it are wrong.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None or value == "none":
            if type(None) in arguments:
                return None
            raise TypeError
        return convert(value, next(a for a in arguments if a is not type(None)))
    if origin is Literal:
        if value not in arguments:
            raise ValueError
        return value
    if origin is tuple:
        items = json.loads(value) if isinstance(value, str) else value
        if not isinstance(items, (list, tuple)):
            raise TypeError
        return tuple(convert(item, arguments[0]) for item in items)
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise TypeError
        return build(hint, value)  # type: ignore[arg-type]
    if hint is bool:
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if not isinstance(value, bool):
            raise TypeError
        return value
    if isinstance(value, bool):
        raise TypeError
    if hint is int and isinstance(value, float) and not value.is_integer():
        raise ValueError
    if hint is str and not isinstance(value, str):
        raise TypeError
    return hint(value)


def describe(hint: Any) -> str:
    """Return a type in words a user knows."""
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(repr, get_args(hint)))
    if get_origin(hint) is tuple:
        return f"a list of {describe(get_args(hint)[0])}"
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join("none" if a is type(None) else describe(a) for a in get_args(hint))
    if get_origin(hint) is dict or dataclasses.is_dataclass(hint):
        return "a table"
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text"}.get(hint, str(hint))


def read_toml(path: Path) -> dict[str, Any]:
    """Return a TOML file as nested dictionaries.

    Raises:
        ConfigError: the file is absent, is not UTF-8 or is not TOML, with its line.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}. Give the path of a TOML file.") from None
    except (ValueError, RecursionError) as error:  # malformed, not UTF-8, too deep, or a number without end
        raise ConfigError(f"{path} is not valid TOML: {error}.") from None
