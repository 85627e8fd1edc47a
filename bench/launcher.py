"""Run a command and write what it cost: `python -I -S launcher.py RESULT COMMAND...`.

A process starts with the peak memory of the one that started it, so that must be a small one. Writes the CPU
seconds and the peak memory in kB of the command and its children to the file descriptor RESULT.
"""

import os
import sys


def main() -> None:
    """Run the command; exit with its code."""
    result, *command = sys.argv[1:]
    process = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(process, 0)
    os.write(int(result), f"{usage.ru_utime + usage.ru_stime} {usage.ru_maxrss}".encode())
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
