"""Hold the tests; they mirror the package."""
