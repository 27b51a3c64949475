#!/usr/bin/env python3
"""Asks tools that know nothing of Gavel whether a ledger's evidence holds.

    python3.12 -m venv judges
    judges/bin/pip install tlog-scales==0.0.3 aics-tlog==0.2.1 metamorphic-log==0.1.11 pymerkle==7.0.0
    judges/bin/python Tests/Judges/check_evidence.py FOLDER
    judges/bin/python Tests/Judges/check_evidence.py --gavel .build/debug/gavel

With --gavel, a ledger is made of Fixtures/histories/storm.jsonl, grows, is cosigned, and its evidence
is judged. FOLDER holds what is to be judged:

    log.vkey                   the ledger's verifier key
    witness.vkey               a witness's, where the checkpoint is cosigned
    tiles/checkpoint           the signed head
    tiles/tile/...             the tlog-tiles, entry bundles where they were exported
    proofs/*.tlog-proof        inclusion proofs with the entry in the extra line
    statements/*.statement     signed statements (gavel-statement/v1)
    heads/NAME.checkpoint      earlier heads
    heads/NAME.consistency     the proofs that the head goes on from them

Every judge is asked about everything it can judge, then again about copies with one thing
tampered with: a judge that finds nothing there is no judge, and the run fails. Exit codes: 0 all
agree, 1 a judge disagrees or is blind, 2 wrong usage or a tool that is missing.
"""

import base64
import hashlib
import json
import logging
import pathlib
import shutil
import subprocess
import sys
import tempfile

try:
    import metamorphic_log.metamorphic_log as metamorphic
    import pymerkle
    from tlog_scales import backend, reader, signing, tlog
except ImportError as error:
    print(f"a tool is missing: {error.name}; see the head of this file", file=sys.stderr)
    sys.exit(2)

# What tlog-scales says of a wrong signature is asked for, not news.
logging.disable(logging.WARNING)

# DER of an Ed25519 public key up to the 32 bytes themselves (RFC 8410).
SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")


class Disagreement(Exception):
    """A judge says no."""


def require(condition, what):
    if not condition:
        raise Disagreement(what)


def b64(text):
    return base64.b64decode(text, validate=True)


def leaf_hash(entry):
    return hashlib.sha256(b"\0" + entry).digest()


class Proof:
    """A .tlog-proof file, read by the words of the specification."""

    def __init__(self, path):
        self.name = path.name
        head, self.checkpoint = path.read_text().split("\n\n", 1)
        lines = head.split("\n")
        require(lines.pop(0) == "c2sp.org/tlog-proof@v1", f"{path.name} has no header")
        require(lines[0].startswith("extra "), f"{path.name} holds no entry")
        self.entry = b64(lines.pop(0).removeprefix("extra "))
        require(lines[0].startswith("index "), f"{path.name} has no index")
        self.index = int(lines.pop(0).removeprefix("index "))
        self.hashes = [b64(line) for line in lines]


class Statement:
    """A gavel-statement/v1 file, read by the words of the article Evidence."""

    def __init__(self, path):
        self.name = path.name
        head, text, signature, proof, self.checkpoint = path.read_bytes().decode().split("\n\n", 4)
        first, view = head.split("\n")
        require(first == "gavel-statement/v1" and view.startswith("view "), f"{path.name}: no header")
        self.view = view.removeprefix("view ").encode()
        self.text, self.signature = text + "\n", signature
        (word, self.origin, size, root, index, leaf, self.viewer, view_hash) = text.split("\n")
        require(word == "gavel.statement/v1", f"{path.name} is no statement")
        self.size, self.index = int(size), int(index)
        self.root, self.leaf, self.view_hash = b64(root), b64(leaf), b64(view_hash)
        lines = proof.split("\n")
        if lines[0].startswith("extra "):
            entry = b64(lines.pop(0).removeprefix("extra "))
            require(leaf_hash(entry) == self.leaf, f"{path.name} holds another entry")
        require(lines.pop(0) == f"index {self.index}", f"{path.name} proves another place")
        self.hashes = [b64(line) for line in lines]
        origin, size, root = self.checkpoint.split("\n")[:3]
        require(
            (origin, int(size), b64(root)) == (self.origin, self.size, self.root),
            f"{path.name} stands beside another checkpoint")


class Growth:
    """A consistency file and the older head it starts from."""

    def __init__(self, path):
        self.name = path.name
        self.old_path = path.with_suffix(".checkpoint")
        self.old = self.old_path.read_text()
        head, self.new = path.read_text().split("\n\n", 1)
        lines = head.split("\n")
        require(lines[0].startswith("old "), f"{path.name} has no old size")
        self.old_size = int(lines.pop(0).removeprefix("old "))
        self.hashes = [b64(line) for line in lines]


class Evidence:
    """All that is in the folder."""

    def __init__(self, folder):
        self.folder = folder
        self.tiles = folder / "tiles"
        self.vkey = (folder / "log.vkey").read_text().strip()
        witness = folder / "witness.vkey"
        self.witness = witness.read_text().strip() if witness.exists() else None
        self.note = (self.tiles / "checkpoint").read_text()
        self.text = self.note[: self.note.rindex("\n\n") + 1]
        lines = self.text.split("\n")
        self.size, self.root = int(lines[1]), b64(lines[2])
        self.proofs = [Proof(path) for path in sorted(folder.glob("proofs/*.tlog-proof"))]
        self.statements = [
            Statement(path) for path in sorted(folder.glob("statements/*.statement"))]
        self.growths = [Growth(path) for path in sorted(folder.glob("heads/*.consistency"))]
        self.has_entries = (self.tiles / "tile" / "entries").exists()

    def entries(self):
        """The entries of all bundles."""
        entries = []
        for number in range((self.size + 255) // 256):
            width = min(256, self.size - 256 * number)
            path, rest = f"{number % 1000:03}", number // 1000
            while rest:
                path, rest = f"x{rest % 1000:03}/{path}", rest // 1000
            file = self.tiles / "tile" / "entries" / (path + (f".p/{width}" if width < 256 else ""))
            data = file.read_bytes()
            while data:
                length = int.from_bytes(data[:2], "big")
                require(len(data) >= 2 + length, f"{file} is cut short")
                entries.append(data[2 : 2 + length])
                data = data[2 + length :]
        require(len(entries) == self.size, f"the bundles hold {len(entries)} entries")
        return entries


def judge_openssl(evidence):
    """openssl: the signatures over the checkpoint's text and the statements', the views' hashes."""
    key = b64(evidence.vkey.split("+", 2)[2])
    name = evidence.vkey.split("+", 1)[0]
    notes = [(evidence.text, evidence.note)]
    for statement in evidence.statements:
        require(statement.origin == name, f"{statement.name} is another ledger's")
        notes.append((statement.text, statement.signature))
        require(
            hashlib.sha256(statement.view).digest() == statement.view_hash,
            f"{statement.name}: another view was signed")
        view = json.loads(statement.view)
        require(
            (view["viewer"], view["position"]) == (statement.viewer, statement.index),
            f"{statement.name}: its view is of another entry or for somebody else")
    for text, note in notes:
        line = next(l for l in note.split("\n") if l.startswith(f"— {name} "))
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "key.der").write_bytes(SPKI_PREFIX + key[1:])
            (folder / "signature").write_bytes(b64(line.split(" ")[2])[4:])
            (folder / "text").write_text(text)
            run(
                "openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER",
                "-inkey", folder / "key.der", "-sigfile", folder / "signature",
                "-in", folder / "text")
    return f"signature, {len(evidence.statements)} statements"


def judge_aics(evidence):
    """aics-tlog: signatures, tiles, inclusion, consistency, each by its command."""
    command = pathlib.Path(sys.executable).parent / "aics-tlog"
    key = ["--vkey-file", evidence.folder / "log.vkey", "--tiles", evidence.tiles]
    if evidence.witness:
        key += ["--witness-key", evidence.witness, "--quorum", "1"]
    checkpoint = evidence.tiles / "checkpoint"
    run(command, "verify-checkpoint", "--note", checkpoint, *key)
    with tempfile.TemporaryDirectory() as folder:
        leaf, hashes = pathlib.Path(folder) / "leaf", pathlib.Path(folder) / "hashes"
        for proof in evidence.proofs:
            leaf.write_bytes(proof.entry)
            hashes.write_text("".join(base64.b64encode(h).decode() + "\n" for h in proof.hashes))
            index = ["--leaf", leaf, "--index", str(proof.index)]
            # Once from the tiles, once from the hashes of the proof file.
            if evidence.has_entries:
                run(command, "verify-inclusion", *index, "--checkpoint", checkpoint, *key)
            run(
                command, "verify-inclusion", *index, "--proof", hashes, "--size",
                str(evidence.size), "--root", base64.b64encode(evidence.root).decode())
        for growth in evidence.growths:
            # The older heads bear no witness's signature.
            log_key = key[:4]
            run(
                command, "verify-consistency", "--old-checkpoint", growth.old_path,
                "--checkpoint", checkpoint, *log_key)
            hashes.write_text("".join(base64.b64encode(h).decode() + "\n" for h in growth.hashes))
            run(
                command, "verify-consistency", "--proof", hashes, "--old-size",
                str(growth.old_size), "--new-size", str(evidence.size),
                "--old-root", growth.old.split("\n")[2], "--new-root",
                base64.b64encode(evidence.root).decode())
    return f"signatures, {len(evidence.proofs)} inclusions, {len(evidence.growths)} growths"


def judge_scales(evidence):
    """tlog-scales: the root of the tiles, signatures, and our proofs equal to its own."""
    tiles = reader.TilesReader(backend.LocalBackend(evidence.tiles))
    checkpoint = tiles.get_checkpoint()
    require(checkpoint.root_hash == tiles.calculate_root_hash(), "the tiles have another root")
    keys = [evidence.vkey] + ([evidence.witness] if evidence.witness else [])
    for key in keys:
        checkpoint.verify(signing.Vkey.from_string(key))
    for proof in evidence.proofs:
        own = tiles.get_inclusion_proof(proof.index, evidence.size)
        require(own.node_hashes == proof.hashes, f"{proof.name} has other hashes")
        own.check(leaf_hash(proof.entry), checkpoint.root_hash)
        if evidence.has_entries:
            require(tiles.get_entry(proof.index) == proof.entry, f"{proof.name}: another entry")
    for growth in evidence.growths:
        own = tiles.get_consistency_proof(growth.old_size, evidence.size)
        require(own.node_hashes == growth.hashes, f"{growth.name} has other hashes")
        old = tlog.Checkpoint.from_text(growth.old)
        old.verify(signing.Vkey.from_string(evidence.vkey))
        ours = tlog.ConsistencyProof(growth.old_size, evidence.size, growth.hashes)
        ours.check(old.root_hash, checkpoint.root_hash)
    return f"signatures, root of the tiles, {len(evidence.proofs)} inclusions, " \
        f"{len(evidence.growths)} growths"


def judge_metamorphic(evidence):
    """metamorphic-log: each proof file and each growth against its signed checkpoint."""
    keys = [evidence.vkey]
    head = metamorphic.checkpoint_verify(evidence.note, keys)
    require(bytes(head.root) == evidence.root, "the head has another root")
    for proof in evidence.proofs:
        metamorphic.checkpoint_verify_inclusion(
            proof.checkpoint, keys, proof.index, leaf_hash(proof.entry), proof.hashes)
    for statement in evidence.statements:
        metamorphic.checkpoint_verify_inclusion(
            statement.checkpoint, keys, statement.index, statement.leaf, statement.hashes)
    for growth in evidence.growths:
        metamorphic.checkpoint_verify_consistency(growth.old, growth.new, keys, growth.hashes)
    return f"signature, {len(evidence.proofs) + len(evidence.statements)} inclusions, " \
        f"{len(evidence.growths)} growths"


def judge_pymerkle(evidence):
    """pymerkle: the root over the entries of the bundles, at every size that was signed."""
    if not evidence.has_entries:
        return "nothing: no entries were exported"
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for entry in evidence.entries():
        tree.append_entry(entry)
    require(tree.get_root() == evidence.root, "the entries have another root")
    for growth in evidence.growths:
        root = b64(growth.old.split("\n")[2])
        require(tree.get_root(growth.old_size) == root, f"{growth.name}: another older root")
    return f"root of {evidence.size} entries, {len(evidence.growths)} older roots"


JUDGES = {
    "openssl": judge_openssl,
    "aics-tlog": judge_aics,
    "tlog-scales": judge_scales,
    "metamorphic-log": judge_metamorphic,
    "pymerkle": judge_pymerkle,
}


def run(*arguments, text=""):
    """What a command prints; a no where it does not end with 0."""
    done = subprocess.run(
        [str(a) for a in arguments], input=text, capture_output=True, text=True)
    require(done.returncode == 0, (done.stdout + done.stderr).strip())
    return done.stdout


def ask(judge, folder):
    """What a judge says: (agrees, in which words)."""
    try:
        return True, JUDGES[judge](Evidence(folder))
    except Exception as error:  # Whatever a tool raises is a no.
        return False, f"{type(error).__name__}: {error}".split("\n")[0][:200]


def flip(path, offset):
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def other_hash(path, line):
    """Another hash in one line of a text, still of the right form."""
    lines = path.read_text().split("\n")
    lines[line] = base64.b64encode(hashlib.sha256(lines[line].encode()).digest()).decode()
    path.write_text("\n".join(lines))


def other_text(path, old, new):
    text = path.read_text()
    require(old in text, f"{path.name} has no {old!r} to change")
    # The last one: a statement's second checkpoint, not its first lines.
    start = text.rindex(old)
    path.write_text(text[:start] + new + text[start + len(old):])


def origin(folder):
    return (folder / "log.vkey").read_text().split("+", 1)[0]


def other_key(path):
    """The ledger's name with somebody else's key."""
    name = path.read_text().split("+", 1)[0]
    key = b"\1" + bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    key_id = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    path.write_text(f"{name}+{key_id.hex()}+{base64.b64encode(key).decode()}\n")


def first(folder, pattern):
    return sorted(folder.glob(pattern))[0]


# What is done to a copy, and who has to see it.
CANARIES = {
    "another root in the checkpoint": (
        lambda folder: other_hash(folder / "tiles" / "checkpoint", 2), set(JUDGES)),
    "another size in the checkpoint": (
        lambda folder: flip(folder / "tiles" / "checkpoint",
                            (folder / "tiles" / "checkpoint").read_bytes().index(b"\n") + 1),
        set(JUDGES)),
    "another key of the same name": (
        lambda folder: other_key(folder / "log.vkey"),
        {"openssl", "aics-tlog", "tlog-scales", "metamorphic-log"}),
    "a changed hash tile": (
        lambda folder: flip(folder / "tiles" / "tile" / "0" / "000", 7 * 32 + 3),
        {"tlog-scales", "aics-tlog"}),
    "a changed entry in a bundle": (
        lambda folder: flip(folder / "tiles" / "tile" / "entries" / "000", 60),
        {"pymerkle"}),
    "another hash in a proof file": (
        lambda folder: other_hash(first(folder, "proofs/*.tlog-proof"), 3),
        {"aics-tlog", "tlog-scales", "metamorphic-log"}),
    "another hash in a consistency file": (
        lambda folder: other_hash(first(folder, "heads/*.consistency"), 1),
        {"aics-tlog", "tlog-scales", "metamorphic-log"}),
    "another amount in a statement's view": (
        lambda folder: other_text(first(folder, "statements/*"), '"price":', '"price":1'),
        {"openssl"}),
    "another position in a statement": (
        lambda folder: other_text(first(folder, "statements/*"), "\nindex ", "\nindex 1"),
        {"openssl", "metamorphic-log"}),
    "another viewer in a statement": (
        lambda folder: other_text(first(folder, "statements/*"), "gavel.statement/v1\n",
                                  "gavel.statement/v1\nx"),
        {"openssl"}),
    "another hash in a statement's proof": (
        lambda folder: other_text(first(folder, "statements/*"), "=\n\n" + origin(folder),
                                  "=\n" + "A" * 43 + "=\n\n" + origin(folder)),
        {"metamorphic-log"}),
    "another root in an earlier head": (
        lambda folder: other_hash(first(folder, "heads/*.checkpoint"), 2),
        {"aics-tlog", "tlog-scales", "metamorphic-log", "pymerkle"}),
}


def cut(evidence, folder, name):
    """The parts of a file of `gavel audit prove` as proof files, by the words of its article."""
    *parts, text, signatures = evidence.strip("\n").split("\n\n")
    parts[0] = parts[0].split("\n", 2)[2]
    for number, part in enumerate(parts):
        (folder / f"{name}-{number}.tlog-proof").write_text(
            f"c2sp.org/tlog-proof@v1\n{part}\n\n{text}\n\n{signatures}\n")


def histories():
    """All that the fixtures have, the largest first, and eBay's where it stands beside us."""
    root = pathlib.Path(__file__).parents[2]
    folder = root / "Fixtures" / "histories"
    found = [folder / "storm.jsonl"]
    found += sorted(path for path in folder.rglob("*.jsonl") if path not in found)
    palm = root.parent / "shared" / "data" / "ebay" / "palm.jsonl"
    return found + ([palm] if palm.exists() else [])


def make(gavel, folder, history):
    """A ledger that grows from one checkpoint to the next, and all evidence of it."""
    def audit(*arguments):
        return run(gavel, "audit", *arguments)

    house = folder / "house"
    for name in ("proofs", "heads", "statements"):
        (folder / name).mkdir()
    run(gavel, "import", history, "--ledger", house)
    old = audit("checkpoint", "--ledger", house)
    (folder / "heads" / "imported.checkpoint").write_text(old)
    users = "".join(f'{{"command":"register_user","user":"new-{n}"}}\n' for n in range(300))
    run(gavel, "submit", "--ledger", house, text=users)
    (folder / "log.vkey").write_text(audit("key", "--ledger", house))
    secret = folder / "witness.key"
    (folder / "witness.vkey").write_text(
        audit("witness", "--make-key", "witness.example/w1", "--key", secret))
    tiles = folder / "tiles"
    audit("export-tiles", tiles, "--ledger", house, "--entries")
    audit(
        "witness", "--key", secret, "--state", folder / "seen", "--log-key", folder / "log.vkey",
        "--tiles", tiles, "--output", tiles / "checkpoint")
    audit("checkpoint", "--ledger", house, "--add", tiles / "checkpoint",
          "--witness", folder / "witness.vkey")
    (folder / "heads" / "imported.consistency").write_text(
        audit("prove", "--from", old.split("\n")[1], "--ledger", house))
    size = int(audit("checkpoint", "--ledger", house).split("\n")[1])
    positions = {0, 30, 255, 256, size // 4, size // 2, size - 300, size - 1}
    for position in sorted(position for position in positions if position < size):
        cut(audit("prove", position, "--ledger", house), folder / "proofs", str(position))
    log = run(gavel, "log", "--ledger", house, "--format", "json").splitlines()
    entries = [json.loads(line) for line in log]
    bids = [
        entry for entry in entries
        if entry["command"]["command"] == "place_bid" and entry["status"] == "accepted"]
    for entry in bids[-3:]:
        position, bidder = entry["position"], entry["command"]["bidder"]
        (folder / "statements" / f"{position}.statement").write_text(
            audit("prove", position, "--for", bidder, "--ledger", house))


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--gavel":
        is_fine = True
        for index, history in enumerate(histories()):
            with tempfile.TemporaryDirectory() as parent:
                folder = pathlib.Path(parent)
                make(pathlib.Path(sys.argv[2]).resolve(), folder, history)
                print(f"{history.name}:")
                # Whether they can see is asked once.
                is_fine &= judge_all(folder, asks_canaries=index == 0)
        sys.exit(0 if is_fine else 1)
    if len(sys.argv) != 2 or not (pathlib.Path(sys.argv[1]) / "tiles" / "checkpoint").exists():
        print(
            "usage: check_evidence.py FOLDER, with tiles/checkpoint in it, or --gavel PATH",
            file=sys.stderr)
        sys.exit(2)
    sys.exit(0 if judge_all(pathlib.Path(sys.argv[1]).resolve()) else 1)


def judge_all(folder, asks_canaries=True):
    """Asks every judge, then whether it can see. Says whether all is as it must be."""
    if sys.version_info < (3, 12) and JUDGES.pop("aics-tlog", None):
        print("aics-tlog        not asked: it needs Python 3.12")
    is_fine = True
    for judge in JUDGES:
        agrees, words = ask(judge, folder)
        print(f"{judge:16} {'agrees' if agrees else 'DISAGREES'}: {words}")
        is_fine &= agrees
    evidence = Evidence(folder)
    for name, (tamper, witnesses) in CANARIES.items() if asks_canaries else ():
        needs_entries = "bundle" in name
        if (needs_entries and not evidence.has_entries) or evidence.size < 256:
            continue
        if "statement" in name and not evidence.statements:
            continue
        with tempfile.TemporaryDirectory() as parent:
            copy = pathlib.Path(parent) / "copy"
            shutil.copytree(folder, copy)
            tamper(copy)
            saw = {judge for judge in JUDGES if not ask(judge, copy)[0]}
        expected = witnesses if evidence.has_entries else witnesses - {"pymerkle"}
        blind = expected & set(JUDGES) - saw
        print(f"tampered with: {name}: seen by {', '.join(sorted(saw)) or 'NOBODY'}")
        if blind:
            print(f"  BLIND: {', '.join(sorted(blind))}")
            is_fine = False
    return is_fine


if __name__ == "__main__":
    main()
