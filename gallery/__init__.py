"""The gallery of packed generators; installed as package data."""
