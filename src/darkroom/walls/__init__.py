"""What both sandboxes are built of, and what runs around a program in a pod of a cluster.

    seccomp.py    the calls that no job may make        collect.py    taking hostile outputs
    watch.py      a job seen from outside               lock_hash.py  what a job is bound to

    worker.py     in the pod: canaries, walls, then the program; `order.py` is what it is told
    collector.py  in the pod, after all of the job has ended: what it left, checked and copied

No key, no rule and no token is known here.
"""
