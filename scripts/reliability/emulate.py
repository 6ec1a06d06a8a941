#!/usr/bin/env python3
"""Runs the tests of the AVX-512 kernels on a machine that has no AVX-512: Linux boots under Bochs, which emulates a Skylake-X instruction by
instruction (some two hundred times as slow as a processor), and runs the tests that compare instruction sets with each other and with the formulas.

It takes Debian's bochs and a kernel, and a quarter of an hour beside the build:

    apt-get install --no-install-recommends bochs bochsbios vgabios bochs-term grub-pc-bin grub-common xorriso mtools cpio busybox-static
    python3 scripts/reliability/emulate.py
    python3 scripts/reliability/emulate.py --tests 'image::'       # of the kernels, those with this in their names

Debian's Bochs 2.7 has no AVX512-BF16. One built from the sources of github.com/bochs-emu/Bochs (783b58f, 2026) has; `--patch` gives it to the Skylake-X,
as Linux 6.1 does not start on its Sapphire Rapids, and mends its VDPBF16PS, whose 8-bit displacements count 64 bytes, not 4:

    python3 scripts/reliability/emulate.py --patch SOURCES/bochs
    cd SOURCES/bochs && ./configure --enable-cpu-level=6 --enable-x86-64 --enable-avx --enable-evex --enable-all-optimizations --with-nogui && make
    python3 scripts/reliability/emulate.py --bochs SOURCES/bochs/bochs --tests pairs
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Of the kernels' tests those that run every instruction set that there is.
TESTS = "variant image:: mlp::tests matrix:: chain:: dispatch:: bits_do_not the_backward_pass_is".split()
ACROSS = "another_instruction_set_gives_the_same_scores_and_samples_to_rounding"
# Rayon's threads wait for each other too long on one emulated core; and Bochs 2.7 rounds a whole number of 32 bits to a float by 31 of them
# (VCVTUDQ2PS of 0xf3fa2481 comes out one unit low), so that one normal in five hundred differs there and on no real processor.
SKIPPED = "--skip number_of_threads --skip philox"

INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
export PATH=/bin HOME=/tmp PROPTEST_CASES=4
echo "processor: $(busybox grep -m1 'model name' /proc/cpuinfo), $(busybox grep -m1 flags /proc/cpuinfo | busybox grep -o 'avx[_0-9a-z]*' | busybox tr '\\n' ' ')"
status=0
{commands}
echo "ENDED $status"
busybox sleep 10
busybox poweroff -f
"""

# Bochs 2.7 says a wrong size of the compact form of XSAVE, for which Linux would turn AVX off: it takes the standard form.
GRUB = """set timeout=0
menuentry tests {{
  linux /boot/vmlinuz console=ttyS0 quiet clearcpuid=xsavec,xsaves mitigations=off tsc=reliable lpj=1000000
  initrd /boot/initrd
}}
"""

BOCHS = """megs: 1024
cpu: model=corei7_skylake_x, count=1, ips=100000000, reset_on_triple_fault=0
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
ata0-master: type=cdrom, path={folder}/tests.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={folder}/serial
display_library: {display}
log: {folder}/log
panic: action=fatal
error: action=ignore
info: action=ignore
"""


def built(*arguments: str) -> dict[str, str]:
    """Builds and returns the programs by their targets' names."""
    command = ["cargo", "test", "--release", "--no-run", "--message-format=json", *arguments]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    messages = [json.loads(line) for line in lines if line.startswith("{")]
    return {m["target"]["name"]: m["executable"] for m in messages if m.get("executable")}


def kernel(given: str | None, folder: Path) -> Path:
    if given:
        return Path(given)
    depends = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], check=True, stdout=subprocess.PIPE, text=True).stdout
    package = next(word for word in depends.split() if word.startswith("linux-image-") and word != "linux-image-cloud-amd64")
    subprocess.run(["apt-get", "-q", "download", package], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run(["dpkg-deb", "-x", next(folder.glob("*.deb")), folder / "kernel"], check=True)
    return next((folder / "kernel/boot").glob("vmlinuz-*"))


def put(root: Path, program: str) -> None:
    """A program and the libraries it asks for, at the places where they are here."""
    libraries = subprocess.run(["ldd", program], stdout=subprocess.PIPE, text=True).stdout.split()
    for name in {program, *(word for word in libraries if word.startswith("/"))}:
        to = root / name.lstrip("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(name, to)
        to.chmod(0o755)


def image(folder: Path, programs: list[str], commands: list[str], vmlinuz: Path) -> None:
    root, disc = folder / "root", folder / "disc"
    for name in ("bin", "proc", "sys", "dev", "tmp"):
        (root / name).mkdir(parents=True)
    (disc / "boot/grub").mkdir(parents=True)
    shutil.copyfile("/bin/busybox", root / "bin/busybox")
    (root / "bin/busybox").chmod(0o755)
    for program in programs:
        put(root, program)
    (root / "init").write_text(INIT.format(commands="\n".join(f"{command} || status=1" for command in commands)))
    (root / "init").chmod(0o755)
    archive = "find . | cpio --quiet -o -H newc | gzip -1 > ../disc/boot/initrd"
    subprocess.run(archive, shell=True, cwd=root, check=True)
    shutil.copyfile(vmlinuz, disc / "boot/vmlinuz")
    (disc / "boot/grub/grub.cfg").write_text(GRUB.format())
    subprocess.run(["grub-mkrescue", "-o", folder / "tests.iso", disc], check=True, stderr=subprocess.DEVNULL)


def run(folder: Path, arguments: argparse.Namespace) -> str:
    """What the emulated machine writes, shown as it comes."""
    own = arguments.bochs is not None
    display = "nogui" if own else 'rfb, options="timeout=0"'
    (folder / "bochsrc").write_text(BOCHS.format(folder=folder, display=display))
    (folder / "go").write_text("c\n")  # Debian's has its debugger built in, which waits for a word.
    command = [arguments.bochs or "bochs", "-q", "-f", folder / "bochsrc", *([] if own else ["-rc", folder / "go"])]
    serial, shown, end = folder / "serial", "", time.time() + 60 * arguments.minutes
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as bochs:
        while bochs.poll() is None and time.time() < end and "\nENDED" not in shown.replace("\r", ""):
            time.sleep(1)
            said = serial.read_text(errors="replace") if serial.exists() else ""
            print(said[len(shown):], end="", flush=True)
            shown = said
        bochs.kill()
    return shown


def patch(bochs: Path) -> None:
    """Gives the sources of Bochs a Skylake-X with AVX512-BF16."""
    model = "cpu/cpudb/intel/corei7_skylake-x.cc"
    bit = "  case 1:\n    leaf->eax = 1 << 5;\n    leaf->ebx = leaf->ecx = leaf->edx = 0;\n    break;\n  default:"
    operands = "OP_Vps, OP_Hdq, OP_mVdq{}, OP_NONE, BX_PREPARE_EVEX_NO_SAE)"
    changes = [
        (model, "(BX_ISA_AVX512);", "(BX_ISA_AVX512);\n  enable_cpu_extension(BX_ISA_AVX512_BF16);", ""),
        (model, "leaf->eax = 0;", "leaf->eax = 1;", "::get_std_cpuid_leaf_7("),
        (model, "  default:", bit, "::get_std_cpuid_leaf_7("),
        ("cpu/decoder/ia_opcodes_evex.def", operands.format("32"), operands.format(""), "define_opcode(BX_IA_EVEX_VDPBF16PS"),
    ]
    if "AVX512_BF16" in (bochs / model).read_text():
        sys.exit(f"{bochs / model} has AVX512-BF16 already")
    for name, old, new, after in changes:
        text = (bochs / name).read_text()
        start = text.index(after)
        if old not in text[start:]:
            sys.exit(f"{bochs / name}: {old!r} is not there: other sources than those that this was written for")
        (bochs / name).write_text(text[:start] + text[start:].replace(old, new, 1))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", help="a Linux kernel, bzImage [default: Debian's newest, fetched by apt-get]")
    parser.add_argument("--bochs", help="a Bochs built without its debugger and with nogui [default: Debian's]")
    parser.add_argument("--patch", type=Path, metavar="DIR", help="change the sources of a Bochs, and do no more")
    parser.add_argument("--tests", nargs="+", default=TESTS, help="words in names of the kernels' tests")
    parser.add_argument("--minutes", type=float, default=40, help="give up after so many")
    arguments = parser.parse_args()
    if arguments.patch:
        patch(arguments.patch)
        return 0
    kernels = built("-p", "scorefield-kernels", "--lib")["scorefield_kernels"]
    across = built("-p", "scorefield", "-p", "scorefield-cli", "--test", "reproducible")
    commands = [
        f"{kernels} --test-threads 1 {SKIPPED} {' '.join(arguments.tests)}",
        f"{across['reproducible']} --nocapture --exact {ACROSS}",
    ]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        image(folder, [kernels, across["reproducible"], across["scorefield"]], commands, kernel(arguments.kernel, folder))
        said = run(folder, arguments)
    if "avx512f" not in said:
        sys.exit("\nthe emulated machine has no AVX-512")
    if arguments.bochs and "avx512_bf16" not in said:
        sys.exit("\nthe emulated machine has no AVX512-BF16")
    return 0 if "ENDED 0" in said else 1


if __name__ == "__main__":
    sys.exit(main())
