"""Coda."""
