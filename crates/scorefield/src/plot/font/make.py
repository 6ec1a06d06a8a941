"""Makes the bundled fonts: python3 make.py INTER_FOLDER DEJAVU_SANS.ttf (needs fonttools and uharfbuzz).

Inter 4.0 (Regular and SemiBold, .otf) is cut down to the characters of titles, labels and formulas; its pair kerning, which lives in
GPOS, is measured with HarfBuzz and written as a plain `kern` table. DejaVu Sans gives the symbols that Inter lacks.
"""

import sys
from pathlib import Path

import uharfbuzz as hb
from fontTools import subset
from fontTools.ttLib import TTFont, newTable
from fontTools.ttLib.tables._k_e_r_n import KernTable_format_0

HERE = Path(__file__).parent
RANGES = [(0x20, 0x7F), (0xA0, 0x180), (0x391, 0x3AA), (0x3B1, 0x3CA), (0x2070, 0x209D), (0x2190, 0x2194)]
TEXT = "".join(chr(c) for r in RANGES for c in range(*r)) + "ℓ–—‘’“”•…′″‖‹›€−×·∂√∞≈≠≤≥∫∑∏±÷✓ \u0302\u0303\u0304"
SYMBOLS = "∇∈ℝℕ∝∥⟨⟩∼≪≫∂∞↦✗✓∀∃⊙∘"
KERNED = [*range(0x21, 0x7F), 0x3C3, 0x3B5, 0x3B8, 0x2212, 0x2019]
SMALLEST = 0.012  # of an em; smaller kerning is not seen


def cut(source, target, characters):
    options = subset.Options(layout_features=[], hinting=False, desubroutinize=True, notdef_outline=True)
    options.name_IDs = [0, 1, 2, 13, 14]
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "DSIG", "FFTM", "kern", "BASE", "STAT"]
    font = subset.load_font(source, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=characters)
    subsetter.subset(font)
    subset.save_font(font, target, options)


def flatten_kerning(source, target):
    font, shaper = TTFont(target), hb.Font(hb.Face(hb.Blob.from_file_path(source)))
    glyphs, em = font.getBestCmap(), shaper.face.upem

    def advance(text):
        buffer = hb.Buffer()
        buffer.add_str(text)
        buffer.guess_segment_properties()
        hb.shape(shaper, buffer, {"kern": True, "liga": False, "calt": False, "ccmp": False})
        return sum(p.x_advance for p in buffer.glyph_positions)

    alone = {c: advance(chr(c)) for c in KERNED}
    kerning = {(a, b): advance(chr(a) + chr(b)) - alone[a] - alone[b] for a in KERNED for b in KERNED}
    pairs = KernTable_format_0()
    pairs.version, pairs.coverage, pairs.tupleIndex, pairs.apple = 0, 1, None, False
    pairs.kernTable = {(glyphs[a], glyphs[b]): k for (a, b), k in kerning.items() if abs(k) >= SMALLEST * em}
    table = newTable("kern")
    table.version, table.kernTables = 0, [pairs]
    font["kern"] = table
    font.save(target)


inter, dejavu = Path(sys.argv[1]), sys.argv[2]
for weight in ["Regular", "SemiBold"]:
    source, target = str(inter / f"Inter-{weight}.otf"), str(HERE / f"inter-{weight.lower()}.otf")
    cut(source, target, TEXT)
    flatten_kerning(source, target)
cut(dejavu, str(HERE / "dejavu-symbols.ttf"), SYMBOLS)
