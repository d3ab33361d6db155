"""Hypothesis strategies for the nouns."""

import unicodedata
from fractions import Fraction

from hypothesis import strategies as st

from darkroom.model.airlock import Airlock
from darkroom.model.approval_rule import Allowed, ApprovalRule
from darkroom.model.budget import Budget
from darkroom.model.dataset import Camera, DatasetCard, Manifest, Segment
from darkroom.model.identity import PublicIdentity
from darkroom.model.job import Environment, JobRequest, JobSpec, Limits
from darkroom.model.output import MODEL_FORMATS, Histogram, Model, Scalars, Table
from darkroom.model.reviews import Reviewer, Reviews
from darkroom.model.site_policy import Grant, SitePolicy


NAMES = st.from_regex(r"[a-z0-9][a-z0-9._@-]{0,15}", fullmatch=True)
HEX32 = st.binary(min_size=16, max_size=16).map(bytes.hex)
HEX64 = st.binary(min_size=32, max_size=32).map(bytes.hex)
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
    "text": st.text(max_size=8).map(lambda text: unicodedata.normalize("NFC", text)),
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
NAME_TUPLES = st.lists(NAMES, max_size=3).map(tuple)
NUMBERS = st.integers(-99, 99) | st.floats(-99, 99)
ALLOWED = st.one_of(
    st.just(Allowed(anything=True)),
    st.lists(NUMBERS | st.text(max_size=5) | st.booleans(), min_size=1, max_size=3).map(
        lambda values: Allowed(one_of=tuple(values))
    ),
    NUMBERS.map(lambda low: Allowed(minimum=low)),
    NUMBERS.map(lambda high: Allowed(maximum=high)),
    st.tuples(NUMBERS, NUMBERS).map(lambda two: Allowed(minimum=min(two), maximum=max(two))),
)
RULES = st.one_of(
    st.builds(
        ApprovalRule,
        name=NAMES,
        code_digest=SHA,
        scientists=NAME_TUPLES,
        datasets=NAME_TUPLES,
        parameters=st.dictionaries(NAMES, ALLOWED, max_size=2),
        release=st.sampled_from(["owner", "auto"]),
    ),
    st.builds(
        ApprovalRule, name=NAMES, tier=st.just("mock"), scientists=NAME_TUPLES, datasets=NAME_TUPLES
    ),
)
BUDGETS = st.builds(
    Budget,
    name=NAMES,
    per=st.sampled_from(["dataset", "scientist", "project"]),
    period_days=st.integers(1, 3650),
    datasets=NAME_TUPLES,
    releases=st.integers(0, 10**9),
    rows=st.none() | st.integers(0, 10**9),
    bits=st.none() | st.integers(0, 10**12),
    epsilon=st.none() | st.fractions(0, 99, max_denominator=99),
    delta=st.none() | st.integers(0, 10**9).map(lambda parts: Fraction(parts, 10**9)),
)
REVIEWERS = st.builds(Reviewer, name=NAMES, fingerprint=SHA, scientist=st.just("") | NAMES)


@st.composite
def reviews(draw):
    reviewers = draw(
        st.lists(REVIEWERS, max_size=3, unique_by=(lambda r: r.name, lambda r: r.fingerprint))
    )
    votes = st.integers(1, len(reviewers) + 1)
    return Reviews(
        reviewers=tuple(reviewers),
        owner_as_scientist=draw(st.just("") | NAMES),
        code=draw(votes),
        release=draw(votes),
        approval_days=draw(st.integers(1, 366)),
        max_pending=draw(st.integers(1, 1000)),
        keep_on_new_version=draw(st.booleans()),
    )


AIRLOCKS = st.builds(
    Airlock,
    **dict.fromkeys(
        ("max_rows", "max_columns", "min_count", "round_counts", "max_model_kib"),
        st.integers(1, 10**6),
    ),
    decimals=st.integers(0, 9),
    free_text=st.booleans(),
    models=st.lists(st.sampled_from(MODEL_FORMATS), max_size=2).map(tuple),
    log=st.booleans(),
)


def named_apart(strategy, key):
    """Up to three of a noun, each with a name of its own."""
    return st.lists(strategy, max_size=3, unique_by=key).map(tuple)


POLICIES = st.builds(
    SitePolicy,
    version=st.integers(1, 10**6),
    domain=NAMES,
    grants=named_apart(
        st.builds(
            Grant,
            scientist=NAMES,
            datasets=st.lists(NAMES, min_size=1, max_size=3).map(tuple),
            tiers=st.sampled_from([("reviewed",), ("mock",), ("mock", "reviewed")]),
            projects=NAME_TUPLES,
        ),
        lambda grant: grant.scientist,
    ),
    rules=named_apart(RULES, lambda rule: rule.name),
    reviews=reviews(),
    budgets=named_apart(BUDGETS, lambda budget: budget.name),
    airlock=AIRLOCKS,
    limits=LIMITS,
    hosted_identities=st.booleans(),
)


@st.composite
def domains(draw):
    """A `domain.yaml` as a mapping."""
    ids = draw(st.lists(NAMES, max_size=3, unique=True))
    edge = st.integers(0, 1 << 15)
    point = st.lists(edge, min_size=2, max_size=2)
    polygon = st.lists(point, min_size=3, max_size=4)
    line = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
    dataset = st.fixed_dictionaries(
        {"name": NAMES},
        optional={
            "description": line,
            "source": line,
            "look": st.dictionaries(line, line | NUMBERS | st.booleans(), max_size=2),
            "classes": st.lists(line.filter(bool), max_size=3, unique=True),
            "start": st.integers(0, 2**32)
            | st.datetimes().map(lambda when: when.replace(year=2026).isoformat() + "Z"),
            "cameras": st.lists(st.sampled_from(ids), unique=True) if ids else st.just([]),
            "retention_days": st.none() | st.integers(1, 36_500),
        },
    )
    required = {
        "domain": NAMES,
        "title": line,
        "environments": st.dictionaries(
            NAMES, st.sampled_from(["litert", "tflite-runtime", ""]), min_size=1, max_size=2
        ),
    }
    optional = {
        "schema": st.just(1),
        "workers": st.integers(1, 64),
        "footage": st.sampled_from(["folder", "s3://north-footage"]),
        # Longer than the names of datasets that are drawn: a model and a dataset never share one.
        "models": st.dictionaries(
            st.sampled_from(["a-detector-of-people.tflite", "weights-of-2026.06.01.npz"]), line
        ),
        "datasets": st.lists(dataset, max_size=2, unique_by=lambda each: each["name"]),
    }
    mapping = draw(st.fixed_dictionaries(required, optional=optional))
    cameras = [
        {"id": name, "description": draw(line), "masks": draw(st.lists(polygon, max_size=2))}
        for name in ids
    ]
    return {**mapping, "cameras": cameras}


DOMAINS = domains()
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
