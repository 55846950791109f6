"""Studies that support the documentation; not part of the installed package."""
