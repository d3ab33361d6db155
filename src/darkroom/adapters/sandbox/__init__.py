"""The sandbox of one machine: bubblewrap, seccomp, limits, and a launcher that outlives no job.

    process.py     the port: asks the launcher, on behalf of the node
    launcher.py    one small process, started before the node drops its rights
    supervisor.py  one task from start to end, in a process of its own
    plan.py        task -> command line (pure)
    outcome.py     what was seen -> Outcome (pure)

`docs/sandbox.md` tells what each wall stops and what stops it when the wall is weak.
"""
