"""What `init` writes into a repository: the default policy and the owners of the files."""

from __future__ import annotations

import pkgutil

from rollout_bot.core.repository import ROOT


def policy_template(rollout: str) -> str:
    """The default policy of a rollout as commented YAML; it reads its counts from Prometheus."""
    data = pkgutil.get_data("rollout_bot.files", "templates/policy.yaml")
    text = (data or b"").decode("utf-8")
    # Metric names have no dashes.
    return text.replace("@ROLLOUT@", rollout).replace("@METRIC@", rollout.replace("-", "_"))


def codeowners_lines(owner: str) -> str:
    """Lines of CODEOWNERS: people own policies and approvals, and nobody the state, which the bot merges alone.

    The last matching line of the file wins, so they belong at its end.
    """
    paths = {"state.yaml": "", "approvals/": f"    {owner}", "policy.yaml": f"   {owner}"}
    return "".join(f"/{ROOT}/*/{path}{owners}\n" for path, owners in paths.items())
