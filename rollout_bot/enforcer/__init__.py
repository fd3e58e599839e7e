"""For services in Python: who gets the change, at the percentage that is committed."""

from rollout_bot.enforcer.enforcer import Enforcer

__all__ = ["Enforcer"]
