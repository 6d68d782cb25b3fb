"""Turns the chapters into notebooks, runs them, and makes the site from what they printed."""
