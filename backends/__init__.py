"""Devices: one folder each, which fills in a manifest."""
