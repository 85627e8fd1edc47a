"""Tests of the pages and pictures for people."""
