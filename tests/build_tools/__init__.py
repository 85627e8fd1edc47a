"""Tests of the tools that build the artifact and the site."""
