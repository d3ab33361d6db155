"""Whether the prebuilt tree of an interpreter is the one that its lock names.

The lock says which versions were hash-checked as they were installed; the record of each
distribution says which files came with it and how large they are. A package that is missing,
of another version, or with a file of another size is found here; a file changed in place
under the same size is not (see docs/security-model.md).
"""

import re


_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)

# Run by the interpreter that is asked about: distribution -> [version, files that differ].
# Records are read as the tables they are: TensorFlow's alone has twenty thousand lines, and a
# node that starts waits for this.
QUESTION = """
import csv, importlib.metadata, json, os, sys
found = {}
for name in json.load(sys.stdin):
    try:
        dist = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        continue
    wrong, root = 0, str(dist.locate_file(""))
    for row in csv.reader((dist.read_text("RECORD") or "").splitlines()):
        path, size = row[0] if row else "", row[-1] if len(row) == 3 else ""
        if not size or path.endswith(".pyc"):  # written anew by each interpreter
            continue
        try:
            wrong += os.stat(os.path.join(root, path)).st_size != int(size)
        except OSError:
            wrong += 1
    found[name] = [dist.version, wrong]
print(json.dumps(found))
"""


def pins(lock: bytes) -> dict[str, str]:
    """Distribution -> version, as a hash-pinned requirements file has them."""
    found = _PIN.findall(lock.decode("utf-8", "replace"))
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def differences(pinned: dict[str, str], found: dict[str, tuple[str, int]]) -> list[str]:
    """In words, what of a lock is not what is installed."""
    words = []
    for name, version in sorted(pinned.items()):
        if name not in found:
            words.append(f"{name} is not installed")
        elif found[name][0] != version:
            words.append(f"{name} is {found[name][0]}, the lock says {version}")
        elif found[name][1]:
            words.append(f"{name} has {found[name][1]} files that differ from its record")
    return words
