"""Foundations that know nothing of banks: HTTP, rate budgets, encryption."""
