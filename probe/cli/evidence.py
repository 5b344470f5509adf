"""``cni-probe evidence``: a folder that proves what a run tested, and whether such a folder is still what it was."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from probe.cli.reading import read_run
from probe.model.cell import ExitCode
from probe.model.errors import UsageError

if TYPE_CHECKING:
    from probe.report.evidence.signing import Command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="the run: a record (run -o json) or a journal",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="the folder to write: new, or empty")
    parser.add_argument("--run", metavar="ID", help="which run of the journal (default: its last)")
    parser.add_argument(
        "--sign", metavar="COMMAND",
        help="sign the manifest: COMMAND gets it on stdin (or by its path, for the word {manifest}), and writes the "
        "signature to stdout; for example 'gpg --detach-sign --armor'",
    )  # fmt: skip
    parser.add_argument("--verify", type=Path, metavar="DIR", help="find what is not as written in such a folder")
    parser.add_argument(
        "--verify-signature", metavar="COMMAND",
        help="with --verify: COMMAND gets the manifest on stdin and {manifest} and {signature} as paths, and ends with "
        "0 if the signature is right; for example 'gpg --verify {signature} -'",
    )  # fmt: skip
    parser.epilog = "Exit code of --verify 1: something was changed, is missing, was added, or is not signed."


def run(args: argparse.Namespace) -> int:
    """Write or verify. Raises UsageError for what cannot be meant, CniProbeError where writing or signing fails."""
    from probe.report.evidence.signing import Command

    if args.verify is not None:
        if args.file is not None or args.output is not None or args.sign is not None or args.run is not None:
            raise UsageError("--verify takes a folder alone: leave out FILE, -o, --run and --sign")
        signature = Command.parse(args.verify_signature, "--verify-signature") if args.verify_signature else None
        return _verify(args.verify, signature)
    if args.verify_signature is not None:
        raise UsageError("--verify-signature goes with --verify DIR")
    if args.file is None or args.output is None:
        raise UsageError("say which run and where to: cni-probe evidence RUN.json -o DIR (or: --verify DIR)")
    return _write(args, Command.parse(args.sign, "--sign") if args.sign else None)


def _write(args: argparse.Namespace, signature: Command | None) -> int:
    from probe.report.evidence.contents import source_words
    from probe.report.evidence.folder import check_directory, write_folder
    from probe.report.evidence.manifest import MANIFEST, SIGNATURE
    from probe.report.summary import headline
    from probe.report.text import one_line, plural

    check_directory(args.output)
    record = read_run(args.file, args.run)
    written = write_folder(record, args.output, signature)
    print(f"evidence of run {record.run} in {args.output}: {plural(written.files, 'file')}")
    print(f"  {one_line(headline(record))}")
    for source in written.missing:
        print(f"  not included: {source_words(source)}")
    if written.missing and all(source.digest for source in written.missing) and not written.sources:
        print("  (they are looked for from here: run this where the run was started)")
    print(f"  {MANIFEST} has the SHA-256 {written.digest}" + (f", and is signed ({SIGNATURE})" if signature else ""))
    print(f"  to verify it: cni-probe evidence --verify {args.output}")
    return int(ExitCode.PASSED)


def _verify(directory: Path, signature: Command | None) -> int:
    from probe.report.evidence.manifest import MANIFEST, SIGNATURE
    from probe.report.evidence.verify import verify
    from probe.report.text import plural

    found = verify(directory, signature)
    if found.problems:
        print(f"{directory} is not what was written: {plural(len(found.problems), 'problem')}")
        for problem in found.problems:
            print(f"  {problem}")
        return int(ExitCode.MISMATCH)
    print(f"{directory}: {plural(found.files, 'file')}, each as the manifest says, and no other")
    print(f"  {MANIFEST} has the SHA-256 {found.digest}")
    if found.verified:
        print(f"  {SIGNATURE}: accepted as its signature")
    elif found.signed:
        print(f"  {SIGNATURE}: not looked at; --verify-signature COMMAND does")
    else:
        print("  it is not signed: whoever can change the files can write the manifest again")
    return int(ExitCode.PASSED)
