"""Read the output with real readers: `make readers`, in an environment of its own (.venv-readers)."""
