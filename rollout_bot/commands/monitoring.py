"""`rollout-bot alerts` and `dashboard`: what Prometheus and Grafana need to watch rollouts, as files."""

from __future__ import annotations

import argparse

from rollout_bot.commands.common import Subparsers, command
from rollout_bot.commands.exits import DONE

_ALERTS = """\
examples:
  rollout-bot alerts > rollouts.rules.yaml           alerts for every rollout of the work tree
  rollout-bot alerts checkout --runbooks https://wiki.example/rollouts
  rollout-bot alerts | promtool check rules

Written again after the policy has changed: how long is too long depends on its stages.
"""
_DASHBOARD = """\
examples:
  rollout-bot dashboard checkout > checkout.json     one rollout
  rollout-bot dashboard > rollouts.json              all that there are, and will be

In Grafana: Dashboards → New → Import. The data source is chosen at the top of the dashboard.
"""


def add(commands: Subparsers) -> None:
    alerts = command(commands, "alerts", run_alerts, "print alerting rules for Prometheus", _ALERTS)
    alerts.add_argument("rollouts", nargs="*", metavar="NAME", help="only these rollouts (default: all)")
    alerts.add_argument(
        "--runbooks", metavar="URL", help="where RUNBOOKS.md can be read (default: docs/operations/RUNBOOKS.md)"
    )
    dashboard = command(commands, "dashboard", run_dashboard, "print a dashboard for Grafana", _DASHBOARD)
    dashboard.add_argument("rollout", nargs="?", metavar="NAME", help="one rollout (default: an overview of all)")


def run_alerts(options: argparse.Namespace) -> int:
    from rollout_bot.checkout import Checkout
    from rollout_bot.report.alerts import RUNBOOKS, alert_rules

    checkout = Checkout(options.repository)
    policies = [checkout.policy(name) for name in options.rollouts or checkout.rollouts()]
    print(alert_rules(policies, options.runbooks or RUNBOOKS), end="")
    return DONE


def run_dashboard(options: argparse.Namespace) -> int:
    from rollout_bot.checkout import Checkout
    from rollout_bot.report.dashboard import overview_dashboard, rollout_dashboard

    if options.rollout is None:
        print(overview_dashboard(), end="")
    else:
        # A misspelt name is better found here than on an empty screen.
        print(rollout_dashboard(Checkout(options.repository).policy(options.rollout).rollout), end="")
    return DONE
