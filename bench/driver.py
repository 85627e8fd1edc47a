"""Run a function in a process of its own: `python -I -S driver.py FOLDER HANDLER RESULTS`.

Imports the handler from the folder alone, as Lambda does, then invokes it with each event on stdin, one a
line. Writes one line of JSON to the file descriptor RESULTS for each: the CPU seconds, for the first (the
import) from the start of the process, and the peak memory so far in MB.
"""

import sys
import time


class Context:
    """What the handler reads of Lambda's context."""

    aws_request_id = "request"
    function_name = "function"
    memory_limit_in_mb = 256
    invoked_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:function"

    def get_remaining_time_in_millis(self) -> int:
        """Return the same for every invocation."""
        return 60_000


def main() -> None:
    """Import the handler, then invoke it with each event."""
    folder, handler, results = sys.argv[1:]
    sys.path.insert(0, folder)
    module, _, name = handler.rpartition(".")
    __import__(module)
    handle = getattr(sys.modules[module], name)
    init = time.process_time()

    # Only now, so that these imports do not count.
    import json
    import os
    from pathlib import Path

    with os.fdopen(int(results), "w") as output:

        def report(cpu: float, failed: object = None) -> None:
            status = Path("/proc/self/status").read_text(encoding="utf-8")
            peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
            print(json.dumps({"cpu": cpu, "peak": peak, "failed": failed}), file=output, flush=True)

        report(init)
        for line in sys.stdin:
            event, context = json.loads(line), Context()
            start = time.process_time()
            response = handle(event, context)
            cpu = time.process_time() - start
            report(cpu, (response or {}).get("batchItemFailures") or None)


if __name__ == "__main__":
    main()
