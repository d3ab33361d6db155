"""What there is: only what a pinned domain signed; names are forgiving, errors help."""

import subprocess
import sys

import pytest

from darkroom.errors import InputError, SpecError, TrustError, UnknownNameError, UnreachableError
from tests.scientist.conftest import LOCK, a_card, a_profile
from tests.scientist.test_collect import count


def test_domains_show_what_they_say_about_themselves(bench):
    text = repr(bench.session.domains)

    assert "north square" in text
    assert "tflite (litert)" in text
    assert list(bench.session.domains) == ["east", "north"]


@pytest.mark.parametrize(
    ("name", "help_"), [("nroth", "did you mean north"), ("xyz", "use one of: east, north")]
)
def test_an_unknown_domain_lists_what_comes_near(bench, name, help_):
    with pytest.raises(UnknownNameError) as unknown:
        bench.session.domains[name]

    assert help_ in unknown.value.next_step


def test_an_unknown_dataset_lists_what_comes_near(bench):
    with pytest.raises(UnknownNameError, match="palza"):
        bench.session.domains["north"].datasets["palza"]
    with pytest.raises(UnknownNameError) as unknown:
        bench.session.datasets("palza")
    assert "plaza" in unknown.value.next_step


def test_get_and_in_behave_like_a_mapping(bench):
    domains = bench.session.domains

    assert "north" in domains
    assert "nroth" not in domains
    assert domains.get("nroth") is None


def test_a_dataset_of_the_same_name_at_every_domain(bench):
    assert [d.address for d in bench.session.datasets("plaza")] == ["east/plaza", "north/plaza"]


def test_a_submission_to_two_domains_has_a_letter_for_each(bench):
    submission = count.submit(bench.session.datasets("plaza"), threshold=0.1)

    assert set(submission.jobs) == {"east", "north"}
    for name, domain in bench.domains.items():
        (letter,) = domain.inbox()
        assert letter.body["request"]["audience"] == name
        assert letter.body["request"]["spec"]["environment"]["lock_hash"] == LOCK


# ---------------------------------------------------------------------------- the attacks


@pytest.mark.attack
def test_a_card_signed_with_another_key_is_left_out_and_said(bench, keys):
    bench.exchange.cards["north"] = [keys["mallory"].sign("card", a_card("north").to_mapping())]

    domain = bench.session.domains["north"]

    assert list(domain.datasets) == []
    assert "another key" in bench.session.catalogue.problems["north"][0]


@pytest.mark.attack
def test_a_card_of_another_domain_is_left_out(bench):
    """The gateway shows east's card as north's."""
    bench.exchange.cards["north"] = bench.exchange.cards["east"]

    assert list(bench.session.domains["north"].datasets) == []


@pytest.mark.attack
def test_a_card_that_names_another_domain_is_left_out(bench):
    ring = bench.domains["north"].keyring
    bench.exchange.cards["north"] = [ring.sign("card", a_card("east").to_mapping())]

    assert list(bench.session.domains["north"].datasets) == []
    assert "shown as one of north" in bench.session.catalogue.problems["north"][0]


@pytest.mark.attack
def test_a_profile_signed_with_another_key_leaves_the_domain_out(bench, keys):
    bench.exchange.profiles["north"] = keys["mallory"].sign("profile", a_profile("north"))

    domains = bench.session.domains

    assert list(domains) == ["east"]
    assert "left out" in repr(domains)


@pytest.mark.attack
@pytest.mark.parametrize(
    "changed",
    [
        {"environments": {"tflite": {"lock_hash": "md5:1", "interpreter": ""}}},
        {"environments": [1]},
        {"workers": 0},
        {"workers": True},
        {"domain": "east"},
        {"owner": "Olga\x1b[31m"},
        {"title": 5},
        {"limits": {"memory_mib": -1}},
    ],
)
def test_a_malformed_profile_leaves_the_domain_out(bench, changed):
    ring = bench.domains["north"].keyring
    bench.exchange.profiles["north"] = ring.sign("profile", {**a_profile("north"), **changed})

    assert list(bench.session.domains) == ["east"]


@pytest.mark.attack
def test_a_domain_that_nobody_pinned_does_not_exist(bench, keys):
    bench.exchange.profiles["west"] = keys["mallory"].sign("profile", a_profile("west"))

    assert "west" not in bench.session.domains
    with pytest.raises(TrustError, match="west"):
        bench.session.catalogue.cards("west")


# ------------------------------------------------------------------------------ bad input


def test_an_environment_that_is_not_offered_is_said_before_anything_runs(bench):
    import darkroom

    job = darkroom.job(count.function, outputs=count.outputs, environment="tensorflow")

    with pytest.raises(UnknownNameError, match="offers no environment"):
        job.submit(bench.dataset())
    assert bench.runner.tasks == []


@pytest.mark.parametrize("project", ["", "A b", "x" * 65, "../x"])
def test_a_project_is_a_plain_name(bench, project):
    with pytest.raises(SpecError):
        count.submit(bench.dataset(), threshold=0.1, project=project)


def test_the_same_dataset_twice_is_refused(bench):
    with pytest.raises(InputError, match="twice"):
        count.submit([bench.dataset(), bench.dataset()], threshold=0.1)


def test_a_domain_that_left_the_directory_cannot_be_asked(bench):
    dataset = bench.dataset()
    del bench.exchange.profiles["north"]

    with pytest.raises(InputError, match="no profile yet"):
        count.submit(dataset, threshold=0.1)


def test_a_gateway_that_is_away_is_said(bench):
    bench.exchange.down = True

    with pytest.raises(UnreachableError):
        bench.session.domains  # noqa: B018  # asks


def test_an_unknown_submission_lists_what_there_is(bench):
    submission = count.submit(bench.dataset(), threshold=0.1)

    with pytest.raises(UnknownNameError) as unknown:
        bench.session.job("ffffffffffff")
    assert submission.id in unknown.value.next_step
    with pytest.raises(UnknownNameError):
        bench.session.job("")


def test_jobs_lists_all_newest_first(bench):
    first = count.submit(bench.dataset(), threshold=0.1)
    bench.clock.time += 1
    second = count.submit(bench.dataset("east"), threshold=0.1)

    assert [s.id for s in bench.session.jobs] == [second.id, first.id]
    assert first.id in repr(bench.session.jobs)


# ------------------------------------------------------------ Light imports stay light


def test_importing_darkroom_imports_nothing_else():
    code = (
        "import sys; before = set(sys.modules); import darkroom\n"
        "new = {m for m in set(sys.modules) - before if m.startswith('darkroom')}\n"
        "heavy = {'numpy', 'pandas', 'mlflow', 'cv2', 'httpx', 'tensorflow'} & set(sys.modules)\n"
        "print(sorted(new), sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.stdout.strip() == "['darkroom'] []"


def test_connecting_does_not_import_mlflow():
    code = (
        "import sys, darkroom; darkroom.connect, darkroom.job, darkroom.Table\n"
        "print('mlflow' in sys.modules, 'tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.stdout.strip() == "False False", done.stderr


def test_every_public_name_exists():
    import darkroom

    assert [name for name in darkroom.__all__ if getattr(darkroom, name) is None] == []
    with pytest.raises(AttributeError):
        darkroom.no_such_name  # noqa: B018  # asks
