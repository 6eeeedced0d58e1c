"""What the reductions of vendors' schemas share: what a schema speaks of, how one is written, and whether one that is kept is current."""

import difflib
import json
import sys


def references(schema):
    """The names of all schemas that this one speaks of."""
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        for value in schema.values():
            yield from references(value)


def written(value, indent=""):
    """JSON in order, with a line for each field that is short enough and for each list of words."""
    short = json.dumps(value, sort_keys=True)
    if not isinstance(value, dict) or len(indent + short) <= 150 and not any(key in value for key in ("properties", "parameters")):
        return short
    inner = indent + " "
    lines = (f"{inner}{json.dumps(key)}: {written(value[key], inner)}" for key in sorted(value))
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}" if value else "{}"


def run(usage, whose, reductions):
    """Writes each, by its path; with `--check`, fails if one is not what would be written."""
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(usage)
    stale = []
    for path, reduced in reductions.items():
        text = written(reduced) + "\n"
        if not check:
            path.write_text(text)
        elif (there := path.read_text() if path.exists() else "") != text:
            changes = difflib.unified_diff(there.splitlines(), text.splitlines(), "there", whose, lineterm="", n=1)
            stale += [*list(changes)[:200], f"{path.name} is not what reduce.py makes: run it without --check"]
        else:
            print(f"{path.name} is current: {' '.join(map(str, reduced['from'].values()))}; {len(reduced['methods'])} methods")
    if stale:
        sys.exit("\n".join(stale))
