"""HTTP: routes, schemas, limits and errors."""
