"""NGINX: `split_clients`, which keeps each key on its side.

https://nginx.org/en/docs/http/ngx_http_split_clients_module.html: a hash of the text is cut into shares, and where
the cut moves up nobody who has the change loses it. A share of 0 % is an error there, so the rest takes all.
"""

from __future__ import annotations

from rollout_bot.core.model.state import State
from rollout_bot.export.interface import Format, Setting, Settings

_VARIABLES = r"(?=.*\$)(?:[A-Za-z0-9_:.-]|\$[a-z][a-z0-9_]*|\$\{[a-z][a-z0-9_]*\})+"


def _split_clients(state: State, settings: Settings) -> str:
    variable = f"${state.rollout.replace('-', '_')}_enforced"
    shares = {0: ["* 0;"], 100: ["* 1;"]}.get(state.percentage, [f"{state.percentage}% 1;", "* 0;"])
    return "\n".join(
        [
            f"# {variable} is 1 for {state.percentage} % of all {settings['key']}, and 0 for the others.",
            # The rollout's name in the hash keeps two rollouts from meeting the same users first.
            f'split_clients "{state.rollout}:{settings["key"]}" {variable} {{',
            *(f"    {share}" for share in shares),
            "}\n",
        ]
    )


NGINX = Format(
    "nginx",
    "NGINX split_clients, which sets $NAME_enforced to 1 or 0",
    _split_clients,
    (Setting("key", "the variables that tell users apart", "'$cookie_user'", _VARIABLES),),
)
