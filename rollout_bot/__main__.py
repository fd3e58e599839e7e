"""`python -m rollout_bot`."""

from rollout_bot.cli import run

run()
