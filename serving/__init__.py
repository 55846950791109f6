"""The HTTP service: `clausetag serve`. Needs the packages of `clausetag[serve]`."""
