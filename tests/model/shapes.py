"""Hypothesis strategies for the nouns."""

from hypothesis import strategies as st

from darkroom.model.dataset import Camera, DatasetCard, Manifest, Segment
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import Environment, JobRequest, JobSpec, Limits
from darkroom.model.output import Histogram, Model, Scalars, Table
from darkroom.model.site_policy import Grant, SitePolicy


NAMES = st.from_regex(r"[a-z0-9][a-z0-9._@-]{0,15}", fullmatch=True)
HEX32 = st.from_regex(r"[0-9a-f]{32}", fullmatch=True)
HEX64 = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
SHA = HEX64.map("sha256:".__add__)
POINTS = st.from_regex(r"[A-Za-z_][a-z]{0,8}:[A-Za-z_][a-z]{0,8}", fullmatch=True)
PATHS = st.lists(
    st.from_regex(r"[a-z0-9_][a-z0-9_.-]{0,8}", fullmatch=True), min_size=1, max_size=3
).map("/".join)
SCALAR_JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
JSON = st.recursive(
    SCALAR_JSON | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)

LIMITS = st.builds(
    Limits,
    **dict.fromkeys(
        ("memory_mib", "cpu_seconds", "wall_seconds", "processes", "files", "output_mib"),
        st.integers(1, 10_000),
    ),
)
TABLES = st.builds(
    Table,
    columns=st.dictionaries(
        NAMES, st.sampled_from(["int", "float", "text"]), min_size=1, max_size=4
    ),
    max_rows=st.integers(1, 100_000),
)
SCALARS = st.builds(Scalars, names=st.lists(NAMES, min_size=1, max_size=4, unique=True).map(tuple))
HISTOGRAMS = st.builds(
    Histogram,
    edges=st.lists(
        st.integers(-1000, 1000) | st.floats(-1e6, 1e6), min_size=2, max_size=6, unique=True
    ).map(lambda edges: tuple(sorted(edges))),
)
MODELS = st.builds(
    Model, format=st.sampled_from(["tflite", "npz"]), max_bytes=st.integers(1, 64 << 20)
)
OUTPUTS = TABLES | SCALARS | HISTOGRAMS | MODELS
SCHEMAS = st.dictionaries(NAMES, st.sampled_from(["int", "float", "text", "bool"]), max_size=3)
SPECS = st.builds(
    JobSpec,
    name=NAMES,
    tier=st.sampled_from(["mock", "reviewed"]),
    entrypoint=POINTS,
    merge=st.just("") | POINTS,
    split=st.sampled_from(["", "camera"]),
    files=st.dictionaries(PATHS, SHA, min_size=1, max_size=4),
    environment=st.builds(Environment, name=NAMES, lock_hash=SHA),
    outputs=st.dictionaries(NAMES.filter("log".__ne__), OUTPUTS, min_size=1, max_size=3),
    limits=LIMITS,
    parameter_schema=SCHEMAS,
)
VALUES = {
    "int": st.integers(-(2**60), 2**60),
    "float": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-99, 99),
    "text": st.text(max_size=8),
    "bool": st.booleans(),
}


@st.composite
def requests(draw):
    spec = draw(SPECS)
    return JobRequest(
        job_id=draw(HEX32),
        spec=spec,
        submitter=draw(NAMES),
        submitter_fingerprint=draw(SHA),
        audience=draw(NAMES),
        project=draw(NAMES),
        dataset=draw(NAMES),
        dataset_version=draw(SHA),
        parameters={name: draw(VALUES[kind]) for name, kind in spec.parameter_schema.items()},
    )


REQUESTS = requests()
IDENTITIES = st.builds(
    PublicIdentity,
    name=NAMES,
    role=st.sampled_from(["scientist", "owner", "domain"]),
    bundle=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
    statement_key=HEX64,
    certificate=HEX64,
    hosted=st.booleans(),
)
POLICIES = st.builds(
    SitePolicy,
    version=st.integers(1, 10**6),
    domain=NAMES,
    grants=st.lists(
        st.builds(
            Grant,
            scientist=NAMES,
            datasets=st.lists(NAMES, min_size=1, max_size=3).map(tuple),
            tiers=st.just(("reviewed",)) | st.just(("mock", "reviewed")),
        ),
        max_size=3,
        unique_by=lambda grant: grant.scientist,
    ).map(tuple),
    approve=st.lists(SHA, max_size=3).map(tuple),
    release=st.sampled_from(["owner", "auto"]),
    limits=LIMITS,
    hosted_identities=st.booleans(),
)
CAMERAS = st.builds(
    Camera,
    id=NAMES,
    width=st.integers(1, 9999),
    height=st.integers(1, 9999),
    fps=st.floats(0.1, 240),
    frames=st.integers(1, 10**6),
    masked=st.booleans(),
)
CARDS = st.builds(
    DatasetCard,
    domain=NAMES,
    name=NAMES,
    version=SHA,
    description=st.text(max_size=20),
    cameras=st.lists(CAMERAS, min_size=1, max_size=3).map(tuple),
    classes=st.lists(st.text(max_size=8), max_size=3).map(tuple),
    annotations=st.sampled_from(["none", "owner", "synthetic", "model"]),
    split_frames=st.fixed_dictionaries({"train": st.integers(0), "test": st.integers(0)}),
    start=st.integers(0, 2**40),
    look=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
)
SEGMENTS = st.builds(
    Segment,
    camera=NAMES,
    minute=st.integers(0, 10**6),
    first=st.integers(0, 10**6),
    frames=st.integers(1, 10**6),
    start=st.floats(0, 2e9),
    split=st.sampled_from(["train", "test"]),
    sha256=HEX64,
    size=st.integers(0, 2**40),
    annotations=st.just("") | HEX64,
)
MANIFESTS = st.builds(
    Manifest,
    dataset=NAMES,
    face=st.sampled_from(["private", "mock"]),
    cameras=st.lists(CAMERAS, min_size=1, max_size=2).map(tuple),
    classes=st.lists(st.text(max_size=8), max_size=2).map(tuple),
    annotations=st.sampled_from(["none", "owner"]),
    segments=st.lists(SEGMENTS, max_size=3).map(tuple),
    source=st.text(max_size=10),
)
