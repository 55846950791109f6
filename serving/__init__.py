"""The HTTP service: `clausetag serve`. Needs the extra `serve`: `pip install '.[serve]'`."""
