"""Telling people: what there is to say, in what words, by which way, and that it arrives once."""
