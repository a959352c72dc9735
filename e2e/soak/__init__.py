"""Killing the broker under load, again and again, and checking that it kept every promise."""
