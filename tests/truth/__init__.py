"""Long truth runs, one module a make target; not part of `make test`."""
