"""A fake GitHub: loopback HTTP, a real bare git repository underneath, GitHub's own published descriptions around."""

from support.github.fake import FakeGitHub, Person
from support.github.model import Refused, Rules, strict

__all__ = ["FakeGitHub", "Person", "Refused", "Rules", "strict"]
