"""What `init` writes into a repository: the default policy and the owners of the files."""

from __future__ import annotations

import pkgutil

from rollout_bot.core.model.repository import ROOT


def policy_template(rollout: str) -> str:
    """The default policy of a rollout as commented YAML; it reads its counts from Prometheus."""
    data = pkgutil.get_data("rollout_bot.files", "templates/policy.yaml")
    text = (data or b"").decode("utf-8")
    # Metric names have no dashes.
    return text.replace("@ROLLOUT@", rollout).replace("@METRIC@", rollout.replace("-", "_"))


def codeowners_lines(owner: str, place: str = ".github/CODEOWNERS") -> str:
    """Lines of CODEOWNERS: people own policies and approvals, and nobody the state, which the bot merges alone.

    They own the file itself, at its `place`, too: whoever could change it alone would take the others away first.

    The last matching line of the file wins, so they belong at its end.
    """
    paths = {f"{ROOT}/*/state.yaml": "", place: owner, f"{ROOT}/*/approvals/": owner, f"{ROOT}/*/policy.yaml": owner}
    return "".join(f"/{path:<30}{owners}".rstrip() + "\n" for path, owners in paths.items())
