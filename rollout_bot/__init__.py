"""Carries a risky change from 10 % to 100 % of traffic by pull requests, and takes it back before users notice."""
