"""A life cycle with everything in it: refusal, approval, two rollbacks, a gap in the metrics, a hold, a bad edit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from rollout_bot.core.decision.decision import Request
from rollout_bot.core.model.state import ChangeKind
from support.chaos.hostings import Hosting
from support.chaos.services import METRICS, NOTIFY
from support.rollouts import asks
from support.ticks import HOUR, QUARTER, STATE, initial, policy_text

COOLDOWN = timedelta(hours=6)
_PLAIN = "\n  source: recording\n  path: metrics.csv\n"
_TEXT = policy_text(notify=NOTIFY, merge_on_approval="true", cooldown="6h", cooldown_backoff=1)
FILES = initial(text=_TEXT.replace(_PLAIN, f" {METRICS}\n"))

Act = Callable[[Hosting], None]


def _nothing(_: Hosting) -> None:
    """Time passes, and that is all."""


@dataclass(frozen=True)
class Step:
    """Somebody acts, time passes, then the bot runs. `stage` is where the rollout stands afterwards."""

    name: str
    after: timedelta
    stage: str
    act: Act = _nothing
    request: Request | None = None


def _newest(hosting: Hosting) -> int:
    return max(pull.number for pull in hosting.forge(hosting.now).snapshot().open_pulls())


def _closed(hosting: Hosting) -> None:
    hosting.close(_newest(hosting), "bob")


def _approved(hosting: Hosting) -> None:
    hosting.approve(_newest(hosting), "alice")


def _wrong(hosting: Hosting) -> None:
    hosting.services.goes_wrong()


def _well(hosting: Hosting) -> None:
    hosting.services.goes_well()


def _gone(hosting: Hosting) -> None:
    hosting.services.gone = True


def _edited(hosting: Hosting) -> None:
    hosting.push({STATE: _state(hosting).replace("percentage: 50", "percentage: 100")})


def _put_back(hosting: Hosting) -> None:
    hosting.push({STATE: _state(hosting).replace("percentage: 100", "percentage: 50")})


def _state(hosting: Hosting) -> str:
    return hosting.forge(hosting.now).snapshot().files[STATE].decode()


LIFE = (
    Step("asks for an approval", 3 * HOUR, "canary"),
    Step("is refused", QUARTER, "canary", _closed),
    Step("is asked to try again", QUARTER, "canary", request=asks(ChangeKind.ADVANCE, by="alice")),
    Step("rolls back over an open advance", HOUR, "off", _wrong),
    Step("cools down", 5 * HOUR, "off", _well),
    Step("asks to return", 2 * HOUR, "off"),
    Step("returns", QUARTER, "canary", _approved),
    Step("asks anew", 24 * HOUR, "canary"),
    Step("merges what was approved", QUARTER, "half", _approved),
    Step("cannot measure", 6 * HOUR, "half", _gone),
    Step("advances by itself", QUARTER, "most", _well),
    Step("rolls back", HOUR, "half", _wrong),
    Step("is put on hold", QUARTER, "half", _well, asks(ChangeKind.HOLD, by="alice")),
    Step("holds", 9 * HOUR, "half"),
    Step("meets an edit by hand", QUARTER, "half", _edited),
    Step("finds it put back", QUARTER, "half", _put_back),
    Step("is resumed", QUARTER, "half", request=asks(ChangeKind.RESUME, by="alice")),
    Step("advances again", 24 * HOUR, "most"),
    Step("is complete", 3 * HOUR, "most"),
)
