"""The tree is that of RFC 6962 and RFC 9162, and its proofs show what they say and no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.model.merkle import (
    EMPTY,
    Frontier,
    branch_hash,
    consistency_proof,
    includes,
    inclusion_proof,
    is_beginning,
    leaf_hash,
    root_at,
)
from tests.model.trees import root_of


# The eight leaves and roots by which implementations of RFC 6962 compare themselves:
# https://github.com/google/certificate-transparency/blob/master/cpp/merkletree/merkle_tree_test.cc
DATA = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SIZES = st.integers(1, 70)


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(b"%d" % number) for number in range(count)]


def plain_root(hashes: list[bytes]) -> bytes:
    """RFC 9162 §2.1.1, word for word."""
    if len(hashes) <= 1:
        return hashes[0] if hashes else EMPTY
    split = max(2**n for n in range(10) if 2**n < len(hashes))
    return branch_hash(plain_root(hashes[:split]), plain_root(hashes[split:]))


def subtrees(hashes: list[bytes]):
    def subtree(level: int, place: int) -> bytes:
        part = hashes[place << level : (place + 1) << level]
        assert len(part) == 1 << level, "a proof asks for complete subtrees only"
        return plain_root(part)

    return subtree


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_that_others_compute(size):
    assert root_of(map(leaf_hash, DATA[:size])).hex() == ROOTS[size]


def test_the_example_of_the_rfc():
    """RFC 9162 §2.1.5: seven leaves, its paths and proofs by name."""
    d = leaves(7)
    a, b, c, *_ = d
    dd, e, f, j = d[3], d[4], d[5], d[6]
    g, h, i = branch_hash(a, b), branch_hash(c, dd), branch_hash(e, f)
    k, l = branch_hash(g, h), branch_hash(i, j)  # noqa: E741 - the names of the RFC
    subtree = subtrees(d)
    assert inclusion_proof(0, 7, subtree) == (b, h, l)
    assert inclusion_proof(3, 7, subtree) == (c, g, l)
    assert inclusion_proof(4, 7, subtree) == (f, j, k)
    assert inclusion_proof(6, 7, subtree) == (i, k)
    assert consistency_proof(3, 7, subtree) == (c, dd, g, l)
    assert consistency_proof(4, 7, subtree) == (l,)
    assert consistency_proof(6, 7, subtree) == (i, j, k)


@given(SIZES)
def test_a_frontier_knows_the_root_and_names_what_it_completes(size):
    hashes, frontier = leaves(size), Frontier()
    for number, leaf in enumerate(hashes):
        frontier, done = frontier.append(leaf)
        for level, found in enumerate(done):
            assert found == subtrees(hashes)(level, number >> level)
    assert frontier.root == plain_root(hashes) == root_of(hashes)
    assert root_at(size, subtrees(hashes)) == frontier.root
    assert Frontier.from_bytes(size, frontier.to_bytes()) == frontier


@given(SIZES, st.data())
def test_every_leaf_is_shown_to_be_in_the_tree_and_nothing_else_is(size, data):
    hashes = leaves(size)
    index = data.draw(st.integers(0, size - 1))
    proof, root = inclusion_proof(index, size, subtrees(hashes)), root_of(hashes)
    assert includes(hashes[index], index, size, root, proof)
    assert not includes(leaf_hash(b"other"), index, size, root, proof)
    assert not includes(hashes[index], index, size, EMPTY, proof)
    assert not includes(hashes[index], index, size, root, (*proof, EMPTY))
    assert not proof or not includes(hashes[index], index, size, root, proof[:-1])
    other = data.draw(st.integers(-1, size + 1).filter(lambda n: n != index))
    assert not includes(hashes[index], other, size, root, proof)


@given(SIZES, st.data())
def test_a_tree_that_grew_is_shown_to_be_the_beginning_and_a_fork_is_not(size, data):
    hashes = leaves(size)
    first = data.draw(st.integers(0, size))
    proof = consistency_proof(first, size, subtrees(hashes))
    before, after = root_of(hashes[:first]), root_of(hashes)
    assert is_beginning(first, before, size, after, proof)
    assert not is_beginning(first, before, size, after, (*proof, EMPTY))
    assert not is_beginning(size, after, first, before, proof) or first == size
    if first:
        changed = data.draw(st.integers(0, first - 1))
        forked = [*hashes[:changed], leaf_hash(b"other"), *hashes[changed + 1 :]]
        again = consistency_proof(first, size, subtrees(forked))
        for steps in (proof, again):
            assert not is_beginning(first, before, size, root_of(forked), steps)


@given(st.integers(-2, 40), st.integers(-2, 40), st.lists(st.binary(min_size=32, max_size=32)))
def test_a_proof_out_of_thin_air_shows_nothing(first, second, proof):
    root, other = leaf_hash(b"one"), leaf_hash(b"two")
    assert not includes(root, first, second, other, proof)
    assert not is_beginning(first, root, second, other, proof)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_there_is_no_proof_of_what_is_not_there(index, size):
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_proof(index, size, subtrees(leaves(5)))
    with pytest.raises(ValueError, match="no beginning"):
        consistency_proof(4, 3, subtrees(leaves(5)))


@pytest.mark.parametrize(("size", "peaks"), [(3, b""), (1, bytes(31)), (-1, b""), (0, bytes(32))])
def test_peaks_that_do_not_fit_the_size_are_refused(size, peaks):
    with pytest.raises(ValueError, match="peaks"):
        Frontier.from_bytes(size, peaks)
