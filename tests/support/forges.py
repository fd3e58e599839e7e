"""Plans of one advance for tests of forges."""

from __future__ import annotations

from rollout_bot.core.decision.actions import MergePull, OpenPull, SetGate
from rollout_bot.core.model.repository import GateState, GateStatus

STATE = "rollout-state/guardian/state.yaml"
POLICY = "rollout-state/guardian/policy.yaml"
MARKER = "rollout-state/guardian/approvals/half.yaml"
BRANCH = "rollout/guardian/2-half"
GREEN = GateStatus(GateState.SUCCESS, "healthy")


def opening(base: str, *, owned: bool = False, branch: str = BRANCH, after: int = 0, text: str = "half") -> OpenPull:
    """Opens a pull request that changes the state, and with `owned` also a path that alice owns."""
    files = {STATE: f"stage: {text}\n"} | ({MARKER: "stage: half\n"} if owned else {})
    title, body, message = "Advance guardian to half", "Because **it is healthy**.", "Because it is healthy."
    return OpenPull(branch, base, files, title, body, message, ("rollout",), after)


def full_plan(base: str, *, owned: bool = False) -> tuple[OpenPull, SetGate, MergePull]:
    merge = MergePull(BRANCH, None, "guardian: quarter → half", "Healthy for 24 h.")
    return opening(base, owned=owned), SetGate(BRANCH, None, GREEN), merge
