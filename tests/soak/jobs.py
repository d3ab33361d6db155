"""What the scientists of a soak send: next to no work, and every kind of end."""

import darkroom as dr


FACTS = {"facts": dr.Scalars(names=("frames",))}


@dr.job(environment="tflite", outputs=FACTS, parameters={"seconds": "float", "fail": "bool"})
def known(data, params):
    """Code that a rule lets in and out; it can be slow, and it can fail."""
    import time

    time.sleep(params["seconds"])
    if params["fail"]:
        raise RuntimeError("asked to")
    return {"facts": {"frames": data.count()}}


@dr.job(environment="tflite", outputs=FACTS)
def reviewed(data, params):
    """Code that the owner approves, with a result that the owner releases."""
    return {"facts": {"frames": data.count()}}
