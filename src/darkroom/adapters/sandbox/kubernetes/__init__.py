"""The sandbox of a cluster: one Job and one pod for each task, from a locked template.

    sandbox.py    the port: lays out, starts, collects, takes away
    follow.py     one Job from its making to its end
    locked.py     what a job template must say (pure); job_template.yaml says it
    manifest.py   task -> Job (pure)
    pods.py       status of a Job and its pod -> what happened (pure)
    api.py        the four calls that the node's Role allows
    exchange.py   the volume that node and jobs share
    probe.py      sees each wall stand

What runs inside the pod is `darkroom.walls`.
"""
