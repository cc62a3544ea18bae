"""The places a user can have their tables in, one folder each."""
