"""The web server: webhooks and health now, pages and API to come."""
