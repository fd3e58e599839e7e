"""Finds a metrics source by the name that a policy gives."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, distributions

from rollout_bot.metrics.interface import ENTRY_POINTS, Source

_OURS = "rollout-bot"


class SourceUnavailable(Exception):
    """No usable source has that name; the message says which names there are, or what is wrong with this one."""


def names() -> tuple[str, ...]:
    """Every name that an installed package offers, sorted. Imports none of the sources."""
    return tuple(sorted(_offers()))


@cache
def find(name: str) -> type[Source]:
    """The class behind a name, imported now and no other with it. Raises SourceUnavailable."""
    offer = _offers().get(name)
    if offer is None:
        raise SourceUnavailable(f"no metrics source is called {name!r}; allowed: {', '.join(names())}")
    package = offer.dist.name if offer.dist else "an unknown package"
    try:
        source = offer.load()
    except Exception as error:
        raise SourceUnavailable(
            f"metrics source {name!r} of {package} cannot be loaded ({type(error).__name__}: {error}); "
            f"repair or remove that package"
        ) from error
    if not (isinstance(source, type) and issubclass(source, Source) and isinstance(getattr(source, "schema", 0), dict)):
        raise SourceUnavailable(
            f"metrics source {name!r} of {package} is {offer.value!r}; "
            f"allowed: a subclass of rollout_bot.metrics.interface.Source with a `schema`"
        )
    return source


def forget() -> None:
    """Looks at the installed packages anew the next time; for programs that install some while they run."""
    _offers.cache_clear()
    find.cache_clear()


@cache
def _offers() -> dict[str, EntryPoint]:
    offers: dict[str, EntryPoint] = {}
    seen: set[str] = set()
    # One distribution at a time: entry_points() reads them all and fails with the first broken one.
    for distribution in distributions():
        try:
            package = distribution.name
            found = [point for point in distribution.entry_points if point.group == ENTRY_POINTS]
        except Exception:  # noqa: BLE001, S112 - a package whose metadata cannot be read offers nothing
            continue
        if package in seen:
            continue
        seen.add(package)
        for point in found:
            # Nobody takes over a name of ours by being installed.
            if point.name not in offers or package == _OURS:
                offers[point.name] = point
    return offers
