"""The demonstration page; installed as package data."""
