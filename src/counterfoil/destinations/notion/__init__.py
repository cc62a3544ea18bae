"""Notion as a destination."""
