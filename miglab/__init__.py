"""A declarative live-migration lab and test harness for KVM."""

__version__ = "0.1.0"
