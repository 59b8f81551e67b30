"""Training sparse GANs from scratch, and carrying the sparse generators out to devices."""

__version__ = '0.1.0'
