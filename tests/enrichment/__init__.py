"""Tests of deciding the techniques."""
