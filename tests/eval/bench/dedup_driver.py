"""A deduplication whose answer and memory are known, for the benchmark's own tests: it keeps all but one."""

import json
import subprocess
import sys
from pathlib import Path

options = json.loads(Path(sys.argv[1]).read_text())
if not options["files"]:
    sys.exit("no files at all")
# A child that holds fifty megabytes for a while.
subprocess.run([sys.executable, "-c", "x = bytearray(b'x' * 50_000_000); import time; time.sleep(1)"])
ids = [i for file in options["files"] for i in Path(file).read_text().split()]
print("chatter")
print(json.dumps({"seconds": 0.25, "kept": ids[1:], "stages": {"read": 0.25}}))
