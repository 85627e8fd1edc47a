"""Run the pipeline on the example events against an emulated AWS (moto): `python -m demo`."""
