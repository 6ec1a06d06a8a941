#!/usr/bin/env python3
"""Makes the corpus: a few small good files of every kind, by the command itself, and some that others have made to harm.

    python3 fuzz/make_corpus.py target/release/scorefield
"""

import gzip
import io
import json
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

BINARY = str(Path(sys.argv[1]).resolve())
CORPUS = Path(__file__).resolve().parent / "corpus"
SMALL = "--width 4 --depth 1 --embedding 4 --batch 4 --steps 2 --warmup 0 --log-every 1 --checkpoint-every 2".split()


def put(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def npy(descr, shape, data, order="False"):
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + data


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in members:
            z.writestr(name, data)
    return out.getvalue()


def png(width, height, data):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def main():
    shutil.rmtree(CORPUS, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)

        def run(*arguments):
            subprocess.run([BINARY, *arguments, "--quiet"], cwd=here, check=True, stdout=subprocess.DEVNULL)

        run("train", "toy:rings", "--out", "run", *SMALL)
        run("train", "digits", "--out", "unet", "--net", "unet", *SMALL)
        run("export", "unet", "--format", "diffusers", "model")
        for name in ("a.npy", "a.csv", "a.parquet", "a.png", "a.svg"):
            run("sample", "run", "-n", "5", "--steps", "2", "-o", name)
        run("sample", "unet", "-n", "1", "--steps", "2", "-o", "digit.png")
        read = lambda name: (here / name).read_bytes()
        checkpoint = "run/checkpoints/step-00000002/"
        put("npy", "good.npy", read("a.npy"))
        put("csv", "good.csv", read("a.csv"))
        put("parquet", "good.parquet", read("a.parquet"))
        put("png", "good.png", read("digit.png"))
        put("picture-record", "good.png", read("digit.png"))
        put("picture-record", "good.svg", read("a.svg")[:8000])
        put("record", "good.npy", read("a.npy"))
        put("record", "good.parquet", read("a.parquet"))
        put("record", "good.json", read("a.csv.json"))
        put("recipe", "run.toml", read("run/recipe.toml"))
        put("metrics", "good.jsonl", read("run/metrics.jsonl"))
        put("latest", "good", read("run/latest"))
        put("state", "good.json", read(checkpoint + "state.json"))
        put("safetensors", "run.safetensors", read(checkpoint + "model.safetensors"))
        put("safetensors", "good.safetensors", read("model/diffusion_pytorch_model.safetensors"))
        put("unet-config", "good.json", read("model/config.json"))
        put("scheduler-config", "good.json", read("model/scheduler_config.json"))
        put("model-index", "good.json", read("model/model_index.json"))

    one = struct.pack("<d", 1.5)
    put("npy", "float64.npy", npy("'<f8'", "(1, 2)", one * 2))
    put("npy", "bytes.npy", npy("'|u1'", "(2, 1, 2, 2)", bytes(8)))
    put("npy", "fortran.npy", npy("'>f4'", "(2, 2)", struct.pack(">4f", 1, 2, 3, 4), "True"))
    # NumPy would unpickle this, and run what is in it: cos\nsystem.
    put("npy", "pickle.npy", npy("'|O'", "(1,)", b"cos\nsystem\n(S'true'\ntR."))
    put("npy", "immense.npy", npy("'<f4'", "(4294967295, 4294967295)", b""))
    member = npy("'<f4'", "(2, 1)", struct.pack("<2f", 1, 2))
    put("npz", "good.npz", zipped([("a.npy", member)]))
    put("npz", "two.npz", zipped([("a.npy", member), ("b.npy", member)]))
    put("npz", "climbs-out.npz", zipped([("../../../../tmp/out.npy", member)]))
    put("npz", "absolute.npz", zipped([("/etc/passwd.npy", member)]))
    put("npz", "bomb.npz", zipped([("a.npy", npy("'|u1'", "(33554432, 1)", bytes(1 << 25)))]))
    put("npz-member", "good.npy", member)
    put("csv", "quoted.csv", 'a;"b ""c"""\n1;2\n-3e5;4\n')
    put("csv", "tabs.csv", "1\t2\n3\t4\n")
    put("csv-gz", "good.csv.gz", gzip.compress(b"a,b\n1,2\n3,4\n", mtime=0))
    put("csv-gz", "bomb.csv.gz", gzip.compress(b"a\n" + b"1\n" * (1 << 18), mtime=0))
    put("png", "immense.png", png(65535, 65535, b""))
    put("png", "grey.png", png(2, 2, b"\0\1\2\0\3\4"))
    put("png", "bomb.png", png(32768, 32768, bytes(1 << 16)))
    # The smallest baseline JPEG: a grey square of 1 × 1.
    put("jpeg", "grey.jpg", bytes.fromhex(
        "ffd8ffe000104a46494600010100000100010000ffdb004300" + "01" * 64
        + "ffc0000b080001000101011100ffc40014000100000000000000000000000000000009ffc40014100100000000000000000000000000000000"
        + "ffda0008010100003f0054ffd9"))
    idx = lambda count: struct.pack(">4I", 2051, count, 28, 28)
    put("idx", "two.idx", idx(2) + bytes(2 * 784))
    put("idx", "immense.idx", idx(0xFFFFFFFF) + bytes(10))
    put("idx-gz", "two.idx", idx(2) + bytes(2 * 784))
    put("cifar", "one.bin", b"\3" + bytes(3072))
    put("recipe", "short.toml", 'seed = 3\n[data]\nsource = "digits"\n[train]\nsteps = 5\nema = [10, 20]\n')
    put("recipe", "deep.toml", "a = " + "[" * 2000)
    put("density", "mixture.toml", 'kind = "mixture"\n[[component]]\nweight = 0.8\nmean = [5.0, 5.0]\ncov = [[1.0, 0.0], [0.0, 1.0]]\n[[component]]\nweight = 0.2\nmean = [-5.0, -5.0]\nstd = 1.0\n')
    put("density", "formula.toml", "kind = 'formula'\ndimension = 2\nstart = [2, 0]\nlog_density = '-0.5*((norm(x) - r)/0.3)^2 + sum(i, 0, 1, log(1 + x[i]^2))'\n[parameters]\nr = 2.0\n")
    put("metrics", "null.jsonl", '{"step":1,"loss":null}\n{"step":2')
    put("latest", "climbs-out", "../../../etc\n")
    put("state", "deep.json", "[" * 5000)
    put("safetensors", "immense.safetensors", struct.pack("<Q", 1 << 62))
    header = json.dumps({"a": {"dtype": "F32", "shape": [1 << 40, 1 << 40], "data_offsets": [0, 4]}}).encode()
    put("safetensors", "overflow.safetensors", struct.pack("<Q", len(header)) + header + bytes(4))
    put("picture-record", "entities.svg", '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "' + "&a;" * 50 + '"><!ENTITY c "' + "&b;" * 50 + '"><!ENTITY d "' + "&c;" * 50 + '">]><svg xmlns="http://www.w3.org/2000/svg">&d;</svg>')
    put("unet-config", "huge.json", '{"in_channels": 1, "out_channels": 1, "block_out_channels": [16384, 16384], "layers_per_block": 16384, "down_block_types": ["DownBlock2D", "DownBlock2D"], "up_block_types": ["UpBlock2D", "UpBlock2D"], "time_embedding_dim": 16, "sample_size": 8}')
    put("unet-config", "classes.json", '{"in_channels": 1, "out_channels": 1, "block_out_channels": [4], "down_block_types": ["DownBlock2D"], "up_block_types": ["UpBlock2D"], "norm_num_groups": 2, "num_class_embeds": 1152921504606846976, "sample_size": 8}')
    total = sum(f.stat().st_size for f in CORPUS.rglob("*") if f.is_file())
    print(f"{sum(f.is_file() for f in CORPUS.rglob('*'))} files, {total} bytes")


main()
