"""Tests of template.yaml."""
