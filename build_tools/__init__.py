"""Build tools; none of this runs in Lambda."""
