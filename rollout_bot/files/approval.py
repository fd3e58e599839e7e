"""`approvals/<stage>.yaml` ↔ Approval."""

from __future__ import annotations

from rollout_bot.core.model.state import Approval, Override
from rollout_bot.files.document import parse
from rollout_bot.files.emit import emit
from rollout_bot.files.schema import mapping

_ABOUT = """Approves entering one stage, in one attempt: void after a rollback.
Only the pull requests of rollout-bot change this file; a code owner approves them."""


def read_approval(text: bytes, file: str) -> Approval:
    """Raises InvalidFile with all its problems."""
    value = mapping(parse(text, file), "approval")
    override = value.get("override")
    return Approval(
        rollout=value["rollout"],
        stage=value["stage"],
        attempt=int(value["attempt"]),
        override=Override(tuple(override["gates"]), override["reason"], override["by"]) if override else None,
    )


def write_approval(approval: Approval) -> str:
    """The text of the marker; `read_approval` gives the approval back."""
    values: dict[str, object] = {
        "schema_version": 1,
        "rollout": approval.rollout,
        "stage": approval.stage,
        "attempt": approval.attempt,
    }
    if override := approval.override:
        values["override"] = {"gates": list(override.gates), "reason": override.reason, "by": override.by}
    return emit(_ABOUT, values)
