"""Loads lines as trainers do, each file as a data set, and compares: what is nowhere in a row is `None` in it.
Then it cuts conversations as TRL wants a prompt and its completion."""
import json, sys
import datasets

def without_none(value):
    if isinstance(value, dict):
        return {name: without_none(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_none(member) for member in value]
    return value

cache, *files = sys.argv[1:]
for file in files:
    rows = datasets.load_dataset("json", data_files=file, split="train", cache_dir=cache)
    lines = [json.loads(line) for line in open(file)]
    assert len(rows) == len(lines), (len(rows), len(lines))
    for row, line in zip(rows, lines):
        assert without_none(row) == without_none(line), (row, line)
        for message in row.get("messages") or []:
            assert message["role"] in ("system", "user", "assistant", "tool"), message
        if "messages" in row:
            assert row["messages"][-1]["role"] == "assistant"
            prompt, completion = row["messages"][:-1], row["messages"][-1:]
            assert prompt and completion
