"""What a step hands on to the next ones."""

from __future__ import annotations

from rollout_bot.core.record import RolloutRecord, TickRecord


def outputs(record: TickRecord) -> dict[str, str]:
    """Texts by name; all but `changed` are empty unless the tick was about exactly one rollout.

    A shard never is, not even if it happens to hold no other.
    `percentage` and `stage` are those that are committed when the tick is over, if `rollout-bot percentage` would tell.
    """
    one = record.rollouts[0] if len(record.rollouts) == 1 and record.shard.whole else None
    state = _after(one) if one else None
    return {
        "percentage": str(state[1]) if state else "",
        "stage": state[0] if state else "",
        "decision": (one.decision.action.value if one.decision else "hold") if one else "",
        "changed": "true" if any(each.merged for each in record.rollouts) else "false",
        "pull-request": str(one.pull.number) if one and one.pull else "",
    }


def _after(record: RolloutRecord) -> tuple[str, int] | None:
    """Stage and percentage; `situation` is as it was before the steps."""
    if record.situation is None:
        return None
    proposal = record.decision.proposal if record.decision else None
    before = record.situation.state
    state = proposal.state if record.merged and proposal else before
    if record.situation.doubts and state.attempt == before.attempt:
        return None
    return state.stage, state.percentage
