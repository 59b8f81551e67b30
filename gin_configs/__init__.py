"""Configuration files; installed as package data."""
